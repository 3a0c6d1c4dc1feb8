//! Requests arrive at Bedrock as the client sent them, signed, and nothing else does.

use http::Response;
use serde_json::json;

use crate::support::bedrock::FakeBedrock;
use crate::support::http::full;
use crate::support::world::{World, converse, error, event};

#[tokio::test]
async fn a_call_arrives_signed_and_its_answer_goes_back() {
    let world = World::new().await;
    world
        .forwarder(async {
            let response = world.call(&converse()).await;
            assert_eq!(response.prelude["statusCode"], 200);
            assert_eq!(response.body, r#"{"ok":true}"#);
            assert_eq!(response.trailers, None);
            assert_eq!(response.headers["lambda-runtime-function-response-mode"], "streaming");
            assert_eq!(response.headers["content-type"], "application/vnd.awslambda.http-integration-response");
            assert_eq!(response.headers["lambda-runtime-invocation-id"], "invocation-0");
            let headers = &response.prelude["multiValueHeaders"];
            assert_eq!(headers["x-bedrock-request-id"], json!(["bedrock-1"]));
            assert!(headers.get("content-length").is_none() && response.prelude.get("headers").is_none());

            let arrived = world.bedrock.take_arrived().pop().unwrap();
            assert_eq!(arrived.parts.uri.path(), "/model/m/converse");
            assert_eq!(arrived.parts.headers["host"], "bedrock-runtime.eu-central-1.amazonaws.com");
            assert_eq!(arrived.parts.headers["content-length"], "15");
            assert_eq!(arrived.body, r#"{"messages":[]}"#);
            assert_eq!(arrived.signed_headers, ["content-type", "host", "x-amz-date", "x-amz-security-token"]);
        })
        .await;
}

#[tokio::test]
async fn paths_arrive_and_are_signed_byte_for_byte() {
    let world = World::new().await;
    let paths = [
        "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
        "/model/anthropic.claude-3-haiku-20240307-v1:0/converse",
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Feu.a-v1%3a0/invoke",
        "/model/a%20b~'(),;=@+$&!*/invoke",
        "/agents/",
        "/",
    ];
    world
        .forwarder(async {
            for path in paths {
                let mount = if path == "/" { "" } else { path };
                let response = world.call(&event("POST", &format!("/bedrock-runtime{mount}"))).await;
                assert_eq!(response.prelude["statusCode"], 200, "{path}");
                // The fake has verified the signature over exactly these bytes, encoded once more.
                assert_eq!(world.bedrock.take_arrived().pop().unwrap().parts.uri.path(), path);
            }
        })
        .await;
}

#[tokio::test]
async fn families_are_signed_for_their_own_service_and_host() {
    let world = World::new().await;
    world
        .forwarder(async {
            let mut event = event("POST", "/runtimes/r/invocations");
            event["multiValueHeaders"]["AWS-Endpoint-Prefix"] = json!(["bedrock-agentcore"]);
            assert_eq!(world.call(&event).await.prelude["statusCode"], 200);
            let arrived = world.bedrock.take_arrived().pop().unwrap();
            assert_eq!(arrived.parts.headers["host"], "bedrock-agentcore.eu-central-1.amazonaws.com");
            assert!(arrived.parts.headers.get("aws-endpoint-prefix").is_none());
        })
        .await;
}

#[tokio::test]
async fn the_target_of_aws_json_is_signed() {
    let world = World::new().await;
    world.configure(&["bedrock-data-automation-runtime"]);
    world
        .forwarder(async {
            let mut event = event("POST", "/bedrock-data-automation-runtime");
            event["multiValueHeaders"]["X-Amz-Target"] =
                json!(["AmazonBedrockKeystoneRuntimeService.GetDataAutomationStatus"]);
            assert_eq!(world.call(&event).await.prelude["statusCode"], 200);
            let arrived = world.bedrock.take_arrived().pop().unwrap();
            assert!(arrived.signed_headers.contains(&"x-amz-target".to_owned()));
        })
        .await;
}

#[tokio::test]
async fn the_base_path_of_a_custom_domain_is_taken_off_and_nothing_else() {
    let world = World::new().await;
    let families = ["bedrock-runtime"];
    let base_paths = ["ai", "teams/ai"];
    let config = json!({ "restApiId": "api1", "stages": ["v1"], "families": families, "basePaths": base_paths });
    world.set_config(&config);
    let cases = [
        ("/ai/bedrock-runtime/model/a%2Fb/converse", Some("/model/a%2Fb/converse")),
        ("/teams/ai/bedrock-runtime/model/m/", Some("/model/m/")),
        ("/bedrock-runtime/ai/model", Some("/ai/model")),
        ("/ai/ai/bedrock-runtime/x", None),
        ("/air/bedrock-runtime/x", None),
        ("/ai%2Fbedrock-runtime/x", None),
        ("/ai//bedrock-runtime/x", None),
        ("/ai/../bedrock-runtime/x", None),
        ("/ai", None),
    ];
    world
        .forwarder(async {
            for (path, expected) in cases {
                let status = world.call(&event("POST", path)).await.prelude["statusCode"].clone();
                assert_eq!(status, if expected.is_some() { 200 } else { 400 }, "{path}");
                let arrived = world.bedrock.take_arrived().pop();
                assert_eq!(arrived.as_ref().map(|request| request.parts.uri.path()), expected, "{path}");
            }
        })
        .await;
}

#[tokio::test]
async fn every_header_of_an_answer_reaches_the_client_but_those_of_the_connection() {
    let world = World::new().await;
    let kept = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", "r"),
        ("x-amzn-errortype", "ModelErrorException"),
        ("x-amzn-bedrock-input-token-count", "1"),
        ("x-amzn-bedrock-performanceconfig-latency", "optimized"),
        ("x-amzn-bedrock-service-tier", "flex"),
        ("x-amzn-bedrock-content-type", "application/json"),
        ("x-amzn-bedrock-anything-new", "x"),
        ("retry-after", "1"),
        ("anthropic-ratelimit-tokens-remaining", "5"),
        ("openai-processing-ms", "7"),
    ];
    let mut response = Response::builder().status(424).header("keep-alive", "timeout=5").header("upgrade", "h2c");
    for (name, value) in kept {
        response = response.header(name, value);
    }
    world.bedrock.answer(response.body(full("{}")).unwrap());
    world
        .forwarder(async {
            let mut headers = world.call(&converse()).await.prelude["multiValueHeaders"].clone();
            let headers = headers.as_object_mut().unwrap();
            for (name, value) in kept {
                assert_eq!(headers.remove(name), Some(json!([value])), "{name}");
            }
            let rest: Vec<_> = headers.keys().map(String::as_str).collect();
            assert_eq!(rest, ["date", "x-bedrock-request-id"]);
        })
        .await;
}

#[tokio::test]
async fn with_fips_calls_go_to_fips_endpoints_and_nowhere_else() {
    let world = World::with(None, &[("AWS_REGION", "us-east-1")]).await;
    let families = ["bedrock-runtime", "bedrock", "bedrock-agent"];
    world.set_config(&json!({ "restApiId": "api1", "stages": ["v1"], "families": families, "fips": true }));
    world
        .forwarder(async {
            for family in ["bedrock-runtime", "bedrock"] {
                assert_eq!(world.call(&event("GET", &format!("/{family}/x"))).await.prelude["statusCode"], 200);
                let arrived = world.bedrock.take_arrived().pop().unwrap();
                assert_eq!(arrived.parts.headers["host"], format!("{family}-fips.us-east-1.amazonaws.com"));
            }
            let (status, error_type, message) = error(&world.call(&event("GET", "/bedrock-agent/agents/")).await);
            assert_eq!((status, error_type.as_str()), (403, "AccessDeniedException"));
            assert!(message.contains("spec.bedrock.fips"), "{message}");
            assert!(world.bedrock.take_arrived().is_empty());
        })
        .await;
}

#[tokio::test]
async fn a_familys_private_endpoint_gets_its_calls_signed_for_the_public_host() {
    let private = FakeBedrock::new();
    let address = private.spawn(None).await;
    let variable = aigw_contract::environment::family_endpoint(aigw_contract::Family::BedrockAgent);
    let world = World::with(None, &[(&variable, &format!("http://{address}"))]).await;
    world
        .forwarder(async {
            assert_eq!(world.call(&event("GET", "/bedrock-agent/agents/")).await.prelude["statusCode"], 200);
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            let arrived = private.take_arrived();
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].parts.headers["host"], "bedrock-agent.eu-central-1.amazonaws.com");
            assert_eq!(world.bedrock.take_arrived().len(), 1);
        })
        .await;
}

