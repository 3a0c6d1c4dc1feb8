//! The front between real sockets: ALPN, transparency, and transfers that break.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::client::conn;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client;

use super::*;

struct Scene {
    ca: Ca,
    front: Handle,
    upstream: TcpListener,
    _dir: tempfile::TempDir,
}

async fn scene(http1_only: bool) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::generate(dir.path()).unwrap();
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = upstream.local_addr().unwrap().to_string().parse().unwrap();
    let mut config = Config::new(authority);
    config.http1_only = http1_only;
    config.names = vec!["*.execute-api.eu-central-1.amazonaws.com".into()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = spawn(listener, &ca, config).unwrap();
    Scene { ca, front, upstream, _dir: dir }
}

impl Scene {
    async fn tls(&self, alpn: &[&str]) -> io::Result<client::TlsStream<TcpStream>> {
        self.tls_as("localhost", alpn).await
    }

    async fn tls_as(&self, name: &'static str, alpn: &[&str]) -> io::Result<client::TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.front.addr()).await.unwrap();
        let connector = TlsConnector::from(self.ca.client_config(alpn).unwrap());
        connector.connect(name.try_into().unwrap(), tcp).await
    }

    /// Takes one request as raw bytes up to the end of its head and answers with raw bytes.
    async fn exchange(&self, answer: &str) -> (String, BufReader<TcpStream>) {
        let (tcp, _) = self.upstream.accept().await.unwrap();
        let mut tcp = BufReader::new(tcp);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(tcp.read_line(&mut head).await.unwrap(), 0, "ended after {head:?}");
        }
        tcp.write_all(answer.as_bytes()).await.unwrap();
        (head, tcp)
    }
}

fn alpn(stream: &client::TlsStream<TcpStream>) -> Option<&[u8]> {
    stream.get_ref().1.alpn_protocol()
}

