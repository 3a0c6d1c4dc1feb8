//! What an attacker may try: each attempt is refused, or what it tries is ignored, and none of them stops the process.
//!
//! After every attempt an honest call is answered by the same process. Nothing of an attempt that was refused reaches
//! Bedrock. `refusing.rs` has the refusals an honest client can meet.

use serde_json::{Value, json};

use crate::support::world::{World, converse, error, event};

/// An attempt: what it is, and the event.
type Attempt = (String, Value);

/// Every attempt must get this status, and nothing of it must arrive. Gives how many there were.
async fn all_refused(world: &World, status: u64, attempts: Vec<Attempt>) -> usize {
    for (name, event) in &attempts {
        let found = error(&world.call(event).await);
        assert_eq!(found.0, status, "{name}: {found:?}");
        assert!(world.bedrock.take_arrived().is_empty(), "{name} reached Bedrock");
        alive(world).await;
    }
    attempts.len()
}

/// The process goes on and answers an honest call.
async fn alive(world: &World) {
    assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
    world.bedrock.take_arrived();
}

fn with_header(name: &str, values: &Value) -> Value {
    let mut event = converse();
    event["multiValueHeaders"][name] = values.clone();
    event
}

#[tokio::test]
async fn no_path_leads_anywhere_else() {
    let world = World::new().await;
    let long = format!("/bedrock-runtime/model/{}/converse", "a".repeat(70_000));
    let paths = [
        // Dot segments, in every spelling.
        "/bedrock-runtime/model/../../bedrock/guardrails",
        "/bedrock-runtime/..",
        "/bedrock-runtime/./model/m/converse",
        "/bedrock-runtime/model/%2e%2e/converse",
        "/bedrock-runtime/model/%2E./converse",
        "/bedrock-runtime/model/.%2e%2fconverse",
        "/bedrock-runtime/model/a%2f..%2f..%2fconverse",
        "/bedrock-runtime/model/a%5c..%5cconverse",
        "/bedrock-runtime/model/..;/converse",
        "/bedrock-runtime/model/..;x=y/converse",
        "/bedrock-runtime/model/%c0%ae%c0%ae/converse",
        "/bedrock-runtime/model/%e0%80%ae./converse",
        "/../bedrock/guardrails",
        // Forms of a request target that name a host.
        "http://evil.example/model/m/converse",
        "https://bedrock.eu-central-1.amazonaws.com/guardrails",
        "//evil.example/model/m/converse",
        "///evil.example",
        "@evil.example/model/m/converse",
        "evil.example:443",
        "*",
        "",
        "/bedrock-runtime/http://evil.example/",
        "/bedrock-runtime//evil.example/model/m/converse",
        "/bedrock-runtime/\\evil.example/x",
        // What would end the path or the line, or be cut off by somebody.
        "/bedrock-runtime/model/m/converse?x=y",
        "/bedrock-runtime/model/m/converse#x",
        "/bedrock-runtime/model/m/converse HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "/bedrock-runtime/model/%0d%0aHost:%20evil.example/converse",
        "/bedrock-runtime/model/m%00.txt/converse",
        "/bedrock-runtime/model/%7f/converse",
        "/bedrock-runtime/model/m\u{0}/converse",
        "/bedrock-runtime/model/m\t/converse",
        "/bedrock-runtime/model/\u{e9}/converse",
        "/bedrock-runtime/model/\u{ff0e}\u{ff0e}/converse",
        // Half an escape.
        "/bedrock-runtime/model/%/converse",
        "/bedrock-runtime/model/%a/converse",
        "/bedrock-runtime/model/%u002e/converse",
        "/bedrock-runtime/model/%-1/converse",
        // Mounts that only look like one.
        "/Bedrock-Runtime/guardrails",
        "/bedrock-runtime./guardrails",
        "/bedrock-runtime:443/guardrails",
        "/bedrock-runtime@evil.example/guardrails",
        "/bedrock-runtime.evil.example/guardrails-x",
        "/bedrock-runtime%2f/x",
        "/bedrock%2druntime/x",
        "/bedrock-mantle/v1/x",
        "/s3/bucket",
        "/dynamodb/x",
        "/sts/x",
        "/_stub/requests",
        "/2018-06-01/runtime/invocation/next",
        &long,
    ];
    world
        .forwarder(async {
            let attempts = paths.iter().map(|path| (format!("{path:.80}"), event("POST", path))).collect();
            assert_eq!(all_refused(&world, 400, attempts).await, 52);
        })
        .await;
}

