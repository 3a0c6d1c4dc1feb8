//! The operator's probe: what it is told of table and Bedrock, and that it is told to nobody else.

use serde_json::{Value, json};

use crate::support::http;
use crate::support::world::{World, error, event};

const MODEL: &str = "amazon.nova-micro-v1:0";
const NO_ACCESS: &str = "You don't have access to the model with the specified model ID.";
const NOT_AUTHORIZED: &str =
    "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: bedrock:InvokeModel on resource: m";

fn configure(world: &World, probe: &Value) {
    world.set_config(&json!({
        "restApiId": "api1", "stages": ["v1"], "families": ["bedrock-runtime"], "probe": probe,
    }));
}

async fn report(world: &World) -> Value {
    let response = world.call(&event("GET", "/.aigw/probe")).await;
    assert_eq!(response.prelude["statusCode"], 200);
    serde_json::from_slice(&response.body).unwrap()
}

#[tokio::test]
async fn a_probe_is_counted_and_bedrock_is_asked_for_nothing() {
    let world = World::new().await;
    // A probe may call no model, and none is run for it.
    world.set_policy(1, &json!({ "models": { "deny": ["*"] }, "budgets": [{ "window": "Month", "microUsd": 1 }] }));
    configure(&world, &json!({ "tenant": "t1", "model": MODEL }));
    world
        .forwarder(async {
            world.bedrock.answer(http::json(400, &json!({ "message": "Malformed input request" })));
            assert_eq!(report(&world).await, json!({ "table": "Counted", "bedrock": "Callable" }));
            // The first attempt shows a meter that was not known; then come the reservation and its settlement.
            assert_eq!(world.table.take_writes().len(), 3);
            let arrived = world.bedrock.take_arrived();
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].parts.uri.path(), "/model/amazon.nova-micro-v1%3A0/invoke");
            assert_eq!(&arrived[0].body[..], b"{}");
            let call = event("POST", "/bedrock-runtime/model/amazon.nova-micro-v1%3A0/invoke");
            assert_eq!(error(&world.call(&call).await).0, 403);
            assert!(world.bedrock.take_arrived().is_empty());
        })
        .await;
}

#[tokio::test]
async fn what_bedrock_and_the_table_refuse_is_told_apart() {
    let world = World::new().await;
    world.set_policy(1, &json!({}));
    configure(&world, &json!({ "tenant": "t1", "model": MODEL }));
    world
        .forwarder(async {
            for (status, message, told) in [
                (403, NO_ACCESS, "ModelDenied"),
                (403, NOT_AUTHORIZED, "RoleDenied"),
                (429, "Too many requests", "Unclear"),
                (503, "busy", "Unreachable"),
            ] {
                world.bedrock.answer(http::json(status, &json!({ "message": message })));
                assert_eq!(report(&world).await, json!({ "table": "Counted", "bedrock": told }));
            }
            let bad = || http::json(400, &json!({ "message": "Malformed input request" }));
            world.bedrock.answer(bad());
            world.table.fail_writes(400, "AccessDeniedException", 1, false);
            assert_eq!(report(&world).await["table"], "Denied");
            world.bedrock.answer(bad());
            world.table.fail_writes(500, "InternalServerError", 1, false);
            assert_eq!(report(&world).await["table"], "Unreachable");
        })
        .await;
}

#[tokio::test]
async fn nobody_but_the_probe_has_the_path() {
    let world = World::new().await;
    world.set_policy(1, &json!({}));
    world
        .forwarder(async {
            for probe in [Value::Null, json!({ "tenant": "another", "model": MODEL })] {
                configure(&world, &probe);
                let (status, _, message) = error(&world.call(&event("GET", "/.aigw/probe")).await);
                assert!(status == 404 && message.contains("nothing else"), "{message}");
            }
            assert!(world.bedrock.take_arrived().is_empty());
            assert!(world.table.take_writes().is_empty());
        })
        .await;
}
