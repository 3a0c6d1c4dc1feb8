//! The one hook of both fakes: every call is shown to it, and it says what becomes of the call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which fake a call reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The Kubernetes apiserver.
    Kube,
    /// AWS.
    Aws,
}

/// A call about to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where it went.
    pub side: Side,
    /// Who calls: the user of a Kubernetes client, the caller of a cloud. One operator process is one actor.
    pub actor: String,
    /// What is asked: `apigateway:CreateRestApi`; `patch tenants/status`.
    pub operation: String,
    /// Whether it changes anything.
    pub write: bool,
    /// What it is about: a name, a path or an id. For people.
    pub target: String,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} by {}", self.operation, self.target, self.actor)
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Verdict {
    /// It is served.
    #[default]
    Serve,
    /// It has no effect, and the caller gets this failure.
    Fail(Failure),
    /// It takes effect, and the caller gets this failure: its answer was lost.
    FailAfter(Failure),
    /// No answer ever comes; whether it takes effect is told. For callers that are about to be killed.
    Hang {
        /// Whether the call takes effect.
        effect: bool,
    },
    /// It is served after this time.
    Delay(Duration),
}

/// A failure as the service or the network between would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The connection broke.
    Connection,
    /// A server error: 500.
    Server,
    /// Called too often: 429, with the time to come back.
    Throttled(Duration),
    /// 409: a concurrent change.
    Conflict,
    /// The caller lacks the right: 403.
    Denied,
    /// The caller's credentials have expired.
    Expired,
    /// A quota of the account is used up.
    Quota,
    /// Any other error of the service, by HTTP status, code and message.
    Other {
        /// HTTP status.
        status: u16,
        /// Error code.
        code: String,
        /// Message; may vary from call to call.
        message: String,
    },
}

/// Decides about calls. Called once per call, in the order the calls arrive, before anything else is looked at.
pub trait Intercept: Send + Sync {
    /// What becomes of `call`.
    fn call(&self, call: &Call) -> Verdict;
}

/// Serves everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeAll;

impl Intercept for ServeAll {
    fn call(&self, _: &Call) -> Verdict {
        Verdict::Serve
    }
}

impl<F: Fn(&Call) -> Verdict + Send + Sync> Intercept for F {
    fn call(&self, call: &Call) -> Verdict {
        self(call)
    }
}

/// An intercept that can be handed round.
pub type SharedIntercept = Arc<dyn Intercept>;
