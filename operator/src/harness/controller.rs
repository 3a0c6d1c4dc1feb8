//! The driver: calls a [`Reconciler`] for every trigger, one pass per object at a time, and decides when to come back.
//!
//! Everything a pass needs around it is here: deadline, span, metrics, backoff, one log line per failure. kube-runtime
//! gives the queue; its own error policy is never reached, because a pass always ends in an action.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aigw_plan::Class;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::runtime::Controller;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument;

use super::outcome::{self, Outcome};
use super::{Error, Shutdown, timing};
use crate::context::Context;
use crate::metrics::Phase;

/// What a controller does with one object.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind it is about.
    type Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static;

    /// Name in metrics, logs and backoff; one of [`crate::metrics::CONTROLLERS`].
    const NAME: &'static str;

    /// One pass. `object` comes from a cache and may be a little old. Cut off after [`timing::RECONCILE_DEADLINE`] at
    /// an await, so every step has to be complete in itself.
    fn reconcile(&self, object: Arc<Self::Object>) -> impl Future<Output = Result<Outcome, Error>> + Send;
}

/// What drives a controller.
pub struct Inputs<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    /// Where objects are read from.
    pub store: Store<K>,
    /// Objects of its own kind to look at.
    pub own: BoxStream<'static, Arc<K>>,
    /// Objects to look at for other reasons.
    pub triggers: Vec<BoxStream<'static, ObjectRef<K>>>,
    /// Most objects at a time.
    pub concurrency: u16,
}

/// Runs a controller until `shutdown` was asked for and the passes in flight have ended.
pub async fn run<R: Reconciler>(reconciler: R, context: Arc<Context>, inputs: Inputs<R::Object>, shutdown: Shutdown) {
    let Inputs { store, own, triggers, concurrency } = inputs;
    let reconciler = Arc::new(reconciler);
    let mut controller = Controller::for_shared_stream(own, store)
        .with_config(controller::Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.requested());
    for trigger in triggers {
        controller = controller.reconcile_on(trigger);
    }
    let reconcile = move |object: Arc<R::Object>, context: Arc<Context>| {
        let reconciler = reconciler.clone();
        async move { Ok::<_, Infallible>(pass(&*reconciler, &context, object).await) }.boxed()
    };
    // Not reached; kube-runtime wants one.
    let error_policy = |_: Arc<R::Object>, error: &Infallible, _: Arc<Context>| match *error {};
    controller
        .run(reconcile, error_policy, context)
        .for_each(|result| async {
            if let Err(error) = result {
                // An object that went between its trigger and its turn.
                tracing::debug!(controller = R::NAME, error = super::error::chain(&error), "nothing to reconcile");
            }
        })
        .await;
}

/// One pass with everything around it.
async fn pass<R: Reconciler>(reconciler: &R, context: &Context, object: Arc<R::Object>) -> Action {
    let meta = object.meta();
    let uid = meta.uid.clone().unwrap_or_default();
    let phase = if meta.deletion_timestamp.is_some() { Phase::Cleanup } else { Phase::Apply };
    let span = tracing::info_span!(
        "reconcile",
        kind = %R::Object::kind(&()),
        namespace = object.namespace(),
        // Not `name`: the JSON of a span has one of its own.
        object = object.name_any(),
        generation = meta.generation,
        outcome = tracing::field::Empty,
    );
    async {
        let recording = Recording::start(context, R::NAME, phase);
        let result = bounded(reconciler, object).await;
        let outcome = label(&result);
        tracing::Span::current().record("outcome", outcome);
        recording.finish(outcome);
        next(R::NAME, context, &uid, result)
    }
    .instrument(span)
    .await
}

/// The reconcile with its deadline. A panic concerns one object and must not end the work on all others; in a debug
/// build it goes on, so that no test overlooks it.
async fn bounded<R: Reconciler>(reconciler: &R, object: Arc<R::Object>) -> Result<Outcome, Error> {
    let guarded = AssertUnwindSafe(reconciler.reconcile(object)).catch_unwind();
    match tokio::time::timeout(timing::RECONCILE_DEADLINE, guarded).await {
        Err(_) => Err(Error::Deadline(timing::RECONCILE_DEADLINE)),
        Ok(Ok(result)) => result,
        Ok(Err(panic)) if cfg!(debug_assertions) => std::panic::resume_unwind(panic),
        Ok(Err(panic)) => Err(Error::Internal(panic_text(&*panic))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("no message"))
}

fn label(result: &Result<Outcome, Error>) -> &'static str {
    match result {
        Ok(outcome) => outcome.label(),
        Err(Error::Deadline(_)) => "deadline",
        Err(error) => outcome::failure_label(error.class()),
    }
}

/// Logs a failure once, counts it, and says when to come back.
fn next(controller: &'static str, context: &Context, uid: &str, result: Result<Outcome, Error>) -> Action {
    let (class, retry_after, text) = match result {
        Ok(Outcome::Failed { class, retry_after, message }) => (class, retry_after, message),
        Err(error) => (error.class(), error.retry_after(), error.chain()),
        Ok(outcome) => {
            context.backoff.reset(controller, uid);
            return match outcome {
                Outcome::Done { requeue } => Action::requeue(outcome::upper_half(requeue, context.random.jitter())),
                Outcome::Waiting { after } => Action::requeue(after),
                Outcome::Finished | Outcome::Failed { .. } => Action::await_change(),
            };
        }
    };
    let failures = match (class, retry_after) {
        // AWS said when to come back. Counted as a failure it would stretch the pause after the next real one.
        (Class::Throttled, Some(_)) => context.backoff.failures(controller, uid),
        _ => context.backoff.failure(controller, uid),
    };
    match class {
        Class::Waiting | Class::Eventual | Class::Throttled | Class::Conflict => {
            tracing::info!(controller, ?class, failures, reason = text, "not yet; trying again");
        }
        Class::Bug => tracing::error!(controller, ?class, failures, error = text, "reconcile failed"),
        Class::Invalid | Class::Quota | Class::Denied | Class::Transient => {
            tracing::warn!(controller, ?class, failures, error = text, "reconcile failed");
        }
    }
    outcome::retry(class, failures, retry_after, context.random.jitter())
}

/// Counts a pass however it ends: one that is dropped (lease lost, shutdown) counts as abandoned.
struct Recording<'a> {
    context: &'a Context,
    controller: &'static str,
    phase: Phase,
    started: Instant,
    outcome: &'static str,
}

impl<'a> Recording<'a> {
    fn start(context: &'a Context, controller: &'static str, phase: Phase) -> Self {
        Self { context, controller, phase, started: Instant::now(), outcome: "abandoned" }
    }

    fn finish(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.context.metrics.reconciled(self.controller, self.phase, self.outcome, self.started.elapsed());
    }
}
