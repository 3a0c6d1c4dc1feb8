use aigw_contract::Family;
use aigw_contract::operations;
use http::HeaderMap;

use super::*;

fn guardrail() -> Guardrail {
    Guardrail { id: "abc1".into(), version: "7".into() }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn ask(path: &str, sent: &[(&str, &str)], body: &str) -> Result<(HeaderMap, String), Denial> {
    let family = Family::BedrockRuntime;
    let operation = operations::find(family, "POST", path, None);
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut headers = headers(sent);
    let encoded = crate::rules::is_encoded(&headers);
    let call = Call { family, operation, path, query: "", body: &body, encoded };
    let body = guard(&guardrail(), &call, &mut headers)?.body(&call, &headers, &body)?;
    Ok((headers, String::from_utf8(body.to_vec()).unwrap()))
}

const OURS: [(&str, &str); 2] =
    [("x-amzn-bedrock-guardrailidentifier", "abc1"), ("x-amzn-bedrock-guardrailversion", "7")];

#[test]
fn header_shapes_get_the_headers_and_keep_their_bodies() {
    let body = r#" {"b" : 1, "a":"x" } "#;
    for path in ["/model/m/invoke", "/model/m/invoke-with-response-stream", "/openai/v1/chat/completions"] {
        assert_eq!(ask(path, &[], body).unwrap(), (headers(&OURS), body.to_owned()), "{path}");
    }
}

#[test]
fn whatever_headers_a_client_sends_are_replaced() {
    let sent = [
        ("X-Amzn-Bedrock-GuardrailIdentifier", "weak"),
        ("x-amzn-bedrock-guardrailidentifier", "weaker"),
        ("X-AMZN-BEDROCK-GUARDRAILVERSION", "DRAFT"),
        ("X-Amzn-Bedrock-Trace", "ENABLED_FULL"),
        ("content-type", "application/json; charset=utf-8"),
    ];
    let kept = [sent[4], OURS[0], OURS[1]];
    assert_eq!(ask("/model/m/invoke", &sent, "{}").unwrap().0, headers(&kept));
    assert_eq!(ask("/model/m/converse", &sent, "{}").unwrap().0, headers(&sent[4..]));
    assert_eq!(ask("/model/m/count-tokens", &sent, "{}").unwrap().0, headers(&sent[4..]));
}

#[test]
fn converse_gets_the_member_and_no_other_byte_changes() {
    let ours = r#""guardrailConfig":{"guardrailIdentifier":"abc1","guardrailVersion":"7"}"#;
    let cases = [
        ("{}", format!("{{{ours}}}")),
        ("\n{ \"messages\" :\t[ ]\r\n}\n", format!("\n{{{ours}, \"messages\" :\t[ ]\r\n}}\n")),
        (
            r#"{"messages":[],"guardrailConfig": {"guardrailIdentifier":"weak","trace":"enabled"} ,"a":1.0}"#,
            format!(r#"{{"messages":[],{} ,"a":1.0}}"#, ours.replace("\":{", "\": {")),
        ),
        (r#"{"guardrailConfig":null}"#, format!("{{{ours}}}")),
        (r#"{"guardrailConfig":[1]}"#, format!("{{{ours}}}")),
        (
            r#"{"gu\u0061rdrailConfig":{"guardrailIdentifier":"weak"}}"#,
            format!("{{{}}}", ours.replacen("guard", "gu\\u0061rd", 1)),
        ),
    ];
    for (sent, expected) in cases {
        assert_eq!(ask("/model/m/converse", &[], sent).unwrap(), (HeaderMap::new(), expected), "{sent}");
    }
    let streamed = ask("/model/m/converse-stream", &[], r#"{"guardrailConfig":{"streamProcessingMode":"async"}}"#);
    let expected =
        r#"{"guardrailConfig":{"guardrailIdentifier":"abc1","guardrailVersion":"7","streamProcessingMode":"sync"}}"#;
    assert_eq!(streamed.unwrap().1, expected);
}

#[test]
fn what_could_get_around_it_is_refused_with_the_reason() {
    let cases = [
        ("/model/m/converse", r#"{"guardrailConfig":{},"guardrailConfig":{}}"#, "twice"),
        ("/model/m/converse", r#"{"GuardrailConfig":{}}"#, "only in case"),
        ("/model/m/converse", r#"[{"guardrailConfig":{}}]"#, "JSON object"),
        ("/model/m/converse", r#"{"messages":[{"content":[{"guardContent":{}}]}]}"#, "guardContent"),
        ("/model/m/invoke", r#"{"amazon-bedrock-guardrailConfig":{}}"#, "amazon-bedrock-guardrailConfig"),
        ("/model/m/invoke", "text", "JSON object"),
        ("/openai/v1/chat/completions", r#"{"model":"m","model":"n"}"#, "twice"),
    ];
    for (path, body, expected) in cases {
        let denial = ask(path, &[], body).unwrap_err();
        assert_eq!(denial.status, 400, "{path} {body}");
        assert!(denial.message.contains(expected), "{body}: {}", denial.message);
    }
    for (name, value) in [("content-encoding", "gzip"), ("content-type", "text/plain"), ("content-type", "")] {
        assert_eq!(ask("/model/m/invoke", &[(name, value)], "{}").unwrap_err().status, 400, "{name}: {value}");
    }
    for path in ["/openai/v1/responses", "/anthropic/v1/messages", "/async-invoke", "/model/m/new"] {
        let denial = ask(path, &[], "{}").unwrap_err();
        assert_eq!(denial.status, 403, "{path}");
        assert!(denial.message.contains("guardrail abc1 version 7"), "{}", denial.message);
        assert!(denial.message.contains("spec.models.guardrails"), "{}", denial.message);
    }
}

#[test]
fn what_has_no_model_answer_passes_as_it_is() {
    let body = r#"{"source":"INPUT","source":"OUTPUT"}"#;
    for path in ["/guardrail/g/version/1/apply", "/guardrail-checks/invoke", "/model/m/count-tokens"] {
        assert_eq!(ask(path, &[], body).unwrap(), (HeaderMap::new(), body.to_owned()), "{path}");
    }
}
