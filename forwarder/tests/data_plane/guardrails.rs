//! A guardrail that the platform has every call carry: what reaches Bedrock carries it, whatever the client tries.
//!
//! Each way around it is either overridden, and then Bedrock sees ours and no other byte of the call changed, or refused,
//! and then Bedrock sees nothing.

use serde_json::{Value, json};

use crate::support::bedrock::Arrived;
use crate::support::http;
use crate::support::world::{World, converse, error, event, month};

const ID: &str = "abc1";
const IDENTIFIER: &str = "x-amzn-bedrock-guardrailidentifier";
const VERSION: &str = "x-amzn-bedrock-guardrailversion";

fn configure(world: &World, more: &Value) {
    let mut config = json!({
        "restApiId": "api1", "stages": ["v1"], "unmetered": "Allow",
        "families": ["bedrock-runtime", "bedrock", "bedrock-agent-runtime", "bedrock-agentcore"],
        "guardrails": { "apply": { "id": ID, "version": "7" } },
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    world.set_config(&config);
}

async fn guarded() -> World {
    let world = World::new().await;
    configure(&world, &json!({}));
    world
}

fn call(path: &str, body: &str) -> Value {
    let mut event = event("POST", path);
    event["body"] = body.into();
    event
}

fn with(mut event: Value, name: &str, values: Value) -> Value {
    event["multiValueHeaders"][name] = values;
    event
}

/// The one request that arrived.
fn arrived(world: &World, name: &str) -> Arrived {
    let mut arrived = world.bedrock.take_arrived();
    assert_eq!(arrived.len(), 1, "{name}");
    arrived.remove(0)
}

fn headers_of<'a>(arrived: &'a Arrived, name: &str) -> Vec<&'a str> {
    arrived.parts.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

const INVOKE: &str = "/bedrock-runtime/model/m/invoke";
const INVOKE_STREAM: &str = "/bedrock-runtime/model/m/invoke-with-response-stream";
const CHAT: &str = "/bedrock-runtime/openai/v1/chat/completions";
const CHAT_BODY: &str = r#"{"model":"m","messages":[],"stream":true}"#;

/// Ways of naming another guardrail, or none, where it is a header.
fn by_header() -> Vec<(&'static str, Value)> {
    let invoke = || call(INVOKE, r#"{"prompt":"x"}"#);
    let other = "X-Amzn-Bedrock-GuardrailIdentifier";
    vec![
        ("nothing", invoke()),
        ("nothing, streamed", call(INVOKE_STREAM, r#"{"prompt":"x"}"#)),
        ("nothing, Chat Completions streamed", call(CHAT, CHAT_BODY)),
        ("another guardrail", with(invoke(), other, json!(["weak"]))),
        ("another version", with(invoke(), "X-Amzn-Bedrock-GuardrailVersion", json!(["DRAFT"]))),
        ("in lower case", with(invoke(), IDENTIFIER, json!(["weak"]))),
        ("in upper case", with(invoke(), &other.to_uppercase(), json!(["weak"]))),
        ("twice", with(invoke(), other, json!(["weak", "weaker"]))),
        ("twice, in two spellings", with(with(invoke(), other, json!(["weak"])), IDENTIFIER, json!(["weaker"]))),
        ("empty", with(invoke(), other, json!([""]))),
        ("as an ARN", with(invoke(), other, json!(["arn:aws:bedrock:eu-central-1:1:guardrail/weak"]))),
        ("as a list", with(invoke(), other, json!([format!("weak, {ID}")]))),
        ("named by Connection, to be dropped", with(invoke(), "Connection", json!([IDENTIFIER]))),
        ("with its trace", with(invoke(), "X-Amzn-Bedrock-Trace", json!(["ENABLED_FULL"]))),
        ("Chat Completions with another", with(call(CHAT, CHAT_BODY), other, json!(["weak"]))),
        ("by an inference profile", call("/bedrock-runtime/model/eu.m/invoke", r#"{"prompt":"x"}"#)),
        (
            "by an ARN",
            call(
                "/bedrock-runtime/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Aapplication-inference-profile%2Fp/invoke",
                r#"{"prompt":"x"}"#,
            ),
        ),
        ("by a path with an escape", call("/bedrock-runtime/model/m/invok%65", r#"{"prompt":"x"}"#)),
        ("by a path with a slash at its end", call("/bedrock-runtime/model/m/invoke/", r#"{"prompt":"x"}"#)),
        (
            "by header routing",
            with(call("/model/m/invoke", r#"{"prompt":"x"}"#), "aws-endpoint-prefix", json!(["bedrock-runtime"])),
        ),
        ("with an empty content type", {
            let mut event = invoke();
            event["multiValueHeaders"].as_object_mut().unwrap().remove("content-type");
            event
        }),
        ("in the query", {
            let mut event = invoke();
            event["multiValueQueryStringParameters"] = json!({ "X-Amzn-Bedrock-GuardrailIdentifier": ["weak"] });
            event
        }),
    ]
}

#[tokio::test]
async fn whatever_headers_say_bedrock_gets_ours_once_and_the_body_as_it_was() {
    let world = guarded().await;
    world
        .forwarder(async {
            let attempts = by_header();
            assert_eq!(attempts.len(), 22);
            for (name, event) in attempts {
                assert_eq!(world.call(&event).await.prelude["statusCode"], 200, "{name}");
                let arrived = arrived(&world, name);
                assert_eq!(headers_of(&arrived, IDENTIFIER), [ID], "{name}");
                assert_eq!(headers_of(&arrived, VERSION), ["7"], "{name}");
                assert_eq!(headers_of(&arrived, "x-amzn-bedrock-trace"), [""; 0], "{name}");
                assert_eq!(arrived.body, event["body"].as_str().unwrap(), "{name}");
            }
        })
        .await;
}

#[tokio::test]
async fn whatever_the_body_of_converse_says_it_carries_ours_and_no_other_byte_changes() {
    let world = guarded().await;
    let ours = r#""guardrailConfig":{"guardrailIdentifier":"abc1","guardrailVersion":"7"}"#;
    let rest = r#""messages": [ {"role":"user","content":[{"text":"é\u00e9"}]} ] ,"x":1.0e2}"#;
    let bodies = [
        (format!("{{{rest}"), format!("{{{ours},{rest}")),
        (
            format!(r#"{{"guardrailConfig":{{"guardrailIdentifier":"weak","guardrailVersion":"1"}},{rest}"#),
            format!("{{{ours},{rest}"),
        ),
        (format!(r#"{{"guardrailConfig":null,{rest}"#), format!("{{{ours},{rest}")),
        (format!(r#"{{"guardrailConfig":{{}},{rest}"#), format!("{{{ours},{rest}")),
        (format!(r#"{{"guardrailConfig":"none",{rest}"#), format!("{{{ours},{rest}")),
        (
            format!(r#"{{"gu\u0061rdrailConfig":{{"guardrailIdentifier":"weak"}},{rest}"#),
            format!("{{{},{rest}", ours.replacen("gua", "gu\\u0061", 1)),
        ),
        // Where Bedrock does not look for it.
        (
            format!(r#"{{"additionalModelRequestFields":{{"guardrailConfig":{{}}}},{rest}"#),
            format!(r#"{{{ours},"additionalModelRequestFields":{{"guardrailConfig":{{}}}},{rest}"#),
        ),
    ];
    world
        .forwarder(async {
            for (sent, expected) in &bodies {
                let paths = ["model/m/converse", "model/eu.m/converse", "model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Aprompt%2FP/converse"];
                for path in paths {
                    let event = with(call(&format!("/bedrock-runtime/{path}"), sent), IDENTIFIER, json!(["weak"]));
                    assert_eq!(world.call(&event).await.prelude["statusCode"], 200, "{sent}");
                    let arrived = arrived(&world, sent);
                    assert_eq!(arrived.body, expected, "{sent}");
                    assert_eq!(headers_of(&arrived, IDENTIFIER), [""; 0], "{sent}");
                }
            }
            let sent = r#"{"guardrailConfig":{"streamProcessingMode":"async","trace":"enabled_full"}}"#;
            world.call(&call("/bedrock-runtime/model/m/converse-stream", sent)).await;
            let expected = r#"{"guardrailConfig":{"guardrailIdentifier":"abc1","guardrailVersion":"7","streamProcessingMode":"sync"}}"#;
            assert_eq!(arrived(&world, sent).body, expected);
        })
        .await;
}

/// Calls that are refused: status, and the event.
fn refused() -> Vec<(&'static str, u64, Value)> {
    let converse = |body: &str| call("/bedrock-runtime/model/m/converse", body);
    let encoded = |event: Value| with(event, "content-encoding", json!(["gzip"]));
    let typed = |event: Value| with(event, "content-type", json!(["text/plain"]));
    let other = |path: &str| call(path, r#"{"model":"m","input":"x"}"#);
    let agent = |path: &str| call(&format!("/bedrock-agent-runtime{path}"), "{}");
    vec![
        // The body.
        (
            "the member twice",
            400,
            converse(r#"{"guardrailConfig":{},"guardrailConfig":{"guardrailIdentifier":"weak"}}"#),
        ),
        ("twice, once escaped", 400, converse(r#"{"guardrailConfig":{},"guardrailConfi\u0067":{}}"#)),
        ("in another case", 400, converse(r#"{"GuardrailConfig":{"guardrailIdentifier":"weak"}}"#)),
        ("within a list", 400, converse(r#"[{"guardrailConfig":{}}]"#)),
        ("behind the body", 400, converse(r#"{"messages":[]}{"guardrailConfig":{}}"#)),
        ("behind a byte order mark", 400, converse("\u{feff}{\"messages\":[]}")),
        ("no body", 400, event("POST", "/bedrock-runtime/model/m/converse")),
        ("packed", 400, encoded(converse("{}"))),
        ("messages twice", 400, converse(r#"{"messages":[],"messages":[{"role":"user","content":[{"text":"x"}]}]}"#)),
        ("text twice, deep down", 400, converse(r#"{"messages":[{"content":[{"text":"a","te\u0078t":"b"}]}]}"#)),
        (
            "only a part to be looked at",
            400,
            converse(r#"{"messages":[{"content":[{"guardContent":{"text":{"text":"x"}}},{"text":"y"}]}]}"#),
        ),
        ("a part of the system's", 400, converse(r#"{"system":[{"guard\u0043ontent":{"text":{"text":"x"}}}]}"#)),
        (
            "tags in Converse",
            400,
            converse(r#"{"messages":[{"content":[{"text":"<amazon-bedrock-guardrails-guardContent_a>x"}]}]}"#),
        ),
        (
            "settings among the model's fields",
            400,
            converse(r#"{"additionalModelRequestFields":{"amazon-bedrock-guardrailConfig":{}}}"#),
        ),
        (
            "tags",
            400,
            call(
                INVOKE,
                r#"{"prompt":"<amazon-bedrock-guardrails-guardContent_a>x</amazon-bedrock-guardrails-guardContent_a>y"}"#,
            ),
        ),
        ("escaped tags", 400, call(INVOKE, r#"{"prompt":"\u003c\u0061mazon-bedrock-guardrails-guardContent_a>x"}"#)),
        ("a suffix of tags", 400, call(INVOKE, r#"{"amazon-bedrock-guardrailConfig":{"tagSuffix":"a"},"prompt":"x"}"#)),
        (
            "a stream that does not wait",
            400,
            call(INVOKE_STREAM, r#"{"amazon-bedrock-guardrailConfig":{"streamProcessingMode":"ASYNCHRONOUS"}}"#),
        ),
        ("settings, escaped", 400, call(INVOKE, r#"{"amazon-bedrock-guardrailCon\u0066ig":{}}"#)),
        (
            "settings in Chat Completions",
            400,
            call(CHAT, r#"{"model":"m","amazon-bedrock-guardrailConfig":{"tagSuffix":"a"}}"#),
        ),
        ("packed for InvokeModel", 400, encoded(call(INVOKE, "{}"))),
        ("of another type", 400, typed(call(INVOKE, "{}"))),
        ("no JSON", 400, call(INVOKE, "prompt=x")),
        // Operations that carry none.
        ("Responses", 403, other("/bedrock-runtime/openai/v1/responses")),
        ("Responses, escaped", 403, other("/bedrock-runtime/openai/v1/%72esponses/")),
        ("Messages", 403, other("/bedrock-runtime/anthropic/v1/messages")),
        ("later, elsewhere", 403, call("/bedrock-runtime/async-invoke", r#"{"modelId":"m"}"#)),
        ("an operation nobody knows", 403, call("/bedrock-runtime/model/m/invoke-quietly", "{}")),
        ("as a batch", 403, call("/bedrock/model-invocation-job", r#"{"modelId":"m"}"#)),
        // Families that carry none.
        ("an agent", 403, agent("/agents/a/agentAliases/b/sessions/s/text")),
        ("an agent in line", 403, agent("/agents/s")),
        ("a flow", 403, agent("/flows/f/aliases/a")),
        ("generation from a knowledge base", 403, agent("/retrieveAndGenerate")),
        ("a better prompt", 403, agent("/optimize-prompt")),
        ("an agent's runtime", 403, call("/bedrock-agentcore/runtimes/r/invocations", "{}")),
        ("a harness", 403, call("/bedrock-agentcore/harnesses/invoke", "{}")),
        // The guardrail itself.
        ("to delete it", 403, event("DELETE", "/bedrock/guardrails/abc1")),
        ("to change it", 403, {
            let mut event = event("PUT", "/bedrock/guardrails/abc1");
            event["body"] = "{}".into();
            event
        }),
    ]
}

#[tokio::test]
async fn what_cannot_carry_it_or_would_get_around_it_is_refused_and_reaches_nobody() {
    let world = guarded().await;
    // The tenant may do all of it, were it not for the guardrail.
    let resources: Vec<_> = [
        "bedrock:eu-central-1:1:guardrail/*",
        "bedrock:eu-central-1:1:model-invocation-job/*",
        "bedrock:eu-central-1:1:async-invoke/*",
    ]
    .map(|arn| json!({ "arn": format!("arn:aws:{arn}"), "access": "Manage" }))
    .into();
    world.set_policy(1, &json!({ "resources": resources }));
    world
        .forwarder(async {
            let attempts = refused();
            assert_eq!(attempts.len(), 38);
            for (name, status, event) in attempts {
                let (found, kind, message) = error(&world.call(&event).await);
                assert_eq!(found, status, "{name}: {message}");
                let expected = if status == 400 { "ValidationException" } else { "AccessDeniedException" };
                assert_eq!(kind, expected, "{name}: {message}");
                // Bodies that cannot be read are refused for that; everything else names the guardrail and whose it is.
                assert!(status == 400 || message.contains("spec.models.guardrails"), "{name}: {message}");
                assert!(!message.contains("weak"), "{name} quotes the body: {message}");
                assert!(world.bedrock.take_arrived().is_empty(), "{name} reached Bedrock");
                assert!(world.table.take_writes().is_empty(), "{name} was counted");
            }
            world.call(&converse()).await;
            assert!(String::from_utf8_lossy(&arrived(&world, "an honest call").body).contains(ID));
        })
        .await;
}

#[tokio::test]
async fn a_model_that_is_not_allowed_is_refused_for_that_whatever_the_body() {
    let world = guarded().await;
    world.set_policy(1, &json!({ "models": { "deny": ["*"] } }));
    world
        .forwarder(async {
            // As the operator's probe asks, which takes 403 alone for the answer of a rule.
            let (status, _, message) = error(&world.call(&event("POST", INVOKE)).await);
            assert!(status == 403 && !message.contains("guardrail"), "{status}: {message}");
            assert!(world.bedrock.take_arrived().is_empty());
        })
        .await;
}

#[tokio::test]
async fn no_setting_of_a_tenants_and_no_limit_keeps_it_away() {
    let world = guarded().await;
    world.set_prices();
    configure(&world, &json!({ "prices": "r1", "families": ["bedrock-runtime"] }));
    let mut policy = month(1_000_000);
    policy["limits"] = json!({ "maxOutputTokens": { "default": 50 } });
    let path = "/bedrock-runtime/model/anthropic.claude-v2%3A1/converse";
    let (ours, most) = (r#""guardrailIdentifier":"abc1""#, r#""maxTokens":50"#);
    world
        .forwarder(async {
            world.set_policy(1, &policy);
            world.call(&call(path, r#"{"messages":[]}"#)).await;
            let body = String::from_utf8(arrived(&world, "limited").body.to_vec()).unwrap();
            assert!(body.contains(ours) && body.contains(most), "{body}");
            serde_json::from_str::<Value>(&body).unwrap();

            policy["enforcement"] = json!("Shadow");
            world.set_policy(2, &policy);
            world.set_meter(2, false);
            world.call(&call(path, r#"{"messages":[]}"#)).await;
            let body = String::from_utf8(arrived(&world, "only watched").body.to_vec()).unwrap();
            assert!(body.contains(ours), "{body}");
        })
        .await;
}

#[tokio::test]
async fn without_a_guardrail_of_the_platforms_the_clients_own_passes() {
    let world = World::new().await;
    world
        .forwarder(async {
            let sent = r#"{"guardrailConfig":{"guardrailIdentifier":"mine"},"messages":[]}"#;
            world.call(&call("/bedrock-runtime/model/m/converse", sent)).await;
            assert_eq!(arrived(&world, "Converse").body, sent);
            world.call(&with(call(INVOKE, "text"), IDENTIFIER, json!(["mine"]))).await;
            assert_eq!(headers_of(&arrived(&world, "InvokeModel"), IDENTIFIER), ["mine"]);
        })
        .await;
}

#[tokio::test]
async fn the_probe_asks_bedrock_with_the_guardrail_and_without() {
    const MODEL: &str = "amazon.nova-micro-v1:0";
    let world = guarded().await;
    configure(&world, &json!({ "probe": { "tenant": "t1", "model": MODEL } }));
    let denied = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: bedrock:InvokeModel on resource: m with an explicit deny in an identity-based policy";
    world
        .forwarder(async {
            for (status, message, told) in [(403, denied, "RoleDenied"), (400, "Malformed input request", "Callable")] {
                world.bedrock.answer(http::json(400, &json!({ "message": "Malformed input request" })));
                world.bedrock.answer(http::json(status, &json!({ "message": message })));
                let response = world.call(&event("GET", "/.aigw/probe")).await;
                let report: Value = serde_json::from_slice(&response.body).unwrap();
                assert_eq!(report, json!({ "table": "Counted", "bedrock": "Callable", "unguarded": told }));
                let arrived = world.bedrock.take_arrived();
                let carried: Vec<_> = arrived.iter().map(|arrived| headers_of(arrived, IDENTIFIER)).collect();
                assert_eq!(carried, [vec![ID], vec![]]);
                assert!(arrived.iter().all(|arrived| &arrived.body[..] == b"{}"));
            }
        })
        .await;
}
