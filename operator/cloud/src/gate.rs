//! The one way to call AWS: limiter, then the call, then the limiter's lesson, metrics and log line.
//!
//! Whatever stands behind the ports makes its calls through a [`Gate`], so none of these can be forgotten, and a fake
//! goes through the same limiter as the adapters. Time is tokio's, which tests may pause.

use std::sync::Arc;
use std::time::Duration;

use aigw_plan::Class;
use tokio::time::Instant;

use crate::CloudError;
use crate::limiter::Limiter;

/// A finished call, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Service and operation, for example `apigateway:CreateRestApi`.
    pub operation: &'static str,
    /// `OK`, or the error's code.
    pub outcome: &'a str,
    /// Time AWS took, the SDK's own retries included; zero for a call the limiter held back.
    pub duration: Duration,
    /// Time the limiter took.
    pub waited: Duration,
}

/// Is told of every call.
pub trait Observer: Send + Sync {
    /// A call ended.
    fn called(&self, call: &Call<'_>);
}

/// Observes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn called(&self, _: &Call<'_>) {}
}

/// What every call to one service passes. Cheap to clone; clones share the limiter.
#[derive(Clone)]
pub struct Gate {
    limiter: Option<Arc<Limiter>>,
    observer: Arc<dyn Observer>,
}

impl Gate {
    /// A gate whose calls pass `limiter`, if there is one.
    pub fn new(limiter: Option<Arc<Limiter>>, observer: Arc<dyn Observer>) -> Self {
        Self { limiter, observer }
    }

    /// Makes one call. `operation` names it, for example `iam:GetRole`; `send` starts it once the limiter lets it
    /// through.
    ///
    /// # Errors
    /// The call's own, or the limiter's: class [`Class::Throttled`] and code [`crate::HELD_BACK`], without a call made.
    pub async fn call<T, F>(&self, operation: &'static str, send: impl FnOnce() -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        self.call_with_id(operation, |_| None, send).await
    }

    /// The same for answers that carry a request id, which the log line then shows.
    ///
    /// # Errors
    /// As [`Gate::call`].
    pub async fn call_with_id<T, F>(
        &self,
        operation: &'static str,
        request_id: impl FnOnce(&T) -> Option<&str>,
        send: impl FnOnce() -> F,
    ) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        let waited = self.admit(operation).await?;
        let start = Instant::now();
        let result = send().await;
        let duration = start.elapsed();
        match &result {
            Ok(answer) => {
                self.observer.called(&Call { operation, outcome: "OK", duration, waited });
                tracing::debug!(operation, request_id = request_id(answer), ?duration, ?waited, "called aws");
            }
            Err(error) => {
                if let (Some(limiter), Class::Throttled) = (&self.limiter, error.class) {
                    limiter.throttled(operation, error.retry_after);
                }
                self.observer.called(&Call { operation, outcome: &error.code, duration, waited });
                tracing::debug!(operation, request_id = error.request_id, ?duration, ?waited, %error, class = ?error.class, "call to aws failed");
            }
        }
        result
    }

    /// Waits for the limiter; returns how long that took.
    async fn admit(&self, operation: &'static str) -> Result<Duration, CloudError> {
        let Some(limiter) = &self.limiter else { return Ok(Duration::ZERO) };
        limiter.acquire(operation).await.inspect_err(|error| {
            let (duration, waited) = (Duration::ZERO, Duration::ZERO);
            self.observer.called(&Call { operation, outcome: &error.code, duration, waited });
            tracing::debug!(operation, retry_after = ?error.retry_after, "call held back by the limiter");
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::quotas::operation::CREATE_API_KEY;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(String, Duration)>>);

    impl Observer for Seen {
        fn called(&self, call: &Call<'_>) {
            self.0.lock().unwrap().push((call.outcome.to_owned(), call.duration));
        }
    }

    fn throttled() -> CloudError {
        let error = CloudError::new(CREATE_API_KEY, Class::Throttled, "TooManyRequestsException", "");
        CloudError { retry_after: Some(Duration::from_secs(30)), ..error }
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_teaches_the_limiter_and_the_observer_hears_of_every_call() {
        let seen = Arc::new(Seen::default());
        let gate = Gate::new(Some(Arc::new(Limiter::new(1.0))), seen.clone());
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Err::<(), _>(throttled())
        };
        assert_eq!(gate.call(CREATE_API_KEY, slow).await.unwrap_err().code, "TooManyRequestsException");
        let held_back = gate.call(CREATE_API_KEY, || async { Ok(()) }).await.unwrap_err();
        assert_eq!(held_back.code, crate::HELD_BACK);
        gate.call("apigateway:GetStage", || async { Ok(()) }).await.unwrap();

        let expected = [("TooManyRequestsException", 2), (crate::HELD_BACK, 0), ("OK", 0)];
        let expected = expected.map(|(outcome, seconds)| (outcome.to_owned(), Duration::from_secs(seconds)));
        assert_eq!(*seen.0.lock().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limiter_nothing_waits() {
        let gate = Gate::new(None, Arc::new(NoObserver));
        let start = Instant::now();
        for _ in 0..100 {
            gate.call(CREATE_API_KEY, || async { Err::<(), _>(throttled()) }).await.unwrap_err();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
