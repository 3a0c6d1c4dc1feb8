//! When a request is sent again, and when it must not be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aigw_forwarder::http_client::{Client, Destination, client_config};
use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// A server that answers the first request of its first connection, meets the second with `second`, and closes. All
/// later connections are served well. Counts requests.
async fn server(second: &'static [u8]) -> (Arc<Destination>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let destination = Destination::plain(&listener.local_addr().unwrap().to_string()).unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connections += 1;
            while read_head(&mut stream).await {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let answer = if connections == 1 && number == 1 { second } else { OK };
                stream.write_all(answer).await.unwrap();
                if answer != OK {
                    break;
                }
            }
        }
    });
    (Arc::new(destination), requests)
}

async fn send(client: &Arc<Client>, destination: &Arc<Destination>) -> Option<Bytes> {
    let connection = client.checkout(destination).await.unwrap();
    let request = Request::builder().uri("/").header("host", "h").body(Bytes::new()).unwrap();
    let response = client.send(connection, request).await.ok()?;
    response.into_body().collect().await.ok()
}

fn client() -> Arc<Client> {
    Client::new(client_config(None).unwrap())
}

#[tokio::test]
async fn a_reused_connection_that_dies_silently_is_replaced_once() {
    let (destination, requests) = server(b"").await;
    let client = client();
    assert_eq!(send(&client, &destination).await.unwrap(), "ok");
    assert_eq!(send(&client, &destination).await.unwrap(), "ok");
    assert_eq!(requests.load(Ordering::Relaxed), 3, "one request was sent twice");
}

#[tokio::test]
async fn one_response_byte_rules_out_a_second_attempt() {
    let (destination, requests) = server(b"H").await;
    let client = client();
    assert_eq!(send(&client, &destination).await.unwrap(), "ok");
    assert!(send(&client, &destination).await.is_none());
    assert_eq!(requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_new_connection_that_dies_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let destination = Arc::new(Destination::plain(&listener.local_addr().unwrap().to_string()).unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            read_head(&mut stream).await;
        }
    });
    assert!(send(&client(), &destination).await.is_none());
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_body_left_unread_closes_its_connection() {
    let (destination, _) = server(b"").await;
    let client = client();
    let connection = client.checkout(&destination).await.unwrap();
    let request = Request::builder().uri("/").header("host", "h").body(Bytes::new()).unwrap();
    drop(client.send(connection, request).await.unwrap());
    // Were the connection kept, the server would count this as its second request and close.
    assert_eq!(send(&client, &destination).await.unwrap(), "ok");
}