async fn http2(stream: client::TlsStream<TcpStream>) -> conn::http2::SendRequest<Body> {
    let (sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-CamelCase: a\r\nx-twice: 1\r\nx-twice: 2\r\n\r\nok";

#[tokio::test]
async fn alpn_offers_both_protocols() {
    let scene = scene(false).await;
    assert_eq!(alpn(&scene.tls(&["h2", "http/1.1"]).await.unwrap()), Some(&b"h2"[..]));
    assert_eq!(alpn(&scene.tls(&["http/1.1"]).await.unwrap()), Some(&b"http/1.1"[..]));
    assert_eq!(alpn(&scene.tls(&[]).await.unwrap()), None);
    let named = scene.tls_as("abc.execute-api.eu-central-1.amazonaws.com", &["h2"]).await;
    assert_eq!(alpn(&named.unwrap()), Some(&b"h2"[..]));
    assert!(scene.tls_as("example.com", &["h2"]).await.is_err());
}

#[tokio::test]
async fn http1_only_refuses_http2() {
    let scene = scene(true).await;
    assert!(scene.tls(&["h2"]).await.is_err());
    assert_eq!(alpn(&scene.tls(&["h2", "http/1.1"]).await.unwrap()), Some(&b"http/1.1"[..]));
    // Without ALPN, the connection preface of HTTP/2 is no HTTP/1.1 request.
    let mut stream = scene.tls(&[]).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn http1_keeps_path_bytes_and_header_case() {
    let scene = scene(false).await;
    let path = "/api1/live/model/a%3A0%2fb:c//d/?x=1&x=2&y=%2B+";
    let mut stream = scene.tls(&["http/1.1"]).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:1\r\nX-MiXed: v\r\nauthorization: Bearer t\r\nX-Gone: 1\r\nConnection: X-Gone\r\nContent-Length: 4\r\n\r\nbody"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (head, mut upstream) = scene.exchange(OK).await;
    assert!(head.starts_with(&format!("POST /_aws/execute-api{path} HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("\r\nX-MiXed: v\r\n") && head.contains("\r\nHost: localhost:1\r\n"), "{head}");
    assert!(!head.contains("X-Gone"), "{head}");
    let mut body = [0; 4];
    upstream.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"body");
    let mut answer = String::new();
    let mut reader = BufReader::new(stream);
    while !answer.ends_with("\r\n\r\nok") {
        let mut byte = [0];
        reader.read_exact(&mut byte).await.unwrap();
        answer.push(char::from(byte[0]));
    }
    assert!(answer.contains("\r\nX-CamelCase: a\r\n"), "{answer}");
    assert_eq!(answer.matches("x-twice").count(), 2);
    assert_eq!(scene.front.counters().http1_requests.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn http2_keeps_path_bytes_and_maps_the_host_form() {
    let scene = scene(false).await;
    let mut sender = http2(scene.tls(&["h2"]).await.unwrap()).await;
    for (url, path, host) in [
        (
            "https://localhost:7/api1/live/a%3A0%2Fb?x=1&x=2",
            "/_aws/execute-api/api1/live/a%3A0%2Fb?x=1&x=2",
            "localhost:7".to_owned(),
        ),
        (
            "https://abc.execute-api.eu-central-1.amazonaws.com/live/x%2Fy/",
            "/_aws/execute-api/abc/live/x%2Fy/",
            scene.upstream.local_addr().unwrap().to_string(),
        ),
    ] {
        let request = Request::get(url).header("x-one", "1").body(wire::full("")).unwrap();
        let response = sender.send_request(request);
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        let (response, (head, _)) = tokio::join!(response, scene.exchange(answer));
        let response = response.unwrap();
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert_eq!(response.version(), Version::HTTP_2);
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    }
    assert_eq!(scene.front.counters().http2_requests.load(Ordering::Relaxed), 2);
    assert_eq!(scene.front.counters().connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_addresses_no_api_is_forbidden_and_a_dead_upstream_is_a_502() {
    let scene = scene(false).await;
    let mut sender = http2(scene.tls(&["h2"]).await.unwrap()).await;
    let mut status = async |path: &str| {
        let request = Request::get(format!("https://localhost{path}")).body(wire::full("")).unwrap();
        sender.send_request(request).await.unwrap().status().as_u16()
    };
    assert_eq!(status("/").await, 403);
    assert_eq!(status("/api").await, 403);
    assert_eq!(status("/_front/health").await, 200);
    drop(scene.upstream);
    assert_eq!(status("/api/stage").await, 502);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let scene = scene(false).await;
    let mut sender = http2(scene.tls(&["h2"]).await.unwrap()).await;
    let (feed, pieces) = futures::channel::mpsc::unbounded::<Result<http_body::Frame<Bytes>, io::Error>>();
    let request = Request::post("https://localhost/a/b").body(wire::streamed(StreamBody::new(pieces))).unwrap();
    let response = sender.send_request(request);
    let upstream = scene.exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none;\r\n");
    let (response, (head, mut upstream)) = tokio::join!(response, upstream);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    // Each side sends only after it has received what the other sent before.
    let mut body = response.unwrap().into_body();
    for (up, down) in [("1", "two;"), ("2", "three")] {
        feed.unbounded_send(Ok(http_body::Frame::data(up.into()))).unwrap();
        assert!(!body.frame().await.unwrap().unwrap().into_data().unwrap().is_empty());
        for expected in ["1", up] {
            let mut line = String::new();
            upstream.read_line(&mut line).await.unwrap();
            assert_eq!(line.trim(), expected, "size, then content of a chunk");
        }
        let mut chunk = Vec::new();
        write!(chunk, "{:x}\r\n{down}\r\n", down.len()).unwrap();
        upstream.write_all(&chunk).await.unwrap();
    }
    drop(feed);
    upstream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "three");
}

#[tokio::test]
async fn an_upstream_that_breaks_breaks_the_transfer() {
    for (head, alpn) in [
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "h2"),
        ("Content-Length: 10\r\n\r\nabc", "h2"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "http/1.1"),
        ("Content-Length: 10\r\n\r\nabc", "http/1.1"),
    ] {
        let scene = scene(false).await;
        let stream = scene.tls(&[alpn]).await.unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\n{head}");
        let request = Request::get("https://localhost/a/b").header("host", "localhost").body(wire::full("")).unwrap();
        let (response, (_, upstream)) = if alpn == "h2" {
            let mut sender = http2(stream).await;
            tokio::join!(sender.send_request(request), scene.exchange(&answer))
        } else {
            let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let mut request = request;
            *request.uri_mut() = "/a/b".parse().unwrap();
            tokio::join!(sender.send_request(request), scene.exchange(&answer))
        };
        let mut body = response.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        drop(upstream);
        assert!(body.frame().await.unwrap().is_err(), "{alpn} {head}");
    }
}

#[test]
fn the_authority_is_written_for_clients() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::generate(dir.path()).unwrap();
    assert_eq!(ca.path(), dir.path().join("ca.pem"));
    let pem = std::fs::read_to_string(ca.path()).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(!pem.contains("PRIVATE"));
    assert!(matches!(Ca::generate(&dir.path().join("missing")), Err(CaError::Write { .. })));
    assert!(ca.server_config(&["not a name \u{e9}".into()], &[]).is_err());
}
