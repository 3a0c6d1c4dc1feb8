use std::time::Duration;

use aigw_plan::Class;
use serde_json::json;

use super::*;
use crate::testing::{Aws, error};

const OURS: &str = "prod/AIGateway/ns/gw";

fn api(id: &str, tag: &str) -> String {
    json!({
        "id": id, "name": "gw", "tags": {"aigateway.dev/id": tag},
        "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-2", "vpce-1"]}
    })
    .to_string()
}

#[tokio::test]
async fn an_api_is_found_by_tag_over_all_pages() {
    let first = format!(r#"{{"position":"p2","item":[{},{}]}}"#, api("a1", "other"), api("a2", OURS));
    let second = format!(r#"{{"item":[{}]}}"#, api("a3", OURS));
    let aws = Aws::answering(&[
        (404, &[error("NotFoundException")], r#"{"message":"Invalid API identifier specified"}"#),
        (200, &[], &first),
        (200, &[], &second),
    ])
    .await;
    let found = aws.cloud.rest_apis.find(OURS, Some("gone")).await.unwrap();
    assert_eq!(found.iter().map(|api| api.id.as_str()).collect::<Vec<_>>(), ["a2", "a3"]);
    assert_eq!(
        (found[0].endpoint_type.as_str(), &found[0].vpc_endpoint_ids[..]),
        ("PRIVATE", &["vpce-1".to_owned(), "vpce-2".to_owned()][..])
    );
    let targets: Vec<_> = aws.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets[0], "/restapis/gone");
    assert!(targets[2].contains("position=p2") && targets[2].contains("limit=500"), "{targets:?}");
}

#[tokio::test]
async fn a_hint_counts_only_while_the_tag_does() {
    let ours = Aws::answering(&[(200, &[], &api("a1", OURS))]).await;
    assert_eq!(ours.cloud.rest_apis.find(OURS, Some("a1")).await.unwrap().len(), 1);
    let foreign = Aws::answering(&[(200, &[], &api("a1", "other")), (200, &[], r#"{"item":[]}"#)]).await;
    assert!(foreign.cloud.rest_apis.find(OURS, Some("a1")).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_import_replaces_everything_and_tolerates_no_warning() {
    let aws = Aws::answering(&[(200, &[], "{}")]).await;
    aws.cloud.rest_apis.put_document("a1", r#"{"openapi":"3.0.1"}"#).await.unwrap();
    let [request] = &aws.requests()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.body["openapi"].as_str()), ("PUT", Some("3.0.1")));
    assert!(
        request.target.contains("mode=overwrite") && request.target.contains("failonwarnings=true"),
        "{}",
        request.target
    );
}

#[tokio::test]
async fn an_import_is_read_back() {
    let policy = r#"{\"Version\":\"2012-10-17\",\"Statement\":[]}"#;
    let rest_api = json!({"id": "a1", "apiKeySource": "AUTHORIZER", "policy": policy}).to_string();
    let resources = json!({"item": [
        {"id": "r0", "path": "/"},
        {"id": "r1", "path": "/model/{id}/converse", "resourceMethods": {
            "POST": {
                "httpMethod": "POST", "authorizationType": "CUSTOM", "authorizerId": "z1", "apiKeyRequired": true,
                "methodIntegration": {"type": "AWS_PROXY", "uri": "arn:uri", "responseTransferMode": "STREAM"}
            },
            "GET": {"httpMethod": "GET", "authorizationType": "NONE", "authorizerId": "foreign", "methodIntegration": {"type": "MOCK"}}
        }}
    ]})
    .to_string();
    let aws = Aws::answering(&[
        (200, &[], &rest_api),
        (200, &[], r#"{"item":[{"id":"z1","authorizerUri":"arn:authorizer"}]}"#),
        (200, &[], &resources),
    ])
    .await;
    let imported = aws.cloud.rest_apis.imported("a1").await.unwrap();
    assert_eq!(imported.api_key_source, "AUTHORIZER");
    assert_eq!(imported.policy, Some(json!({"Version": "2012-10-17", "Statement": []})));
    let [get, post] = &imported.methods[..] else { panic!("two methods: {:?}", imported.methods) };
    assert_eq!((post.authorizer_uri.as_deref(), post.api_key_required), (Some("arn:authorizer"), true));
    assert_eq!((post.integration_uri.as_str(), post.response_transfer_mode.as_str()), ("arn:uri", "STREAM"));
    assert_eq!((get.authorizer_uri.as_deref(), get.response_transfer_mode.as_str()), (None, "BUFFERED"));
    assert!(aws.requests()[2].target.contains("embed=methods"));
}

#[tokio::test]
async fn deployments_come_newest_first() {
    let page = r#"{"item":[{"id":"d1","description":"one","createdDate":100},{"id":"d3","createdDate":300},{"id":"d2","createdDate":200}]}"#;
    let aws = Aws::answering(&[(200, &[], page)]).await;
    let deployments = aws.cloud.rest_apis.deployments("a1").await.unwrap();
    assert_eq!(deployments.iter().map(|deployment| deployment.id.as_str()).collect::<Vec<_>>(), ["d3", "d2", "d1"]);
}

#[tokio::test]
async fn an_access_log_is_read_as_it_was_written() {
    let stage = r#"{"stageName":"v1","accessLogSettings":{"destinationArn":"arn:g","format":"{}"}}"#;
    let none = r#"{"stageName":"v1","accessLogSettings":{"format":"{}"}}"#;
    let account = r#"{"cloudwatchRoleArn":"arn:aws:iam::1:role/logs"}"#;
    let answers = [
        (200, &[] as &[_], "{}"),
        (200, &[], "{}"),
        (200, &[], stage),
        (200, &[], none),
        (200, &[], account),
        (200, &[], "{}"),
    ];
    let aws = Aws::answering(&answers).await;
    let apis = &aws.cloud.rest_apis;
    let log = AccessLog { destination_arn: "arn:g".into(), format: "{}".into() };
    apis.set_access_log("a1", "v1", Some(&log)).await.unwrap();
    apis.set_access_log("a1", "v1", None).await.unwrap();
    assert_eq!(apis.stage("a1", "v1").await.unwrap().unwrap().access_log, Some(log));
    assert_eq!(apis.stage("a1", "v1").await.unwrap().unwrap().access_log, None);
    assert_eq!(apis.account_log_role().await.unwrap().as_deref(), Some("arn:aws:iam::1:role/logs"));
    assert_eq!(apis.account_log_role().await.unwrap(), None);
    let requests = aws.requests();
    assert_eq!(
        requests[0].body["patchOperations"],
        json!([
            {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": "arn:g"},
            {"op": "replace", "path": "/accessLogSettings/format", "value": "{}"},
        ])
    );
    assert_eq!(requests[1].body["patchOperations"], json!([{"op": "remove", "path": "/accessLogSettings"}]));
    assert_eq!(requests[4].target, "/account");
}

#[tokio::test]
async fn one_call_changes_deployment_and_throttle() {
    let aws = Aws::answering(&[(200, &[], "{}"), (200, &[], "{}")]).await;
    let apis = &aws.cloud.rest_apis;
    apis.update_stage("a1", "v1", Some("d2"), Some(&StageThrottle(Some((50, 100))))).await.unwrap();
    apis.update_stage("a1", "v1", None, Some(&StageThrottle(None))).await.unwrap();
    apis.update_stage("a1", "v1", None, None).await.unwrap();
    let [both, removal] = &aws.requests()[..] else { panic!("two requests, none for no change") };
    assert_eq!((both.method.as_str(), both.target.as_str()), ("PATCH", "/restapis/a1/stages/v1"));
    assert_eq!(
        both.body["patchOperations"],
        json!([
            {"op": "replace", "path": "/deploymentId", "value": "d2"},
            {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "50"},
            {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "100"},
        ])
    );
    assert_eq!(removal.body["patchOperations"], json!([{"op": "remove", "path": "/*/*"}]));
}

#[tokio::test]
async fn a_stages_throttle_is_set_unset_or_missing() {
    let stage = |settings: &str| format!(r#"{{"deploymentId":"d1","stageName":"v1","methodSettings":{settings}}}"#);
    let set = stage(r#"{"*/*":{"throttlingRateLimit":50.0,"throttlingBurstLimit":100}}"#);
    let unset = stage(r#"{"*/*":{"throttlingRateLimit":-1,"throttlingBurstLimit":-1}}"#);
    let aws = Aws::answering(&[(200, &[], &set), (200, &[], &unset), (200, &[], &stage("{}"))]).await;
    for expected in [(Some(50.0), Some(100)), (None, None), (None, None)] {
        let stage = aws.cloud.rest_apis.stage("a1", "v1").await.unwrap().expect("a stage");
        assert_eq!((stage.rate_limit, stage.burst_limit), expected);
    }
}

#[tokio::test]
async fn tags_go_to_arns_without_account() {
    let aws = Aws::answering(&[(204, &[], ""), (204, &[], "")]).await;
    let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
    aws.cloud.rest_apis.tag("a1", Some("v1"), &tags).await.unwrap();
    aws.cloud.usage_plans.tag("p1", &tags).await.unwrap();
    let targets: Vec<_> =
        aws.requests().into_iter().map(|request| request.target.replace("%3A", ":").replace("%2F", "/")).collect();
    assert_eq!(
        targets,
        [
            "/tags/arn:aws:apigateway:eu-central-1::/restapis/a1/stages/v1",
            "/tags/arn:aws:apigateway:eu-central-1::/usageplans/p1"
        ]
    );
}

#[tokio::test]
async fn a_429_reaches_the_caller_once_and_shuts_the_limiter() {
    let throttled = [error("TooManyRequestsException"), ("retry-after", "7"), ("x-amzn-requestid", "r-1")];
    let aws = Aws::answering(&[(429, &throttled, r#"{"message":"Too Many Requests"}"#)]).await;
    let failure = aws.cloud.rest_apis.put_document("a1", "{}").await.unwrap_err();
    assert_eq!((failure.class, failure.retry_after), (Class::Throttled, Some(Duration::from_secs(7))));
    assert_eq!(failure.request_id.as_deref(), Some("r-1"));
    assert_eq!(failure.to_string(), "apigateway:PutRestApi: TooManyRequestsException: Too Many Requests");

    let held_back = aws.cloud.rest_apis.put_document("a1", "{}").await.unwrap_err();
    assert_eq!((held_back.class, held_back.code.as_str()), (Class::Throttled, "HeldBack"));
    assert!(held_back.retry_after.is_some_and(|wait| wait > Duration::from_secs(5)));
    assert_eq!(aws.requests().len(), 1, "the sdk must not retry by itself");
    let outcomes: Vec<_> = aws.calls.made().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, ["TooManyRequestsException", "HeldBack"]);
}