#[tokio::test]
async fn no_header_or_method_names_another_destination_or_breaks_the_request() {
    let world = World::new().await;
    let mut attempts: Vec<Attempt> = Vec::new();
    for value in [
        json!(["s3"]),
        json!(["evil.example/#"]),
        json!(["evil.example?"]),
        json!(["bedrock-runtime.evil.example"]),
        json!(["bedrock-runtime@evil.example"]),
        json!(["bedrock-runtime/../s3"]),
        json!(["Bedrock-Runtime"]),
        json!(["bedrock-runtime,bedrock"]),
        json!(["bedrock-runtime", "bedrock"]),
        json!([""]),
        json!(["\u{e9}"]),
    ] {
        let mut event = with_header("aws-endpoint-prefix", &value);
        event["path"] = "/anything".into();
        attempts.push((format!("endpoint prefix {value}"), event));
    }
    for (name, value) in [
        ("x-a", "b\r\nhost: evil.example"),
        ("x-a", "b\nc"),
        ("x-a", "b\u{0}c"),
        ("x-a\r\nhost", "evil.example"),
        ("x a", "b"),
        ("x:a", "b"),
        ("", "b"),
        ("\u{e9}", "b"),
        ("content-type", "a/b\r\nx: y"),
    ] {
        attempts.push((format!("header {name:?}: {value:?}"), with_header(name, &json!([value]))));
    }
    for name in ["content-type", "Content-Type", "x-amz-target", "X-Amz-Target"] {
        let mut event = with_header(name, &json!(["a/b", "c/d"]));
        event["multiValueHeaders"]["X-other"] = json!(["1"]);
        attempts.push((format!("{name} twice"), event));
    }
    let many = (0..40_000).map(|number| (format!("x-{number}"), json!(["v"]))).collect();
    let mut event_of_many = converse();
    event_of_many["multiValueHeaders"] = Value::Object(many);
    attempts.push(("forty thousand headers".into(), event_of_many));
    for method in ["CONNECT", "TRACE", "OPTIONS", "PRI", "", "GET /x HTTP/1.1\r\nA: b\r\n\r\nGET", "get", "\u{e9}"] {
        attempts.push((format!("method {method:?}"), event(method, "/bedrock-runtime/model/m/converse")));
    }
    let mut base64 = converse();
    base64["isBase64Encoded"] = true.into();
    base64["body"] = "not base64!".into();
    attempts.push(("a body that is not base64".into(), base64));
    let mut query = converse();
    query["multiValueQueryStringParameters"] = json!({ "a": ["b".repeat(70_000)] });
    attempts.push(("a query longer than any server takes".into(), query));
    world
        .forwarder(async {
            assert_eq!(all_refused(&world, 400, attempts).await, 35);
        })
        .await;
}

