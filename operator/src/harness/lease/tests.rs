//! Candidates against a tiny apiserver that holds one lease, under virtual time.

use std::convert::Infallible;
use std::io::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{advance, timeout};
use tower::service_fn;

use super::*;

/// What a request takes to arrive, and what its answer takes.
const ONE_WAY: Duration = Duration::from_millis(10);
/// A look and a change.
const TWO_CALLS: Duration = Duration::from_millis(40);

/// What the apiserver does to one candidate's requests.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// No answer and no effect.
    Hang,
    /// An effect and no answer.
    Lost,
    Refuse(u16),
}

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    /// When it was changed last.
    written: Option<Instant>,
    conflicts: usize,
    faults: Vec<(String, Fault)>,
}

#[derive(Clone, Default)]
struct Apiserver(Arc<Mutex<State>>);

impl Apiserver {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn fault(&self, who: &str, fault: Fault) {
        let mut state = self.state();
        state.faults.retain(|(name, _)| name != who);
        state.faults.push((who.to_owned(), fault));
    }

    fn holder(&self) -> String {
        self.state().lease.as_ref().map_or("", |lease| lease["spec"]["holderIdentity"].as_str().unwrap()).to_owned()
    }

    fn written(&self) -> Instant {
        self.state().written.unwrap()
    }

    /// The change somebody makes with kubectl.
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        let lease = state.lease.as_mut().unwrap();
        change(lease);
        lease["metadata"]["resourceVersion"] = json!(version.to_string());
    }

    fn candidate(&self, name: &str) -> Lease {
        let (server, who) = (self.clone(), name.to_owned());
        let service = service_fn(move |request: Request<Body>| {
            let (server, who) = (server.clone(), who.clone());
            async move { Ok::<_, Infallible>(server.serve(&who, request).await) }
        });
        Lease::new(Client::new(service, "default"), "aigw", "aigw-operator", name, Arc::new(StoppedClock))
    }

    async fn serve(&self, who: &str, request: Request<Body>) -> Response<Full<Bytes>> {
        sleep(ONE_WAY).await;
        let fault = self.state().faults.iter().find(|(name, _)| name == who).map_or(Fault::None, |(_, fault)| *fault);
        match fault {
            Fault::Hang => std::future::pending().await,
            Fault::Refuse(code) => return refusal(code),
            Fault::Lost | Fault::None => {}
        }
        let method = request.method().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let answer = self.act(&method, serde_json::from_slice(&body).unwrap_or_default());
        if fault == Fault::Lost {
            std::future::pending::<()>().await;
        }
        sleep(ONE_WAY).await;
        answer
    }

    fn act(&self, method: &Method, mut new: Value) -> Response<Full<Bytes>> {
        let mut state = self.state();
        let current = state.lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        match *method {
            Method::GET => return state.lease.as_ref().map_or_else(|| refusal(404), |lease| answer(200, lease)),
            Method::PUT if current.is_none() => return refusal(404),
            Method::PUT if current.as_ref() == Some(&new["metadata"]["resourceVersion"]) => {}
            Method::POST if current.is_none() => {}
            Method::PUT | Method::POST => {
                state.conflicts += 1;
                return refusal(409);
            }
            _ => return refusal(405),
        }
        state.version += 1;
        new["metadata"]["resourceVersion"] = json!(state.version.to_string());
        if state.lease.as_ref().is_some_and(|lease| lease["spec"] == new["spec"]) {
            // An apiserver takes a change that changes nothing for none.
            return answer(200, &new);
        }
        state.lease = Some(new.clone());
        state.written = Some(Instant::now());
        answer(200, &new)
    }
}

fn answer(status: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(body.to_string())).unwrap()
}

fn refusal(code: u16) -> Response<Full<Bytes>> {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "refused", "reason": reason, "code": code,
    });
    answer(code, &status)
}

/// Stands still: nothing may depend on it.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Runs a candidate in the background until it loses the lease; tells when it took it and when it lost it.
fn campaign(candidate: Lease) -> (tokio::task::JoinHandle<Instant>, tokio::sync::oneshot::Receiver<Instant>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let mut held = candidate.acquire().await;
        let _ = sender.send(Instant::now());
        let guarded = held.guard(std::future::pending::<()>()).await;
        assert_eq!(guarded, Err(Lost));
        Instant::now()
    });
    (task, receiver)
}