#[tokio::test]
async fn queries_are_encoded_strictly_and_lose_presigned_parameters() {
    let world = World::new().await;
    world
        .forwarder(async {
            let mut event = event("GET", "/bedrock-agent/tags");
            event["multiValueQueryStringParameters"] =
                json!({ "a b": ["1/2", "x+y"], "e": [""], "X-Amz-Signature": ["s"] });
            event["multiValueHeaders"] = json!(null);
            assert_eq!(world.call(&event).await.prelude["statusCode"], 200);
            let arrived = world.bedrock.take_arrived().pop().unwrap();
            assert_eq!(arrived.parts.uri.query(), Some("a%20b=1%2F2&a%20b=x%2By&e="));
            assert_eq!(arrived.parts.method, "GET");
        })
        .await;
}

#[tokio::test]
async fn repeated_headers_and_binary_bodies_survive_and_forwarding_headers_do_not() {
    let world = World::new().await;
    let mut response = Response::new(full("x"));
    response.headers_mut().append("x-two", "1".parse().unwrap());
    response.headers_mut().append("x-two", "2".parse().unwrap());
    world.bedrock.answer(response);
    world
        .forwarder(async {
            let mut event = converse();
            event["multiValueHeaders"] = json!({
                "Anthropic-Beta": ["a", "b"], "Authorization": ["Bearer aigw_x"], "HOST": ["gw"],
                "X-HTTP-Method-Override": ["DELETE"], "X-Forwarded-For": ["1.2.3.4"], "Accept-Encoding": ["gzip"],
                "X-Amz-Date": ["19700101T000000Z"], "Content-Length": ["999"], "X-Amzn-Bedrock-Trace": ["ENABLED"],
            });
            event["body"] = "AP8=".into();
            event["isBase64Encoded"] = true.into();
            let response = world.call(&event).await;
            assert_eq!(response.prelude["multiValueHeaders"]["x-two"], json!(["1", "2"]));

            let arrived = world.bedrock.take_arrived().pop().unwrap();
            assert_eq!(arrived.body[..], [0, 255]);
            assert_eq!(arrived.parts.method, "POST");
            let headers = arrived.parts.headers;
            assert_eq!(headers.get_all("anthropic-beta").iter().collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(headers["accept-encoding"], "identity");
            assert_eq!(headers["x-amzn-bedrock-trace"], "ENABLED");
            assert_eq!(headers["content-length"], "2");
            let authorizations: Vec<_> = headers.get_all("authorization").iter().collect();
            assert_eq!(authorizations.len(), 1);
            for name in ["x-http-method-override", "x-forwarded-for"] {
                assert!(headers.get(name).is_none(), "{name}");
            }
        })
        .await;
}

#[tokio::test]
async fn bedrocks_own_errors_pass_unchanged() {
    let world = World::new().await;
    let body = r#"{"message":"Too many tokens"}"#;
    let response = Response::builder().status(429).header("x-amzn-ErrorType", "ThrottlingException:http://x");
    world.bedrock.answer(response.body(full(body)).unwrap());
    world
        .forwarder(async {
            let response = world.call(&converse()).await;
            assert_eq!(response.prelude["statusCode"], 429);
            assert_eq!(
                response.prelude["multiValueHeaders"]["x-amzn-errortype"],
                json!(["ThrottlingException:http://x"])
            );
            assert_eq!(response.body, body);
        })
        .await;
}

#[tokio::test]
async fn every_call_leaves_one_line_without_contents_or_secrets() {
    let world = World::new().await;
    world
        .forwarder(async {
            let mut event = converse();
            event["body"] = r#"{"messages":["the prompt"]}"#.into();
            event["multiValueHeaders"]["Authorization"] = json!([format!("Bearer {}", world.credential.expose())]);
            world.call(&event).await;
            let lines = world.log.lines(1).await;
            assert_eq!(lines.len(), 1);
            let line = &lines[0];
            assert_eq!((&line["outcome"], &line["status"]), (&json!("complete"), &json!(200)));
            assert_eq!((&line["tenant"], &line["credential"]), (&json!("t1"), &json!("k1")));
            assert_eq!((&line["family"], &line["gateway"]), (&json!("bedrock-runtime"), &json!("i/AIGateway/n/g")));
            assert_eq!((&line["requestBytes"], &line["responseBytes"]), (&json!(27), &json!(11)));
            assert_eq!(line["bedrockRequestId"], "bedrock-1");
            assert_eq!(line["gatewayRequestId"], "gateway-1");
            let text = world.log.text();
            for secret in [world.credential.expose(), "the prompt", "the-session-token", "the-usage-key", "Bearer"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        })
        .await;
}