#[tokio::test]
async fn headers_that_mean_something_to_proxies_or_signatures_are_ignored() {
    let world = World::new().await;
    // Name, value, and what must have arrived under that name.
    let ignored: [(&str, Value, Option<&str>); 34] = [
        ("Host", json!(["evil.example"]), Some("bedrock-runtime.eu-central-1.amazonaws.com")),
        ("X-Forwarded-Host", json!(["evil.example"]), None),
        ("X-Forwarded-For", json!(["127.0.0.1"]), None),
        ("Forwarded", json!(["host=evil.example"]), None),
        ("Via", json!(["1.1 x"]), None),
        ("X-Real-Ip", json!(["127.0.0.1"]), None),
        ("aws-endpoint-prefix", json!(["bedrock"]), None),
        ("aws-endpoint-prefix", json!(["evil.example", "bedrock"]), None),
        ("Authorization", json!(["AWS4-HMAC-SHA256 Credential=x"]), Some("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")),
        ("Authorization", json!(["Bearer a", "Bearer b"]), Some("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")),
        ("X-Amz-Security-Token", json!(["stolen"]), Some("the-session-token")),
        ("X-Amz-Date", json!(["19700101T000000Z"]), Some("20")),
        ("X-Amz-Content-Sha256", json!(["UNSIGNED-PAYLOAD"]), None),
        ("X-Amz-Region-Set", json!(["*"]), None),
        ("X-Api-Key", json!(["another-tenants-key"]), None),
        ("Cookie", json!(["a=b"]), None),
        ("X-HTTP-Method-Override", json!(["DELETE"]), None),
        ("X-HTTP-Method", json!(["DELETE"]), None),
        ("X-Method-Override", json!(["DELETE"]), None),
        ("Content-Length", json!(["3"]), Some("15")),
        ("Content-Length", json!(["3", "99999"]), Some("15")),
        ("Transfer-Encoding", json!(["chunked"]), None),
        ("Transfer-Encoding", json!(["chunked", "identity"]), None),
        ("TE", json!(["trailers"]), None),
        ("Trailer", json!(["authorization"]), None),
        ("Upgrade", json!(["h2c"]), None),
        ("HTTP2-Settings", json!(["AAMAAABk"]), None),
        ("Expect", json!(["100-continue"]), None),
        ("Connection", json!(["authorization, host, x-amz-date, content-type"]), None),
        ("Proxy-Authorization", json!(["Basic x"]), None),
        ("Proxy-Connection", json!(["keep-alive"]), None),
        ("Accept-Encoding", json!(["gzip"]), Some("identity")),
        ("X-Amzn-Vpce-Id", json!(["vpce-1"]), None),
        ("X-Apigw-Api-Id", json!(["other"]), None),
    ];
    world
        .forwarder(async {
            for (name, values, expected) in &ignored {
                assert_eq!(world.call(&with_header(name, values)).await.prelude["statusCode"], 200, "{name}");
                // The fake has verified the signature and that there is one Host.
                let arrived = world.bedrock.take_arrived().pop().unwrap().parts;
                assert_eq!((arrived.method.as_str(), arrived.uri.path()), ("POST", "/model/m/converse"), "{name}");
                let found: Vec<_> =
                    arrived.headers.get_all(*name).iter().map(|value| value.to_str().unwrap()).collect();
                let right = match expected {
                    Some(expected) => found.len() == 1 && found[0].starts_with(expected),
                    None => found.is_empty(),
                };
                assert!(right, "{name}: {values} became {found:?}");
            }
        })
        .await;
}

#[tokio::test]
async fn nobody_becomes_another_tenant() {
    let world = World::new().await;
    let keys = json!([{ "id": "k2", "sha256": "00" }]);
    let other = json!({ "namespace": "team-b", "name": "other", "tier": "bronze", "usageKey": "k", "keys": keys });
    world.table.put_document("tenant#t2", "policy", 1, &other);
    world
        .forwarder(async {
            // Look-alikes of what the authorizer says, and Bedrock's own attribution: the log names the real tenant.
            for (name, value) in [
                ("tenant", "t2"),
                ("x-tenant", "t2"),
                ("x-aigw-tenant", "t2"),
                ("credential", "k2"),
                ("x-amzn-authorizer-tenant", "t2"),
                ("requestContext", "{\"authorizer\":{\"tenant\":\"t2\"}}"),
                ("x-amzn-bedrock-request-metadata", "{\"tenant\":\"t2\"}"),
                ("x-amzn-oidc-identity", "t2"),
            ] {
                world.call(&with_header(name, &json!([value]))).await;
            }
            for line in world.log.lines(8).await {
                assert_eq!((&line["tenant"], &line["credential"]), (&json!("t1"), &json!("k1")), "{line}");
            }
            world.bedrock.take_arrived();

            let mut attempts: Vec<Attempt> = Vec::new();
            for (pointer, value) in [
                ("/requestContext/authorizer/tenant", json!("t2")),
                ("/requestContext/authorizer/tenant", json!("t1#x")),
                ("/requestContext/authorizer/tenant", json!("../t2")),
                ("/requestContext/authorizer/tenant", json!(" t1")),
                ("/requestContext/authorizer/tenant", json!("")),
                ("/requestContext/authorizer/credential", json!("k2")),
                ("/requestContext/authorizer/credential", json!("K1")),
                ("/requestContext/authorizer/credential", json!("")),
                ("/requestContext/authorizer", json!({})),
                ("/requestContext/authorizer", json!(null)),
                ("/requestContext", json!({ "apiId": "api1", "stage": "v1" })),
                ("/requestContext", json!({})),
                ("/requestContext/apiId", json!("api2")),
                ("/requestContext/apiId", json!("API1")),
                ("/requestContext/stage", json!("v2")),
                ("/requestContext/stage", json!("")),
            ] {
                let mut event = converse();
                *event.pointer_mut(pointer).unwrap() = value.clone();
                attempts.push((format!("{pointer} = {value}"), event));
            }
            assert_eq!(all_refused(&world, 403, attempts).await, 16);
        })
        .await;
}

