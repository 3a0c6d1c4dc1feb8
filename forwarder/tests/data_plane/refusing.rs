//! What the gateway answers itself, and that a change in the table counts from the next call on.

use serde_json::json;

use crate::support::world::{World, converse, error, event};

#[tokio::test]
async fn requests_that_cannot_be_routed_or_must_not_pass_are_400() {
    let world = World::new().await;
    let paths = [
        "/agents/x",
        "/s3/bucket",
        "/",
        "/bedrock-runtime/model/%2e%2e/x",
        "/bedrock-runtime/../x",
        "/bedrock-runtime//model",
        "//evil.example/model/x/converse",
        "@evil.example/model/x/converse",
        "/bedrock-runtime/model/x\\y",
        "/bedrock-runtime/model/%00/x",
        "/bedrock-runtime/model/x/invoke-with-bidirectional-stream",
    ];
    world
        .forwarder(async {
            for path in paths {
                let (status, error_type, _) = error(&world.call(&event("POST", path)).await);
                assert_eq!((status, error_type.as_str()), (400, "ValidationException"), "{path}");
            }
            let mut twice = converse();
            twice["multiValueHeaders"]["Content-Type"] = json!(["text/plain"]);
            assert_eq!(error(&world.call(&twice).await).0, 400);
            assert!(world.bedrock.take_arrived().is_empty());
        })
        .await;
}

#[tokio::test]
async fn events_without_our_authorizer_or_of_another_api_are_403() {
    let world = World::new().await;
    world
        .forwarder(async {
            for (pointer, value) in [
                ("/requestContext/authorizer", json!(null)),
                ("/requestContext/authorizer", json!({ "principalId": "x" })),
                ("/requestContext/authorizer/tenant", json!("")),
                ("/requestContext/authorizer/credential", json!(null)),
                ("/requestContext/apiId", json!("other")),
                ("/requestContext/stage", json!("test-invoke-stage")),
                ("/requestContext/stage", json!(null)),
            ] {
                let mut event = converse();
                *event.pointer_mut(pointer).unwrap() = value;
                let (status, error_type, _) = error(&world.call(&event).await);
                assert_eq!((status, error_type.as_str()), (403, "AccessDeniedException"), "{pointer}");
            }
            assert!(world.bedrock.take_arrived().is_empty());
        })
        .await;
}

#[tokio::test]
async fn a_closed_family_is_403_and_names_the_setting() {
    let world = World::new().await;
    world
        .forwarder(async {
            let (status, _, message) = error(&world.call(&event("GET", "/bedrock/foundation-models")).await);
            assert_eq!(status, 403);
            assert!(message.contains("spec.bedrock.families"), "{message}");
        })
        .await;
}

#[tokio::test]
async fn model_rules_bind_and_follow_the_policy() {
    let world = World::new().await;
    let call = |model: &str| event("POST", &format!("/bedrock-runtime/model/{model}/converse"));
    world
        .forwarder(async {
            world.set_policy(2, &json!({ "models": { "rule": "default", "granted": ["anthropic.*"] } }));
            world.set_meter(2, false);
            assert_eq!(world.call(&call("eu.anthropic.claude-v2%3A1")).await.prelude["statusCode"], 200);
            let (status, error_type, message) = error(&world.call(&call("amazon.nova-pro-v1%3A0")).await);
            assert_eq!((status, error_type.as_str()), (403, "AccessDeniedException"));
            assert!(message.contains("amazon.nova-pro-v1:0") && message.contains("team-a/chat"), "{message}");
            let mut chat = event("POST", "/bedrock-runtime/openai/v1/chat/completions");
            chat["body"] = r#"{"model":"anthropic.claude-v2:1","model":"openai.gpt-oss-20b-1:0"}"#.into();
            assert_eq!(error(&world.call(&chat).await).0, 400);
            let (status, _, message) = error(&world.call(&event("POST", "/bedrock-agent/new-thing")).await);
            assert!(status == 403 && message.contains("spec.bedrock.unmetered"), "{message}");
            assert_eq!(world.bedrock.take_arrived().len(), 1);

            world.set_policy(3, &json!({ "models": { "rule": "default", "granted": ["amazon.*"] } }));
            world.set_meter(3, false);
            assert_eq!(error(&world.call(&call("eu.anthropic.claude-v2%3A1")).await).0, 403);
            assert_eq!(world.call(&call("amazon.nova-pro-v1%3A0")).await.prelude["statusCode"], 200);
        })
        .await;
}

