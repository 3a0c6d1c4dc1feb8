//! The stub over sockets. Here: a client that signs, and helpers to read what comes back.

mod answers;
mod faults;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::response::Parts;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::frames::tests::{Decoded, decode};
use super::*;

const HAIKU: &str = "/model/anthropic.claude-3-haiku-20240307-v1%3A0";

async fn stub() -> Handle {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config::new("eu-central-1").with_credential("AKID", "secret", Some("token"));
    config.chunk_interval = Duration::from_millis(10);
    spawn(listener, config).unwrap()
}

fn signed(addr: SocketAddr, path: &str, body: &str, extra: &[(&str, &str)]) -> Request<Body> {
    let url = format!("http://{addr}{path}");
    let identity = Credentials::new("AKID", "secret", Some("token".into()), None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("bedrock")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(extra);
    let signable =
        SignableRequest::new("POST", url.as_str(), headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    let mut request = Request::post(url).body(wire::full(body.to_owned())).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    instructions.apply_to_request_http1x(&mut request);
    request
}

async fn send(request: Request<Body>) -> Response<Incoming> {
    wire::http_client().request(request).await.unwrap()
}

async fn call(stub: &Handle, path: &str, body: &Value, extra: &[(&str, &str)]) -> (Parts, Bytes) {
    let response = send(signed(stub.addr(), path, &body.to_string(), extra)).await;
    let (parts, body) = response.into_parts();
    (parts, body.collect().await.unwrap().to_bytes())
}

async fn control(stub: &Handle, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request =
        Request::builder().method(method).uri(format!("{}{path}", stub.url())).body(wire::full(body.to_string()));
    let response = send(request.unwrap()).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn converse(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] })
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn events(frames: &[Decoded]) -> Vec<&str> {
    frames.iter().map(|frame| frame.header(":event-type")).collect()
}

/// Reads a response body to its end or to its error.
async fn drain(response: Response<Incoming>) -> (Vec<u8>, bool) {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap()),
            Err(_) => return (bytes, true),
        }
    }
    (bytes, false)
}
