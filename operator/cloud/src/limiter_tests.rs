use std::sync::Arc;

use super::*;
use crate::quotas::operation::{CREATE_API_KEY, DELETE_REST_API, GET_RESOURCES, UPDATE_USAGE_PLAN};

const SHARE: f64 = 0.8;
const UNLISTED: &str = "apigateway:GetStage";

/// Lets `tasks` tasks make `each` calls as fast as they may; returns when the calls went out.
async fn hammer(
    limiter: &Arc<Limiter>,
    operation: &'static str,
    tasks: usize,
    each: usize,
) -> Vec<(&'static str, Instant)> {
    let task = |limiter: Arc<Limiter>| async move {
        let mut times = Vec::new();
        while times.len() < each {
            match limiter.acquire(operation).await {
                Ok(waited) => {
                    assert!(waited <= LONGEST_WAIT);
                    times.push((operation, Instant::now()));
                }
                Err(error) => sleep(error.retry_after.expect("says when to come back")).await,
            }
        }
        times
    };
    let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(task(limiter.clone()))).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times.sort_by_key(|(_, time)| *time);
    times
}

/// No window holds more calls than `burst` and what accrues in it.
fn assert_within(times: &[Instant], burst: f64, rate: f64) {
    for (first, start) in times.iter().enumerate() {
        for (last, end) in times.iter().enumerate().skip(first) {
            let allowed = burst + rate * end.duration_since(*start).as_secs_f64();
            let calls = f64::from(u32::try_from(last - first + 1).unwrap());
            assert!(calls <= allowed + 1e-6, "{calls} calls in {:?}, allowed {allowed}", end.duration_since(*start));
        }
    }
}

fn most_in_any(window: Duration, times: &[Instant]) -> usize {
    times
        .iter()
        .map(|start| times.iter().filter(|time| **time >= *start && **time < *start + window).count())
        .max()
        .unwrap_or(0)
}

fn times_of(calls: &[(&'static str, Instant)], operation: &str) -> Vec<Instant> {
    calls.iter().filter(|(name, _)| *name == operation).map(|(_, time)| *time).collect()
}

#[tokio::test(start_paused = true)]
async fn the_rate_over_all_operations_holds_in_every_window() {
    let limiter = Arc::new(Limiter::new(SHARE));
    let calls = hammer(&limiter, UNLISTED, 20, 10).await;
    let times = times_of(&calls, UNLISTED);
    assert_within(&times, 32.0, 8.0);
    // And it is used: 200 calls less the burst at 8/s.
    let took = times[times.len() - 1].duration_since(times[0]);
    assert!(took >= Duration::from_secs(21) && took < Duration::from_secs(23), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn each_operation_keeps_to_its_own_quota_and_all_to_the_common_one() {
    let limiter = Arc::new(Limiter::new(SHARE));
    let (keys, resources, plans, others) = tokio::join!(
        hammer(&limiter, CREATE_API_KEY, 6, 10),
        hammer(&limiter, GET_RESOURCES, 3, 8),
        hammer(&limiter, UPDATE_USAGE_PLAN, 2, 3),
        hammer(&limiter, UNLISTED, 5, 20),
    );
    let all: Vec<_> = [keys, resources, plans, others].concat();
    for (operation, quota) in OPERATIONS {
        let most = most_in_any(quota.per, &times_of(&all, operation));
        assert!(most <= usize::try_from(quota.calls).unwrap(), "{operation}: {most}");
    }
    let mut times: Vec<_> = all.iter().map(|(_, time)| *time).collect();
    times.sort();
    assert_within(&times, 32.0, 8.0);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_the_callers() {
    let limiter = Limiter::new(SHARE);
    limiter.acquire(UPDATE_USAGE_PLAN).await.unwrap();
    let start = Instant::now();
    let error = limiter.acquire(UPDATE_USAGE_PLAN).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((error.class, error.code.as_str()), (Class::Throttled, HELD_BACK));
    // 1 per 20 s, of which the operator takes 80 %.
    assert_eq!(error.retry_after, Some(Duration::from_millis(25_001)));
    assert!(!error.to_string().contains(|character: char| character.is_ascii_digit()), "varying text: {error}");
    // Another operation is not held up.
    assert_eq!(limiter.acquire(DELETE_REST_API).await.unwrap(), Duration::ZERO);

    sleep(error.retry_after.unwrap()).await;
    assert_eq!(limiter.acquire(UPDATE_USAGE_PLAN).await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn retry_after_shuts_the_bucket_of_the_operation_only() {
    let limiter = Limiter::new(SHARE);
    limiter.throttled(CREATE_API_KEY, Some(Duration::from_secs(30)));
    let retry_after = limiter.acquire(CREATE_API_KEY).await.unwrap_err().retry_after.unwrap();
    assert!(retry_after >= Duration::from_secs(30), "{retry_after:?}");
    assert_eq!(limiter.acquire(UNLISTED).await.unwrap(), Duration::ZERO);

    sleep(Duration::from_secs(29)).await;
    let start = Instant::now();
    limiter.acquire(CREATE_API_KEY).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_429_of_an_unlisted_operation_shuts_all() {
    let limiter = Limiter::new(SHARE);
    limiter.throttled(UNLISTED, Some(Duration::from_secs(10)));
    for operation in [UNLISTED, CREATE_API_KEY] {
        assert!(limiter.acquire(operation).await.unwrap_err().retry_after.unwrap() >= Duration::from_secs(10));
    }
}

/// Time of `calls` calls one after the other, with the bucket empty at the start.
async fn pace(limiter: &Limiter, calls: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        limiter.acquire(UNLISTED).await.unwrap();
    }
    start.elapsed() / calls
}

fn near(actual: Duration, expected: f64) -> bool {
    (actual.as_secs_f64() / expected - 1.0).abs() < 0.1
}

#[tokio::test(start_paused = true)]
async fn a_429_halves_the_rate_and_time_restores_it() {
    let limiter = Limiter::new(SHARE);
    limiter.throttled(UNLISTED, None);
    limiter.throttled(UNLISTED, None); // the same moment: the same cause
    let halved = pace(&limiter, 8).await;
    assert!(near(halved, 1.0 / 4.0), "{halved:?}");

    sleep(RECOVERY).await;
    limiter.acquire(UNLISTED).await.unwrap(); // rates change as tokens are taken
    limiter.buckets().all.tokens = 0.0;
    let restored = pace(&limiter, 8).await;
    assert!(near(restored, 1.0 / 8.0), "{restored:?}");
}

#[tokio::test(start_paused = true)]
async fn the_rate_never_reaches_zero() {
    let limiter = Limiter::new(SHARE);
    for _ in 0..50 {
        limiter.throttled(UNLISTED, None);
        sleep(BETWEEN_CUTS).await;
    }
    limiter.throttled(UNLISTED, None);
    let slowest = pace(&limiter, 3).await;
    assert!(slowest <= Duration::from_secs_f64(1.0 / (8.0 * FLOOR)), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_large_share_hardly_waits() {
    let limiter = Arc::new(Limiter::new(1000.0));
    let start = Instant::now();
    hammer(&limiter, UPDATE_USAGE_PLAN, 5, 10).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