#[tokio::test]
async fn suspension_binds_on_the_next_call_and_says_who_can_lift_it() {
    let world = World::new().await;
    world
        .forwarder(async {
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            for (version, who, text) in [(2, "Platform", "platform team"), (3, "Team", "spec.suspend")] {
                world.set_policy(version, &json!({ "suspended": who }));
                world.set_meter(version, true);
                let (status, error_type, message) = error(&world.call(&converse()).await);
                assert_eq!((status, error_type.as_str()), (403, "AccessDeniedException"));
                assert!(message.contains(text) && message.contains("team-a/chat"), "{message}");
            }
            world.set_policy(4, &json!({}));
            world.set_meter(4, false);
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
        })
        .await;
}

#[tokio::test]
async fn a_revoked_expired_or_void_credential_stops_at_once() {
    let world = World::new().await;
    world
        .forwarder(async {
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            let expired = json!([{ "id": "k1", "sha256": "00", "notAfter": 1 }]);
            let changes = [
                (json!({ "keys": [] }), "credential k1"),
                (json!({ "keys": expired }), "credential k1"),
                (json!({ "deleted": true }), "deleted"),
            ];
            for (version, (change, text)) in (2..).zip(changes) {
                world.set_policy(version, &change);
                world.set_meter(version, false);
                let (status, _, message) = error(&world.call(&converse()).await);
                assert_eq!(status, 403);
                assert!(message.contains(text), "{message}");
            }
            world.table.remove("tenant#t1", "policy");
            world.table.remove("meter#t1", "now");
            assert_eq!(error(&world.call(&converse()).await).0, 403);
        })
        .await;
}

#[tokio::test]
async fn the_policy_is_read_only_when_the_meter_names_another_version() {
    let world = World::new().await;
    world
        .forwarder(async {
            world.table.take_reads();
            world.call(&converse()).await;
            assert_eq!(world.table.take_reads(), ["tenant#t1"]);
            world.call(&converse()).await;
            assert!(world.table.take_reads().is_empty());
            world.set_policy(2, &json!({}));
            world.set_meter(2, false);
            world.call(&converse()).await;
            assert_eq!(world.table.take_reads(), ["tenant#t1"]);
        })
        .await;
}

#[tokio::test]
async fn without_a_meter_the_policy_decides() {
    let world = World::new().await;
    world.table.remove("meter#t1", "now");
    world
        .forwarder(async {
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            world.set_policy(2, &json!({ "suspended": "Team" }));
            assert_eq!(error(&world.call(&converse()).await).0, 403);
        })
        .await;
}

#[tokio::test]
async fn a_table_that_does_not_answer_means_no() {
    let world = World::new().await;
    world
        .forwarder(async {
            world.table.fail(400, "AccessDeniedException", usize::MAX);
            let (status, error_type, message) = error(&world.call(&converse()).await);
            assert_eq!((status, error_type.as_str()), (503, "ServiceUnavailableException"));
            assert!(!message.contains("AccessDenied"), "{message}");
            assert!(world.bedrock.take_arrived().is_empty());
            let line = world.log.lines(1).await.pop().unwrap();
            assert!(line["cause"].as_str().unwrap().contains("AccessDeniedException"), "{line}");

            world.table.fail(500, "InternalServerError", 2);
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200, "two transient errors are ridden out");
        })
        .await;
}

#[tokio::test]
async fn a_malformed_policy_is_our_fault_and_is_not_quoted() {
    let world = World::new().await;
    world.set_policy(2, &json!({ "keys": "the-hash" }));
    world.set_meter(2, false);
    world
        .forwarder(async {
            assert_eq!(error(&world.call(&converse()).await).0, 503);
            world.log.lines(1).await;
            assert!(!world.log.text().contains("the-hash"), "{}", world.log.text());
        })
        .await;
}

#[tokio::test]
async fn a_family_opened_while_running_works_without_a_restart() {
    let world = World::new().await;
    world.table.remove("gateway", "config");
    world
        .forwarder(async {
            assert_eq!(error(&world.call(&converse()).await).0, 503);
            world.configure(&["bedrock-runtime"]);
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
        })
        .await;
}

#[tokio::test]
async fn an_event_of_another_kind_is_an_error_and_not_a_response() {
    let world = World::new().await;
    world
        .forwarder(async {
            world.begin(&json!({ "Records": [] }));
            let (path, headers, _, _) = world.api.posted().await;
            assert_eq!(path, "/2018-06-01/runtime/invocation/request-0/error");
            assert_eq!(headers["lambda-runtime-function-error-type"], "Gateway.UnexpectedEvent");
            assert_eq!(headers["lambda-runtime-invocation-id"], "invocation-0");
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
        })
        .await;
}
