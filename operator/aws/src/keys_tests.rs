//! Tests of usage plans and API keys.

use aigw_plan::Class;
use serde_json::json;

use crate::testing::{Answer, Aws, error};

const CONFLICT: Answer<'_> = (409, &[error("ConflictException")], r#"{"message":"API Key is already attached"}"#);
const NOT_FOUND: Answer<'_> =
    (404, &[error("NotFoundException")], r#"{"message":"Invalid API Key identifier specified"}"#);
const IN_USE: Answer<'_> = (400, &[error("BadRequestException")], r#"{"message":"Cannot delete Usage Plan"}"#);

#[tokio::test]
async fn a_key_attached_to_this_plan_already_is_success() {
    let aws = Aws::answering(&[CONFLICT, (200, &[], r#"{"id":"k1","type":"API_KEY"}"#)]).await;
    aws.cloud.api_keys.attach("k1", "p1").await.unwrap();
    let requests = aws.requests();
    assert_eq!(requests[0].body, json!({"keyId": "k1", "keyType": "API_KEY"}));
    assert_eq!(requests[1].target, "/usageplans/p1/keys/k1");
}

#[tokio::test]
async fn a_key_attached_to_another_plan_is_a_conflict() {
    let aws = Aws::answering(&[CONFLICT, NOT_FOUND]).await;
    let failure = aws.cloud.api_keys.attach("k1", "p1").await.unwrap_err();
    assert_eq!((failure.operation, failure.class), ("apigateway:CreateUsagePlanKey", Class::Conflict));
}

#[tokio::test]
async fn keys_are_listed_by_prefix_over_all_pages_without_values() {
    let aws = Aws::answering(&[
        (200, &[], r#"{"position":"p2","item":[{"id":"k1","name":"aigw-x-1","enabled":true,"tags":{"a":"b"}},{"id":"k9","name":"other"}]}"#),
        (200, &[], r#"{"item":[{"id":"k2","name":"aigw-x-2","enabled":false}]}"#),
    ])
    .await;
    let keys = aws.cloud.api_keys.list("aigw-x-").await.unwrap();
    assert_eq!(
        keys.iter().map(|key| (key.id.as_str(), key.enabled)).collect::<Vec<_>>(),
        [("k1", true), ("k2", false)]
    );
    let target = &aws.requests()[1].target;
    for part in ["name=aigw-x-", "includeValues=false", "position=p2"] {
        assert!(target.contains(part), "{target}");
    }
}

#[tokio::test]
async fn one_call_changes_a_plan() {
    let aws = Aws::answering(&[(200, &[], "{}")]).await;
    let stage = |name: &str| ("a1".to_owned(), name.to_owned());
    aws.cloud.usage_plans.update("p1", 5, 10, &[stage("new")], &[stage("old")]).await.unwrap();
    assert_eq!(
        aws.requests()[0].body["patchOperations"],
        json!([
            {"op": "replace", "path": "/throttle/rateLimit", "value": "5"},
            {"op": "replace", "path": "/throttle/burstLimit", "value": "10"},
            {"op": "remove", "path": "/apiStages", "value": "a1:old"},
            {"op": "add", "path": "/apiStages", "value": "a1:new"},
        ])
    );
}

#[tokio::test]
async fn a_plan_is_detached_only_if_it_must_be() {
    let stages = [("a1".to_owned(), "v1".to_owned())];
    let methods = |aws: &Aws| aws.requests().into_iter().map(|request| request.method).collect::<Vec<_>>();

    let free = Aws::answering(&[(202, &[], "")]).await;
    free.cloud.usage_plans.delete("p1", &stages).await.unwrap();
    assert_eq!(methods(&free), ["DELETE"]);

    let attached = Aws::answering(&[IN_USE, (200, &[], "{}"), (202, &[], "")]).await;
    attached.cloud.usage_plans.delete("p1", &stages).await.unwrap();
    assert_eq!(methods(&attached), ["DELETE", "PATCH", "DELETE"]);

    let gone = Aws::answering(&[NOT_FOUND]).await;
    gone.cloud.usage_plans.delete("p1", &stages).await.unwrap();
}

#[tokio::test]
async fn plans_are_found_by_tag() {
    let aws = Aws::answering(&[(
        200,
        &[],
        r#"{"item":[{"id":"p1","name":"one","tags":{"aigateway.dev/id":"other"}},
           {"id":"p2","name":"two","throttle":{"rateLimit":5.0,"burstLimit":10},"apiStages":[{"apiId":"a1","stage":"v1"}],
            "tags":{"aigateway.dev/id":"ours","aigateway.dev/tier":"gold"}}]}"#,
    )])
    .await;
    let plans = aws.cloud.usage_plans.list("ours").await.unwrap();
    let [plan] = &plans.ours[..] else { panic!("one plan: {plans:?}") };
    assert_eq!((plan.id.as_str(), plan.tier.as_str()), ("p2", "gold"));
    assert_eq!((plan.rate_limit, plan.burst_limit), (Some(5.0), Some(10)));
    assert_eq!(plan.api_stages, [("a1".to_owned(), "v1".to_owned())]);
}
