//! Each scripted fault, as the caller sees it.

use super::*;

#[tokio::test]
async fn injected_errors_speak_the_protocol_of_the_service() {
    let scene = scene().await;
    scene
        .rule(json!({ "match": { "operation": "CreateRestApi" }, "fault": { "status": 429, "retry_after": 3 } }))
        .await;
    scene.rule(json!({ "match": { "service": "dynamodb" }, "fault": { "status": 400 } })).await;
    scene.rule(json!({ "match": { "service": "iam" }, "fault": { "status": 409, "message": "a < b" } })).await;
    scene.rule(json!({ "match": { "operation": "CreateStage" }, "times": 0, "fault": { "status": 409 } })).await;

    let got = scene.rest("POST", "/restapis").await.unwrap();
    assert_eq!((got.status, &got.headers["retry-after"]), (429, &"3".parse().unwrap()));
    assert_eq!(got.headers["x-amzn-errortype"], "TooManyRequestsException");
    assert!(got.json()["message"].is_string());
    assert_eq!(scene.last().error_code.as_deref(), Some("TooManyRequestsException"));
    assert!(scene.last().injected && !scene.last().reached);

    let target = [("x-amz-target", "DynamoDB_20120810.PutItem"), ("content-type", "application/x-amz-json-1.0")];
    let got = scene.call("dynamodb", "POST", "/", &target, "{}").await.unwrap();
    assert_eq!((got.status, got.json()["__type"].as_str()), (400, Some("ThrottlingException")));

    let form = [("content-type", "application/x-www-form-urlencoded")];
    let got = scene.call("iam", "POST", "/", &form, "Action=CreateRole").await.unwrap();
    let xml = String::from_utf8(got.body.to_vec()).unwrap();
    assert_eq!(got.status, 409);
    assert!(xml.contains("<Code>EntityAlreadyExists</Code><Message>a &lt; b</Message>"), "{xml}");

    scene.rule(json!({ "match": { "service": "lambda" }, "fault": { "status": 409 } })).await;
    let got = scene.call("lambda", "POST", "/2015-03-31/functions", &[], "{}").await;
    assert_eq!(got.unwrap().headers["x-amzn-errortype"], "ResourceConflictException");

    for _ in 0..3 {
        assert_eq!(
            scene.rest("POST", "/restapis/a/stages").await.unwrap().headers["x-amzn-errortype"],
            "ConflictException"
        );
    }
    assert_eq!(scene.hits(), 0, "an injected error comes before the effect");
    scene.call("", "DELETE", "/_proxy/faults", &[], "").await.unwrap();
    assert_eq!(scene.rest("POST", "/restapis/a/stages").await.unwrap().status, 200);
}

#[tokio::test]
async fn nth_call_and_matchers_select() {
    let scene = scene().await;
    scene
        .rule(json!({ "match": { "is_write": true, "resource_contains": "/b" }, "nth": 2, "fault": { "status": 503 } }))
        .await;
    let mut seen = Vec::new();
    for (method, target) in [
        ("PUT", "/restapis/b"),
        ("GET", "/restapis/b"),
        ("PUT", "/restapis/a"),
        ("PUT", "/restapis/b"),
        ("PUT", "/restapis/b"),
    ] {
        seen.push(scene.rest(method, target).await.unwrap().status);
    }
    assert_eq!(seen, [200, 200, 200, 503, 200]);
    let rules = scene.call("", "GET", "/_proxy/faults", &[], "").await.unwrap().json();
    assert_eq!((&rules[0]["seen"], &rules[0]["applied"]), (&json!(3), &json!(1)));
    let bad = scene.call("", "POST", "/_proxy/faults", &[], r#"{"fault":{"stat":1}}"#).await.unwrap();
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn connections_drop_before_or_after_the_effect() {
    let scene = scene().await;
    scene.rule(json!({ "fault": { "drop": true } })).await;
    scene.rule(json!({ "fault": { "drop": true, "after_effect": true } })).await;
    scene.rule(json!({ "fault": { "status": 500, "after_effect": true } })).await;
    assert!(scene.rest("POST", "/restapis").await.is_none());
    assert_eq!((scene.hits(), scene.last().status, scene.last().reached), (0, 0, false));
    assert!(scene.rest("POST", "/restapis").await.is_none());
    assert_eq!((scene.hits(), scene.last().status, scene.last().reached), (1, 0, true));
    assert_eq!(scene.last().error_code.as_deref(), Some("ConnectionDropped"));
    assert_eq!(scene.rest("POST", "/restapis").await.unwrap().status, 500);
    assert_eq!((scene.hits(), scene.last().status, scene.last().reached), (2, 500, true));
    assert_eq!(scene.rest("POST", "/restapis").await.unwrap().status, 200);
}

#[tokio::test]
async fn chance_hits_one_callers_calls_only_and_composes_with_a_delay() {
    let scene = scene().await;
    let operator = json!({ "agent_contains": "app/aigw-operator" });
    scene.rule(json!({ "match": operator, "times": 0, "percent": 100, "fault": { "latency_ms": 60 } })).await;
    scene.rule(json!({ "match": operator, "times": 0, "percent": 50, "seed": 3, "fault": { "status": 429 } })).await;
    let agent = [("user-agent", "aws-sdk-rust/1.3 os/linux app/aigw-operator")];
    let mut refused = 0;
    for _ in 0..20 {
        let got = scene.call("apigateway", "GET", "/restapis", &agent, "").await.unwrap();
        refused += usize::from(got.status == 429);
        assert!(scene.last().duration_ms >= 60);
        assert_eq!(scene.rest("GET", "/restapis").await.unwrap().status, 200);
        assert!(!scene.last().injected);
    }
    assert!((5..=15).contains(&refused), "{refused} of 20");
}

#[tokio::test]
async fn latency_is_injected_and_measured() {
    let scene = scene().await;
    scene.rule(json!({ "fault": { "latency_ms": 60 } })).await;
    assert_eq!(scene.rest("GET", "/restapis").await.unwrap().status, 200);
    assert!(scene.last().duration_ms >= 60);
    assert!(scene.last().reached && scene.last().injected);
}
