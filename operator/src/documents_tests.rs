use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server that gives the same answer to everybody; gives its URL and who trusts it.
async fn serve(answer: Vec<u8>) -> (String, HttpsDocuments) {
    crate::run::install_crypto_provider();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (format!("https://localhost:{port}/keys?a=b"), HttpsDocuments::new(Https::trusting(roots)))
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_document_is_read_and_everything_else_is_an_error_without_its_content() {
    let (url, documents) = serve(answer("200 OK", "", b"{\"keys\":[]}")).await;
    assert_eq!(documents.get(&url).await.as_deref(), Ok("{\"keys\":[]}"));
    let host = || "localhost".to_owned();
    let status = |status| DocumentError::Status { host: host(), status };
    for (given, error) in [
        (answer("302 Found", "location: https://localhost/\r\n", b"x"), status(302)),
        (answer("404 Not Found", "", b"x"), status(404)),
        (answer("200 OK", "", &vec![b'x'; LONGEST_DOCUMENT + 1]), DocumentError::TooLong(host())),
        (answer("200 OK", "", b"\xff"), DocumentError::NotText(host())),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_vec(), DocumentError::Broken(host())),
        (b"SSH-2.0\r\n".to_vec(), DocumentError::Broken(host())),
    ] {
        let (url, documents) = serve(given).await;
        assert_eq!(documents.get(&url).await, Err(error));
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_or_not_there_is_not_read() {
    let (url, _) = serve(answer("200 OK", "", b"x")).await;
    let (_, strangers) = serve(Vec::new()).await;
    assert_eq!(strangers.get(&url).await, Err(DocumentError::Connect("localhost".into())));
    assert_eq!(strangers.get("https://localhost:1/").await, Err(DocumentError::Connect("localhost".into())));
    let other = url.replace("localhost", "127.0.0.1");
    assert_eq!(strangers.get(&other).await, Err(DocumentError::Connect("127.0.0.1".into())), "another name");
}

#[tokio::test]
async fn urls_of_another_form_are_not_read() {
    crate::run::install_crypto_provider();
    let documents = HttpsDocuments::new(Https::trusting(RootCertStore::empty()));
    for url in
        ["", "http://localhost/", "file:///etc/passwd", "https:///x", "localhost", "https://user@localhost/", "/x"]
    {
        assert_eq!(documents.get(url).await, Err(DocumentError::Url), "{url}");
    }
}
