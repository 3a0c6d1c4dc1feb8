//! The way of a call: limiter, intercept, quota, log; and copies.

use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{Cloud, CloudError};
use aigw_plan::Class;
use aigw_plan::gateway::observed::Tags;
use aigw_plan::gateway::step::UsagePlanSpec;
use aigw_plan::identity::TAG_ID;
use tokio::time::{Instant, timeout};

use super::*;
use crate::intercept::{Call, Failure, Verdict};

const REGION: &str = "eu-central-1";
const VALUE: &str = "a-value-of-twenty-characters-or-more";

fn tags(id: &str) -> Tags {
    Tags::from([(TAG_ID.to_owned(), id.to_owned())])
}

async fn cloud(aws: &FakeAws) -> Cloud {
    aws.clouds("operator").region(REGION).await
}

/// Fails `operation` in that way from now on.
fn inject(aws: &FakeAws, operation: &'static str, verdict: Verdict) {
    aws.set_intercept(Arc::new(
        move |call: &Call| {
            if call.operation == operation { verdict.clone() } else { Verdict::Serve }
        },
    ));
}

fn outcomes(aws: &FakeAws) -> Vec<(&'static str, String)> {
    aws.calls().into_iter().map(|call| (call.operation, call.outcome)).collect()
}

#[tokio::test(start_paused = true)]
async fn failures_before_and_after_the_effect() {
    let aws = FakeAws::new("111122223333");
    let cloud = cloud(&aws).await;
    let create = || async { cloud.rest_apis.create("prod", "REGIONAL", &[], &tags("a")).await };
    let count = || aws.edit(|state| state.region(REGION).rest_apis.len());

    inject(&aws, "apigateway:CreateRestApi", Verdict::Fail(Failure::Server));
    let error = create().await.unwrap_err();
    assert_eq!((error.class, error.code.as_str(), count()), (Class::Transient, "ServiceUnavailableException", 0));

    inject(&aws, "apigateway:CreateRestApi", Verdict::FailAfter(Failure::Connection));
    let error = create().await.unwrap_err();
    assert_eq!((error.class, error.code.as_str(), count()), (Class::Transient, "ConnectionFailed", 1));

    inject(&aws, "apigateway:CreateRestApi", Verdict::Hang { effect: true });
    timeout(Duration::from_hours(1), create()).await.unwrap_err();
    assert_eq!(count(), 2);
    inject(&aws, "apigateway:CreateRestApi", Verdict::Hang { effect: false });
    timeout(Duration::from_hours(1), create()).await.unwrap_err();
    assert_eq!(count(), 2);

    let expected = ["ServiceUnavailableException", "ConnectionFailed", "(no answer)", "(no answer)"];
    let expected = expected.map(|outcome| ("apigateway:CreateRestApi", outcome.to_owned()));
    assert_eq!(outcomes(&aws), expected);
}

