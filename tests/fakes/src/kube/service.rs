//! The service behind a client: asks the intercept, serves, answers in HTTP.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;

use super::body::Body;
use super::lock;
use super::log::{Access, Write, access};
use super::refusal::Refusal;
use super::request::Head;
use super::server::{Answer, Server};
use crate::cpu;
use crate::intercept::{Call, Failure, SharedIntercept, Side, Verdict};

type Outcome = Result<Response<Body>, io::Error>;

/// One client's way to a server.
#[derive(Clone)]
pub(super) struct Service {
    pub server: Arc<Mutex<Server>>,
    pub intercept: Arc<Mutex<SharedIntercept>>,
    /// `None`: the tests' own hand, never intercepted, recorded or refused for want of rights.
    pub user: Option<String>,
}

impl tower_service::Service<Request<kube::client::Body>> for Service {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let head = Head::of(&request);
        let wanted = self.user.as_deref().and_then(|user| access(user, &head));
        // Here, not in the future: calls are counted in the order in which they arrive.
        let verdict = match &wanted {
            Some(wanted) => {
                let intercept = lock(&self.intercept).clone();
                intercept.call(&call(wanted))
            }
            None => Verdict::Serve,
        };
        let service = self.clone();
        Box::pin(async move {
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            service.obey(verdict, &head, wanted.as_ref(), &body).await
        })
    }
}

fn call(wanted: &Access) -> Call {
    let Access { user, verb, group: _, namespace, name, resource: _, subresource: _ } = wanted;
    let target = match (namespace.as_str(), name.as_str()) {
        ("", name) => name.to_owned(),
        (namespace, "") => namespace.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    Call {
        side: Side::Kube,
        actor: user.clone(),
        operation: format!("{verb} {}", wanted.path()),
        write: !matches!(verb.as_str(), "get" | "list" | "watch"),
        target,
    }
}

impl Service {
    async fn obey(self, verdict: Verdict, head: &Head, wanted: Option<&Access>, body: &[u8]) -> Outcome {
        match verdict {
            Verdict::Serve => self.execute(head, wanted, body),
            Verdict::Fail(failure) => fail(&failure),
            Verdict::FailAfter(failure) => {
                self.execute(head, wanted, body)?;
                fail(&failure)
            }
            Verdict::Hang { effect } => {
                if effect {
                    self.execute(head, wanted, body)?;
                }
                std::future::pending().await
            }
            Verdict::Delay(time) => {
                tokio::time::sleep(time).await;
                self.execute(head, wanted, body)
            }
        }
    }

    fn execute(&self, head: &Head, wanted: Option<&Access>, body: &[u8]) -> Outcome {
        let started = cpu::thread_time();
        let mut server = lock(&self.server);
        if server.switches.outage && self.user.is_some() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let result = server.serve(self.user.as_deref(), head, body);
        if let Some(wanted) = wanted {
            let code = match &result {
                Ok(Answer::Json { code, .. }) => *code,
                Ok(Answer::Watch(_)) => 200,
                Err(refusal) => refusal.code,
            };
            record(&mut server, wanted, head, code);
        }
        server.cpu += cpu::thread_time().saturating_sub(started);
        drop(server);
        match result {
            Ok(Answer::Json { code, body }) => response(code, None, Body::full(body)),
            Ok(Answer::Watch(stream)) => response(200, None, Body::watch(self.server.clone(), stream)),
            Err(refusal) => refuse(&refusal),
        }
    }
}

fn record(server: &mut Server, wanted: &Access, head: &Head, code: u16) {
    *server.log.requests.entry((wanted.verb.clone(), wanted.path())).or_default() += 1;
    if !server.log.accesses.contains(wanted) {
        server.log.accesses.insert(wanted.clone());
    }
    // An apply that creates needs both rights.
    if wanted.verb == "patch" && code == 201 {
        let create = Access { verb: "create".to_owned(), name: String::new(), ..wanted.clone() };
        server.log.accesses.insert(create);
    }
    if head.verb().is_some_and(super::request::Verb::writes) {
        let at = server.clock.elapsed();
        server.log.writes.push(Write {
            user: wanted.user.clone(),
            verb: wanted.verb.clone(),
            resource: wanted.path(),
            namespace: wanted.namespace.clone(),
            name: wanted.name.clone(),
            code,
            at,
        });
    }
}

fn response(code: u16, retry_after: Option<u64>, body: Body) -> Outcome {
    let mut builder = Response::builder().status(code).header(http::header::CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        builder = builder.header(http::header::RETRY_AFTER, seconds);
    }
    builder.body(body).map_err(io::Error::other)
}

fn refuse(refusal: &Refusal) -> Outcome {
    let body = Body::full(Bytes::from(refusal.status().to_string()));
    response(refusal.code, refusal.retry_after, body)
}

/// A failure in the form the server or the network gives it.
fn fail(failure: &Failure) -> Outcome {
    const CONFLICT: &str = "Operation cannot be fulfilled: the object has been modified; please apply your changes to \
                            the latest version and try again";
    let refusal = match failure {
        Failure::Connection => return Err(io::ErrorKind::ConnectionReset.into()),
        Failure::Server => Refusal::plain(500, "InternalError", "Internal error occurred: injected"),
        Failure::Throttled(time) => Refusal::throttled(time.as_secs().max(1)),
        Failure::Conflict => Refusal::plain(409, "Conflict", CONFLICT),
        Failure::Denied => Refusal::plain(403, "Forbidden", "forbidden: injected"),
        Failure::Expired => Refusal::plain(401, "Unauthorized", "Unauthorized"),
        Failure::Quota => Refusal::plain(403, "Forbidden", "forbidden: exceeded quota: injected"),
        Failure::Other { status, code, message } => Refusal::plain(*status, code, message.clone()),
    };
    refuse(&refusal)
}