#[tokio::test]
async fn what_is_no_event_is_an_error_and_the_process_goes_on() {
    let world = World::new().await;
    let honest = converse().to_string();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let changed = |pointer: &str, value: Value| {
        let mut event = converse();
        *event.pointer_mut(pointer).unwrap() = value;
        event.to_string()
    };
    let twice = honest.replace("\"credential\":\"k1\"", "\"credential\":\"k1\",\"credential\":\"k2\"");
    assert_ne!(twice, honest);
    let texts = [
        String::new(),
        " ".into(),
        "null".into(),
        "1".into(),
        "[]".into(),
        "{}".into(),
        "{".into(),
        "\"\"".into(),
        "not json".into(),
        honest[..honest.len() / 2].into(),
        format!("{honest}{honest}"),
        nested.clone(),
        honest.replace("\"authorizer\":{", &format!("\"authorizer\":{{\"tenant\":{nested},")),
        twice,
        changed("/path", json!(null)),
        changed("/path", json!(1)),
        changed("/httpMethod", json!(null)),
        changed("/body", json!({ "messages": [] })),
        changed("/isBase64Encoded", json!("yes")),
        changed("/multiValueHeaders", json!([])),
        changed("/multiValueHeaders", json!({ "a": "b" })),
        changed("/multiValueHeaders", json!({ "a": [1] })),
        changed("/multiValueQueryStringParameters", json!("a=b")),
        changed("/requestContext", json!(null)),
        changed("/requestContext/authorizer", json!("t1")),
        changed("/requestContext/authorizer/tenant", json!(1)),
        changed("/requestContext/authorizer/tenant", json!(["t1"])),
        honest.replace("\"/bedrock-runtime/", "\"\\ud800/bedrock-runtime/"),
        honest.replace("{\\\"messages\\\":[]}", "\\udfff"),
    ];
    let mut attempts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    attempts.push(b"\xff\xfe{}".to_vec());
    attempts.push(honest.replace("messages", "\u{1}").into_bytes());
    attempts.push([honest.as_bytes(), &[0]].concat());
    assert_eq!(attempts.len(), 32);
    let unread_field = format!("{{\"x\":{nested},{}", &honest[1..]);
    world
        .forwarder(async {
            for attempt in attempts {
                world.begin_bytes(attempt.clone());
                let (path, headers, _, _) = world.api.posted().await;
                let shown = String::from_utf8_lossy(&attempt[..attempt.len().min(200)]);
                assert!(path.ends_with("/error"), "{shown}");
                assert_eq!(headers["lambda-runtime-function-error-type"], "Gateway.UnexpectedEvent", "{shown}");
                assert!(world.bedrock.take_arrived().is_empty(), "{shown}");
                alive(&world).await;
            }
            // A field that nobody reads may be as deep as it likes.
            world.begin_bytes(unread_field);
            assert_eq!(world.api.streamed().await.prelude["statusCode"], 200);
        })
        .await;
}
