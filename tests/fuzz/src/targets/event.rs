//! API Gateway's events: both functions read what any JSON reader reads, or refuse.

use serde_json::{Map, Value, json};

use crate::event::{AuthorizerEvent, Multi, ProxyEvent, Text};
use crate::expected::Level;

/// Reads an event as either function does.
pub fn run(data: &[u8]) {
    let whole = serde_json::from_slice::<Value>(data).ok().filter(|whole| !has_repeats(data) && !has_lists(whole));
    if let Ok(event) = serde_json::from_slice::<ProxyEvent<'_>>(data) {
        let again = proxy_json(&event);
        if let Some(Value::Object(whole)) = &whole {
            assert_eq!(again, proxy_expected(whole), "read as any reader does");
        }
        let text = again.to_string();
        let second: ProxyEvent<'_> = serde_json::from_str(&text).expect("its own form is read");
        assert_eq!(proxy_json(&second), again, "and means the same");
        let lower: usize = event.multi_value_headers.values("AUTHORIZATION").count();
        assert_eq!(lower, event.multi_value_headers.values("authorization").count(), "names have no case");
    }
    if let Ok(event) = serde_json::from_slice::<AuthorizerEvent<'_>>(data) {
        let again = authorizer_json(&event);
        if let Some(Value::Object(whole)) = &whole {
            let expected = json!({
                "methodArn": field(whole, "methodArn"), "multiValueHeaders": multi(field(whole, "multiValueHeaders")),
            });
            assert_eq!(again, expected, "read as any reader does");
        }
        let text = again.to_string();
        let second: AuthorizerEvent<'_> = serde_json::from_str(&text).expect("its own form is read");
        assert_eq!(authorizer_json(&second), again, "and means the same");
    }
}

/// Whether an object that is read has a key twice: readers differ about what such a one means.
fn has_repeats(data: &[u8]) -> bool {
    fn repeats(text: &[u8], below: &[&str]) -> bool {
        let Some(Level::Object(members)) = Level::of(text) else { return false };
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
            || members
                .iter()
                .any(|(name, value)| below.contains(&name.as_str()) && repeats(value.get().as_bytes(), &["authorizer"]))
    }
    repeats(data, &["multiValueHeaders", "multiValueQueryStringParameters", "requestContext"])
}

/// Whether a list stands where API Gateway writes an object: serde takes its values in the order of the fields.
fn has_lists(event: &Value) -> bool {
    let context = &event["requestContext"];
    context.is_array() || context["authorizer"].is_array()
}

fn text(value: Option<&Text<'_>>) -> Value {
    value.map(AsRef::as_ref).into()
}

/// The pairs in their order: an object would sort them.
fn pairs(multi: &Multi<'_>) -> Value {
    let mut object = Map::new();
    for (name, value) in multi.pairs() {
        let list = object.entry(name).or_insert_with(|| json!([]));
        list.as_array_mut().expect("a list").push(value.into());
    }
    Value::Object(object)
}

fn proxy_json(event: &ProxyEvent<'_>) -> Value {
    let ProxyEvent {
        path,
        http_method,
        multi_value_headers,
        multi_value_query_string_parameters,
        request_context,
        body,
        is_base64_encoded,
    } = event;
    let authorizer = request_context.authorizer.as_ref().map(|context| {
        json!({
            "tenant": text(context.tenant.as_ref()), "credential": text(context.credential.as_ref()),
            "subject": text(context.subject.as_ref()), "expires": text(context.expires.as_ref()),
        })
    });
    json!({
        "path": path.as_ref(), "httpMethod": http_method.as_ref(), "multiValueHeaders": pairs(multi_value_headers),
        "multiValueQueryStringParameters": pairs(multi_value_query_string_parameters),
        "requestContext": {
            "apiId": text(request_context.api_id.as_ref()), "stage": text(request_context.stage.as_ref()),
            "authorizer": authorizer,
        },
        "body": text(body.as_ref()), "isBase64Encoded": is_base64_encoded,
    })
}

fn authorizer_json(event: &AuthorizerEvent<'_>) -> Value {
    let AuthorizerEvent { method_arn, multi_value_headers } = event;
    json!({ "methodArn": method_arn.as_ref(), "multiValueHeaders": pairs(multi_value_headers) })
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

/// A map of lists without what holds no value.
fn multi(value: &Value) -> Value {
    let all = value.as_object().into_iter().flatten();
    let kept = all.filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()));
    Value::Object(kept.map(|(name, list)| (name.clone(), list.clone())).collect())
}

fn proxy_expected(whole: &Map<String, Value>) -> Value {
    let context = field(whole, "requestContext");
    let authorizer = context.get("authorizer").filter(|context| !context.is_null()).map(|context| {
        let of = |name: &str| context.get(name).cloned().unwrap_or_default();
        json!({
            "tenant": of("tenant"), "credential": of("credential"), "subject": of("subject"), "expires": of("expires"),
        })
    });
    let of = |name: &str| context.get(name).cloned().unwrap_or_default();
    json!({
        "path": field(whole, "path"), "httpMethod": field(whole, "httpMethod"),
        "multiValueHeaders": multi(field(whole, "multiValueHeaders")),
        "multiValueQueryStringParameters": multi(field(whole, "multiValueQueryStringParameters")),
        "requestContext": { "apiId": of("apiId"), "stage": of("stage"), "authorizer": authorizer },
        "body": field(whole, "body"),
        "isBase64Encoded": whole.get("isBase64Encoded").cloned().unwrap_or(Value::Bool(false)),
    })
}

/// Events as API Gateway sends them.
pub fn seeds() -> Vec<Vec<u8>> {
    let proxy = r#"{"resource":"/{proxy+}","path":"/model/a%3Ab/","httpMethod":"POST","headers":{"A":"2"},
        "multiValueHeaders":{"A":["1","2"],"a":["3"],"B":null,"Authorization":["Bearer x"]},"queryStringParameters":null,
        "multiValueQueryStringParameters":{"q":["1",""]},"pathParameters":{"proxy":"model/a:b"},
        "requestContext":{"apiId":"api","stage":"v1","authorizer":{"tenant":"t1","credential":"k1","subject":"s",
        "expires":"9","principalId":"p","x":1}},"body":"{\"a\":\"\u00e9\ud83d\ude00\"}","isBase64Encoded":false}"#;
    let authorizer = r#"{"type":"REQUEST","methodArn":"arn:aws:execute-api:eu-central-1:1:api/v1/POST/x",
        "multiValueHeaders":{"authorization":["Bearer a.b.c"],"Host":["h"]},"requestContext":{}}"#;
    let small = r#"{"path":"/","httpMethod":"GET","requestContext":{"authorizer":null},"multiValueHeaders":null}"#;
    let encoded = r#"{"path":"/","httpMethod":"GET","requestContext":{},"body":"e30=","isBase64Encoded":true}"#;
    let names =
        r#"{"path":"/","httpMethod":"GET","requestContext":{},"multiValueHeaders":{"AB":["1"],"":[],"a-b":["2","3"]}}"#;
    [proxy, authorizer, small, encoded, names].map(|text| text.as_bytes().to_vec()).to_vec()
}