#[tokio::test(start_paused = true)]
async fn of_two_candidates_one_wins_and_keeps_the_lease() {
    let server = Apiserver::default();
    let (a, a_took) = campaign(server.candidate("a"));
    a_took.await.unwrap();
    let (b, mut b_took) = campaign(server.candidate("b"));
    sleep(Duration::from_mins(10)).await;
    assert!(!a.is_finished() && !b.is_finished() && b_took.try_recv().is_err());
    assert_eq!(server.holder(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_silent_lease_is_taken_after_its_duration_and_not_before() {
    let server = Apiserver::default();
    let (a, a_took) = campaign(server.candidate("a"));
    let (_b, b_took) = campaign(server.candidate("b"));
    a_took.await.unwrap();
    sleep(Duration::from_mins(1)).await;
    a.abort();
    let silent_since = server.written();
    let taken = b_took.await.unwrap() - silent_since;
    let latest = timing::LEASE_DURATION + 2 * timing::LEASE_RETRY;
    assert!((timing::LEASE_DURATION..latest).contains(&taken), "after {taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_has_just_come_does_not_trust_the_times_in_the_lease() {
    let server = Apiserver::default();
    let held = server.candidate("a");
    drop(held.acquire().await);
    advance(Duration::from_hours(1)).await;
    let began = Instant::now();
    let (_b, b_took) = campaign(server.candidate("b"));
    assert!(b_took.await.unwrap() - began >= timing::LEASE_DURATION);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_before_another_may_begin() {
    for fault in [Fault::Hang, Fault::Refuse(500), Fault::Refuse(403)] {
        let server = Apiserver::default();
        let (a, a_took) = campaign(server.candidate("a"));
        let (_b, b_took) = campaign(server.candidate("b"));
        a_took.await.unwrap();
        sleep(Duration::from_secs(31)).await;
        server.fault("a", fault);
        let renewed = server.written();
        let lost = a.await.unwrap();
        assert!(lost - renewed <= timing::LEASE_RENEW_DEADLINE, "{:?}", lost - renewed);
        assert!(lost + timing::LEASE_RETRY >= renewed + timing::LEASE_RENEW_DEADLINE, "{:?}", lost - renewed);
        let taken = b_took.await.unwrap();
        assert!(taken >= renewed + timing::LEASE_DURATION && taken > lost, "{:?}", taken - lost);
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_counts_from_what_was_confirmed() {
    let server = Apiserver::default();
    let (a, a_took) = campaign(server.candidate("a"));
    a_took.await.unwrap();
    sleep(Duration::from_secs(31)).await;
    let confirmed = server.written();
    server.fault("a", Fault::Lost);
    let lost = a.await.unwrap();
    assert!(lost - confirmed <= timing::LEASE_RENEW_DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn one_dead_connection_does_not_cost_the_lease() {
    for fault in [Fault::Hang, Fault::Lost] {
        let server = Apiserver::default();
        let (a, a_took) = campaign(server.candidate("a"));
        a_took.await.unwrap();
        sleep(Duration::from_secs(31)).await;
        server.fault("a", fault);
        sleep(timing::LEASE_REQUEST).await;
        server.fault("a", Fault::None);
        sleep(Duration::from_mins(5)).await;
        assert!(!a.is_finished());
        assert!(server.written().elapsed() <= timing::LEASE_RETRY + TWO_CALLS);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_over_at_once_one_conflicts() {
    let server = Apiserver::default();
    let (_b, b_took) = campaign(server.candidate("b"));
    let (_c, c_took) = campaign(server.candidate("c"));
    let (b_took, c_took) = (timeout(Duration::from_mins(1), b_took), timeout(Duration::from_mins(1), c_took));
    let (b_took, c_took) = tokio::join!(b_took, c_took);
    assert!(b_took.is_ok() != c_took.is_ok());
    assert_eq!(server.state().conflicts, 1, "both created it");

    // The same for a lease that is there.
    let server = Apiserver::default();
    drop(server.candidate("a").acquire().await);
    let (_b, b_took) = campaign(server.candidate("b"));
    let (_c, c_took) = campaign(server.candidate("c"));
    let (b_took, c_took) = (timeout(Duration::from_mins(1), b_took), timeout(Duration::from_mins(1), c_took));
    let (b_took, c_took) = tokio::join!(b_took, c_took);
    assert!(b_took.is_ok() != c_took.is_ok());
    assert_eq!(server.state().conflicts, 1, "both replaced it");
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_the_next_look() {
    let server = Apiserver::default();
    let a = server.candidate("a");
    let mut held = a.acquire().await;
    let (_b, b_took) = campaign(server.candidate("b"));
    assert_eq!(held.guard(sleep(Duration::from_secs(45))).await, Ok(()));
    held.release().await.unwrap();
    let released = server.written();
    assert_eq!(server.holder(), "");
    assert!(b_took.await.unwrap() - released <= timing::LEASE_RETRY + 2 * TWO_CALLS);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_released_although_its_renewal_was_not_waited_for() {
    let server = Apiserver::default();
    let candidate = server.candidate("a");
    let mut held = candidate.acquire().await;
    // Stopped while a renewal has arrived and its answer has not.
    let arrived = held.renewed + timing::LEASE_RETRY + ONE_WAY * 3 / 2;
    let stopped = timeout_at(arrived, held.guard(std::future::pending::<()>())).await;
    assert!(stopped.is_err() && server.holder() == "a");
    held.release().await.unwrap();
    assert_eq!((server.holder().as_str(), server.state().conflicts), ("", 1));
}

#[tokio::test(start_paused = true)]
async fn only_a_lease_of_ones_own_is_given_back() {
    let server = Apiserver::default();
    let (a, b) = (server.candidate("a"), server.candidate("b"));
    b.release_if_held().await.unwrap();
    assert!(server.state().lease.is_none());
    let held = a.acquire().await;
    b.release_if_held().await.unwrap();
    assert_eq!(server.holder(), "a");
    server.edit(|lease| lease["spec"]["holderIdentity"] = json!("b"));
    held.release().await.unwrap();
    assert_eq!(server.holder(), "b", "lost before it could be given back");
    b.release_if_held().await.unwrap();
    assert_eq!(server.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_takes_up_its_own_lease_at_once() {
    let server = Apiserver::default();
    drop(server.candidate("a").acquire().await);
    let began = Instant::now();
    server.candidate("a").acquire().await;
    assert!(began.elapsed() <= TWO_CALLS);
}

#[tokio::test(start_paused = true)]
async fn another_holder_is_the_end_and_a_label_or_a_deletion_is_not() {
    let server = Apiserver::default();
    let (a, a_took) = campaign(server.candidate("a"));
    a_took.await.unwrap();
    server.edit(|lease| lease["metadata"]["labels"] = json!({"by": "hand"}));
    sleep(Duration::from_mins(1)).await;
    assert!(!a.is_finished() && server.written().elapsed() < timing::LEASE_DURATION);
    server.state().lease = None;
    sleep(Duration::from_mins(1)).await;
    assert!(!a.is_finished() && server.holder() == "a");
    server.edit(|lease| lease["spec"]["holderIdentity"] = json!("b"));
    let began = Instant::now();
    assert!(a.await.unwrap() - began <= timing::LEASE_RETRY + 2 * TWO_CALLS);
    assert_eq!(server.holder(), "b", "what another holds is left alone");
}

#[tokio::test(start_paused = true)]
async fn what_is_guarded_is_dropped_when_the_lease_is_lost() {
    struct Acting(Arc<Mutex<Option<Instant>>>);
    impl Drop for Acting {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(Instant::now());
        }
    }
    let (server, dropped) = (Apiserver::default(), Arc::default());
    let a = server.candidate("a");
    let mut held = a.acquire().await;
    server.fault("a", Fault::Hang);
    let acting = Acting(Arc::clone(&dropped));
    let guarded = async move {
        let _acting = acting;
        std::future::pending::<()>().await;
    };
    assert_eq!(held.guard(guarded).await, Err(Lost));
    assert_eq!(*dropped.lock().unwrap(), Some(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_told_loudly_once_a_minute_and_tried_on() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Apiserver::default();
    server.fault("a", Fault::Refuse(403));
    let (_a, a_took) = campaign(server.candidate("a"));
    sleep(Duration::from_secs(150)).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let loud = text.lines().filter(|line| line.contains("ERROR") && line.contains("not allowed to take the lease"));
    assert_eq!(loud.count(), 3, "{text}");
    assert!(text.contains("refused (403)") && text.contains("leases.coordination.k8s.io"), "{text}");
    server.fault("a", Fault::None);
    let began = Instant::now();
    assert!(a_took.await.unwrap() - began <= timing::LEASE_RETRY + 2 * TWO_CALLS);
}
