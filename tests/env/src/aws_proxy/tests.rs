//! The proxy between a caller and a small upstream. Here: both of them.

mod faults;
mod log;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::Value;

use super::*;

/// An upstream that counts requests and answers with what the path asks for.
struct Upstream {
    hits: Arc<AtomicU64>,
    running: Running,
}

async fn upstream() -> Upstream {
    let hits = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&hits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Running::start(listener, |listener| {
        accept_loop(listener, move |socket| {
            let counter = Arc::clone(&counter);
            async move {
                let service = service_fn(move |request| reply(Arc::clone(&counter), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            }
        })
    });
    Upstream { hits, running: running.unwrap() }
}

async fn reply(hits: Arc<AtomicU64>, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = wire::collect(body, MAX_SMALL_BODY).await.unwrap();
    if parts.uri.path().ends_with("/slow") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    hits.fetch_add(1, Ordering::SeqCst);
    let host = parts.headers["host"].to_str().unwrap();
    let mut response = wire::json(
        StatusCode::OK,
        &json!({ "target": parts.uri.to_string(), "host": host, "body": String::from_utf8_lossy(&body) }),
    );
    if parts.uri.path() == "/restapis/missing" {
        response = wire::json(StatusCode::NOT_FOUND, &json!({ "message": "Invalid API identifier" }));
        response.headers_mut().insert("X-Amzn-Errortype", "NotFoundException:".parse().unwrap());
    }
    Ok(response)
}

struct Scene {
    upstream: Upstream,
    proxy: Handle,
}

async fn scene() -> Scene {
    let upstream = upstream().await;
    let config = Config::new(upstream.running.addr().to_string().parse().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Scene { upstream, proxy: spawn(listener, config).unwrap() }
}

#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Scene {
    fn hits(&self) -> u64 {
        self.upstream.hits.load(Ordering::SeqCst)
    }

    /// One call on a connection of its own; `None` when the connection ended without an answer.
    async fn call(
        &self,
        service: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Got> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
        );
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.proxy.url()))
            .header("host", "signed.example:1")
            .header("authorization", authorization);
        if headers.iter().all(|(name, _)| *name != "user-agent") {
            request = request.header("user-agent", "aws-sdk-rust/1.0 os/linux app/test");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(wire::full(body.to_owned())).unwrap();
        let (parts, body) = wire::http_client().request(request).await.ok()?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Some(Got { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    async fn rest(&self, method: &str, target: &str) -> Option<Got> {
        self.call("apigateway", method, target, &[], "{}").await
    }

    async fn rule(&self, rule: Value) {
        let got = self.call("", "POST", "/_proxy/faults", &[], &rule.to_string()).await.unwrap();
        assert_eq!(got.status, 201, "{got:?}");
    }

    fn last(&self) -> Call {
        self.proxy.proxy().calls().since(0).calls.pop().unwrap()
    }
}
