//! The invocation loops.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Invocation, Reply, RuntimeApi, RuntimeApiError};

/// Failures in a row after which a loop gives up and the environment with it: Lambda then starts a new one.
const MAX_FAILURES: u32 = 5;
/// Wait after a failure to fetch an invocation, times the number of failures in a row.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// What the functions have to offer.
pub trait Function {
    /// Answers `invocation` through `reply`. When this returns the environment may be frozen at once, so everything
    /// that must not wait for the next invocation is done by then.
    fn invoke(&self, invocation: Invocation, reply: Reply) -> impl Future<Output = ()>;
}

/// Runs `concurrency` independent loops until one of them gives up. The runtime is to be a local one.
///
/// They are tasks of it, also where there is one only: whatever wakes the future a runtime blocks on makes it ask the kernel
/// for events once more, five times in a small call.
///
/// # Errors
/// What the Runtime API failed with last.
pub async fn serve<F: Function + 'static>(
    api: RuntimeApi,
    function: F,
    concurrency: usize,
) -> Result<(), RuntimeApiError> {
    let function = Rc::new(function);
    let mut loops = JoinSet::new();
    for _ in 0..concurrency.max(1) {
        let (api, function) = (api.clone(), Rc::clone(&function));
        loops.spawn_local(async move { invocations(&api, &*function).await });
    }
    match loops.join_next().await {
        Some(Ok(error)) => Err(error),
        Some(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Some(Err(_)) | None => Ok(()),
    }
}

async fn invocations(api: &RuntimeApi, function: &impl Function) -> RuntimeApiError {
    let mut failures = 0;
    loop {
        match api.next().await {
            Ok(invocation) => {
                failures = 0;
                let reply = api.reply_to(&invocation);
                function.invoke(invocation, reply).await;
            }
            Err(error) => {
                failures += 1;
                if failures == MAX_FAILURES {
                    return error;
                }
                tokio::time::sleep(FAILURE_PAUSE * failures).await;
            }
        }
    }
}