#[tokio::test(start_paused = true)]
async fn injected_failures_have_the_class_of_real_ones() {
    let aws = FakeAws::new("111122223333");
    let cloud = cloud(&aws).await;
    let second = Duration::from_secs(1);
    let cases = [
        (Failure::Connection, Class::Transient),
        (Failure::Server, Class::Transient),
        (Failure::Throttled(second), Class::Throttled),
        (Failure::Conflict, Class::Conflict),
        (Failure::Denied, Class::Denied),
        (Failure::Expired, Class::Denied),
        (Failure::Quota, Class::Quota),
        (Failure::Other { status: 400, code: "ValidationException".into(), message: "at 12".into() }, Class::Invalid),
    ];
    for (failure, class) in cases {
        let verdict = Verdict::Fail(failure.clone());
        aws.set_intercept(Arc::new(move |_: &Call| verdict.clone()));
        let errors: [CloudError; 6] = [
            cloud.account.id().await.unwrap_err(),
            cloud.tables.get("t").await.unwrap_err(),
            cloud.roles.get("r").await.unwrap_err(),
            cloud.log_groups.get("l").await.unwrap_err(),
            cloud.functions.get("f").await.unwrap_err(),
            cloud.rest_apis.stage("a", "s").await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.class, class, "{failure:?}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn quotas_refuse_whom_no_limiter_holds_back() {
    let aws = FakeAws::new("111122223333");
    let options = ClientOptions { limiter: false, ..ClientOptions::default() };
    let cloud = aws.clouds_with("careless", options).region(REGION).await;
    cloud.rest_apis.create("one", "REGIONAL", &[], &tags("a")).await.unwrap();
    let error = cloud.rest_apis.create("two", "REGIONAL", &[], &tags("b")).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Throttled, "TooManyRequestsException"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));

    // All operations together: 40 at once, then 10 a second.
    let start = Instant::now();
    let mut served = 0;
    while start.elapsed() < Duration::from_secs(10) {
        served += usize::from(cloud.rest_apis.stage("a", "s").await.is_ok());
    }
    assert!((130..=141).contains(&served), "{served}");
    let report = aws.quota_report();
    let creations = report.iter().find(|used| used.operation == "apigateway:CreateRestApi").unwrap();
    assert_eq!((creations.served, creations.refused, creations.most, creations.quota), (1, 1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_limiter_keeps_within_the_quotas() {
    let aws = FakeAws::new("111122223333");
    let cloud = cloud(&aws).await;
    for number in 0..30 {
        cloud.api_keys.create("k", &format!("{VALUE}-{number}"), &tags("a")).await.unwrap();
    }
    for used in aws.quota_report() {
        assert!(used.refused == 0 && used.most <= used.quota, "{used:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_callers_leave_less() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| behaviour.other_load.insert("apigateway:CreateApiKey".into(), 4.0));
    let options = ClientOptions { limiter: false, ..ClientOptions::default() };
    let cloud = aws.clouds_with("careless", options).region(REGION).await;
    let mut made = 0;
    for number in 0..2_000 {
        made += usize::from(cloud.api_keys.create("k", &format!("{VALUE}-{number}"), &tags("a")).await.is_ok());
    }
    // Five at once, then one of the five a second, for ten seconds.
    assert!((14..=16).contains(&made), "{made}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_goes_its_own_way() {
    let aws = FakeAws::new("111122223333");
    let before = cloud(&aws).await;
    before.rest_apis.create("prod", "REGIONAL", &[], &tags("a")).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    inject(&aws, "apigateway:CreateRestApi", Verdict::Fail(Failure::Denied));
    let snapshot = aws.snapshot();

    let copy = FakeAws::restore(&snapshot);
    assert_eq!((copy.inventory(), copy.calls().len(), copy.now()), (aws.inventory(), 0, aws.now()));
    let after = cloud(&copy).await;
    after.rest_apis.create("prod", "REGIONAL", &[], &tags("a")).await.unwrap();
    assert!(copy.inventory().contains("<api a> #2"), "{}", copy.inventory());
    assert!(!aws.inventory().contains("#2"));
}

#[tokio::test(start_paused = true)]
async fn equal_worlds_have_equal_inventories() {
    let mut inventories = Vec::new();
    for detour in [false, true] {
        let aws = FakeAws::new("111122223333");
        let cloud = cloud(&aws).await;
        if detour {
            let id = cloud.rest_apis.create("gone", "REGIONAL", &[], &tags("x")).await.unwrap();
            cloud.rest_apis.delete(&id).await.unwrap();
        }
        cloud.rest_apis.create("prod", "REGIONAL", &[], &tags("a")).await.unwrap();
        let key = cloud.api_keys.create("k", VALUE, &tags("t")).await.unwrap();
        let spec = UsagePlanSpec {
            tier: "gold".into(),
            name: "p".into(),
            rate_limit: 1,
            burst_limit: 2,
            api_stages: Vec::new(),
            tags: tags("a"),
        };
        let plan = cloud.usage_plans.create(&spec).await.unwrap();
        cloud.api_keys.attach(&key, &plan).await.unwrap();
        let inventory = aws.inventory();
        assert!(!inventory.contains(&key) && !inventory.contains(&plan), "{inventory}");
        assert!(inventory.contains("key <key k>"), "{inventory}");
        inventories.push(inventory);
    }
    assert_eq!(inventories[0], inventories[1]);
}

#[tokio::test(start_paused = true)]
async fn lists_lag_and_look_ups_do_not() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| behaviour.list_lag = Duration::from_secs(30));
    let cloud = cloud(&aws).await;
    let id = cloud.rest_apis.create("prod", "REGIONAL", &[], &tags("a")).await.unwrap();
    cloud.api_keys.create("aigw-k", VALUE, &tags("a")).await.unwrap();
    assert_eq!(cloud.rest_apis.find("a", None).await.unwrap().len(), 0);
    assert_eq!(cloud.rest_apis.find("a", Some(&id)).await.unwrap().len(), 1);
    assert_eq!(cloud.api_keys.list("aigw-").await.unwrap().len(), 0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(cloud.rest_apis.find("a", None).await.unwrap().len(), 1);
    assert_eq!(cloud.api_keys.list("aigw-").await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages() {
    let aws = FakeAws::new("111122223333");
    aws.edit(|state| {
        for number in 0..1_200 {
            let id = state.new_id();
            let key = ApiKey {
                name: format!("aigw-{number}"),
                value: format!("{VALUE}-{number}"),
                enabled: true,
                tags: Tags::new(),
                created: Duration::ZERO,
            };
            state.region(REGION).api_keys.insert(id, key);
        }
    });
    let keys = cloud(&aws).await.api_keys.list("aigw-").await.unwrap();
    assert_eq!((keys.len(), aws.call_counts()[&("apigateway:GetApiKeys", "OK".to_owned())]), (1_200, 3));
}
