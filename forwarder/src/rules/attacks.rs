//! Ways to reach a model or a resource past the rules, each of which has to fail.

use aigw_contract::access::ResourceGrant;
use aigw_contract::operations::Access;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::tests::{BASE, anthropic, config, outcome, policy};
use super::*;

/// Every setting that lets more through than the default.
fn lax() -> GatewayConfig {
    GatewayConfig { unmetered: Unmetered::Allow, ..config() }
}

fn passes(path: &str, body: &str) -> bool {
    let policy = policy(anthropic());
    outcome(Family::BedrockRuntime, (&Method::POST, path), body, &policy, &lax()).is_ok()
}

#[test]
fn no_way_of_writing_a_path_reaches_another_model() {
    for path in [
        // Plain, encoded, encoded twice, in another case.
        "/model/amazon.nova/converse",
        "/model/%61mazon.nova/converse",
        "/model/amazon%2enova/%63onverse",
        "/model/amazon%252enova/converse",
        "/model/AMAZON.NOVA/converse",
        "/Model/amazon.nova/Converse",
        "/model/amazon.nova%2Fconverse",
        "/model%2Famazon.nova%2Fconverse",
        // A name allowed as a part, a prefix, a suffix.
        "/model/amazon.nova%2Fanthropic.claude/converse",
        "/model/anthropic.claude%2F..%2Famazon.nova/converse",
        "/model/anthropic.claude%20amazon.nova/converse",
        "/model/anthropic.claude,amazon.nova/converse",
        "/model/anthropic.claude%00amazon.nova/converse",
        "/model/anthropic.claude;amazon.nova/converse",
        "/model/xanthropic.claude/converse",
        "/model/amazon.anthropic.claude/converse",
        "/model/zz.yy.anthropic.claude/converse",
        // ARNs: another kind, Region, account, partition, a name hidden in the account or resource.
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A%3Afoundation-model%2Famazon.nova/converse",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fanthropic.claude/converse",
        "/model/arn%3Aaws-cn%3Abedrock%3Aeu-central-1%3A%3Afoundation-model%2Fanthropic.claude/converse",
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A999999999999%3Ainference-profile%2Feu.anthropic.claude/converse",
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A111122223333%3Acustom-model%2Fanthropic.claude/converse",
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A111122223333%3Aapplication-inference-profile%2Fanthropic.x/converse",
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A111122223333%3Aprompt%2Fanthropic.x%3A1/converse",
        "/model/arn%3Aaws%3Asagemaker%3Aeu-central-1%3A111122223333%3Aendpoint%2Fanthropic.x/converse",
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A%3Afoundation-model%2Famazon.nova%2Fanthropic.claude/converse",
        "/model/ARN%3Aaws%3Abedrock%3Aeu-central-1%3A%3Afoundation-model%2Famazon.nova/converse",
        // Names without a provider, patterns, nothing.
        "/model/my-model/converse",
        "/model/anthropic.*/converse",
        "/model/*/converse",
        "/model/%2A/converse",
        // Other verbs on the path, unknown to the table.
        "/model/amazon.nova/converse/extra",
        "/model/amazon.nova/INVOKE",
        "/model%2Famazon.nova%2Fnew-verb",
        "/%6dodel/amazon.nova/new-verb",
        "/%256dodel/amazon.nova/%256eew-verb",
        "/mod%2565l/amazon.nova/converse",
        "/model/amazon.nova",
    ] {
        assert!(!passes(path, ""), "{path}");
    }
}

#[test]
fn no_way_of_writing_a_body_reaches_another_model() {
    let chat = "/openai/v1/chat/completions";
    assert!(passes(chat, r#"{"model":"anthropic.claude","x":{"model":"amazon.nova"}}"#), "not where a model is named");
    for body in [
        r#"{"model":"amazon.nova"}"#,
        r#"{"model":"anthropic.claude","model":"amazon.nova"}"#,
        r#"{"model":"amazon.nova","model":"anthropic.claude"}"#,
        r#"{"model":"anthropic.claude","mod\u0065l":"amazon.nova"}"#,
        r#"{"Model":"amazon.nova","model":"anthropic.claude"}"#,
        r#"{"model":["anthropic.claude","amazon.nova"]}"#,
        r#"{"model":{"anthropic.claude":"amazon.nova"}}"#,
        r#"{"model":"anthropic.claude amazon.nova"}"#,
        r#"{"model":"anthropic.claude"}{"model":"amazon.nova"}"#,
        r#"[{"model":"anthropic.claude"},{"model":"amazon.nova"}]"#,
        "model=anthropic.claude",
        "",
        "null",
    ] {
        assert!(!passes(chat, body), "{body}");
    }
}

#[test]
fn a_known_operation_does_not_become_unknown_by_its_spelling() {
    let policy = policy(anthropic());
    for (family, method, path) in [
        (Family::BedrockRuntime, "POST", "/openai/v1/Chat/completions"),
        (Family::BedrockRuntime, "POST", "/openai/v1%2fresponses"),
        (Family::BedrockRuntime, "POST", "/openai/v1/%2572esponses"),
        (Family::BedrockRuntime, "post", "/anthropic/v1/messages"),
        (Family::BedrockRuntime, "POST", "/Async-Invoke"),
        (Family::BedrockAgentRuntime, "POST", "/KnowledgeBases/OTHER/retrieve"),
        (Family::BedrockAgentRuntime, "POST", "/knowledgebases/OTHER%2Fretrieve"),
        (Family::BedrockAgent, "Delete", "/agents/A"),
        (Family::Bedrock, "delete", "/logging/modelinvocations"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let refused = outcome(family, (&method, path), r#"{"model":"amazon.nova"}"#, &policy, &lax());
        assert_eq!(refused.map_err(|(status, _)| status), Err(400), "{method} {path}");
    }
}

#[test]
fn a_body_that_cannot_be_read_as_it_is_does_not_pass() {
    let mut headers = HeaderMap::new();
    assert!(!is_encoded(&headers));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert!(is_encoded(&headers));
    let passes = |path: &str, encoded| {
        let operation = operations::find(Family::BedrockRuntime, "POST", path, None);
        let body = br#"{"model":"anthropic.claude"}"#;
        let call = Call { family: Family::BedrockRuntime, operation, path, query: "", body, encoded };
        judge(&call, &policy(anthropic()), &lax()).is_ok()
    };
    assert!(passes("/openai/v1/chat/completions", false));
    assert!(!passes("/openai/v1/chat/completions", true));
    assert!(passes("/model/anthropic.claude/converse", true), "its body names nothing");
}

#[test]
fn a_target_selects_no_operation_of_a_family_that_has_none() {
    let mut headers = HeaderMap::new();
    headers.insert(TARGET, HeaderValue::from_static("AmazonBedrockKeystoneRuntimeService.InvokeDataAutomation"));
    assert!(identify(Family::BedrockRuntime, &Method::POST, "/model/anthropic.claude/converse", &headers).is_err());
    let known = identify(Family::BedrockDataAutomationRuntime, &Method::POST, "/", &headers);
    assert_eq!(known.unwrap().map(|operation| operation.name), Some("InvokeDataAutomation"));
    headers.insert(TARGET, HeaderValue::from_bytes(b"\xa0AmazonBedrockKeystoneRuntimeService.TagResource").unwrap());
    let unreadable = identify(Family::BedrockDataAutomationRuntime, &Method::POST, "/", &headers);
    assert_eq!(unreadable, Ok(None), "unclassified");
}

#[test]
fn no_way_of_naming_a_resource_reaches_another_one() {
    let mut policy = policy(anthropic());
    policy.resources = vec![ResourceGrant { arn: format!("{BASE}knowledge-base/MINE"), access: Access::Use }];
    let ask = |id: &str| {
        let path = format!("/knowledgebases/{id}/retrieve");
        outcome(Family::BedrockAgentRuntime, (&Method::POST, &path), "", &policy, &lax())
    };
    assert!(ask("MINE").is_ok() && ask("%4dINE").is_ok());
    for id in [
        "OTHER",
        "mine",
        "MINE2",
        "*",
        "MINE%2F..%2FOTHER",
        "MINE%2FOTHER",
        "OTHER%2FMINE",
        "MINE%252FOTHER",
        "arn%3Aaws%3Abedrock%3Aeu-central-1%3A111122223333%3Aknowledge-base%2FOTHER",
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A111122223333%3Aknowledge-base%2FMINE",
        "arn%3Aaws%3Abedrock%3Aeu-central-1%3A999999999999%3Aknowledge-base%2FMINE",
        "arn%3Aaws%3Abedrock%3Aeu-central-1%3A111122223333%3Aagent%2FMINE",
    ] {
        assert!(ask(id).is_err(), "{id}");
    }
}

/// Some bytes of a text percent-encoded, in either case of hex digits; some of the escapes' percent signs once more.
fn encode(text: &str, choices: &[u8]) -> String {
    let mut choices = choices.iter().cycle();
    text.bytes()
        .map(|byte| match choices.next().map_or(0, |choice| choice % 6) {
            0 => format!("%{byte:02x}"),
            1 => format!("%{byte:02X}"),
            2 if byte != b'/' => format!("%25{byte:02x}"),
            _ => char::from(byte).to_string(),
        })
        .collect()
}

/// As a server may read a path: every escape decoded, as often as there are any.
fn decode_all(path: &str) -> String {
    let mut text = path.to_owned();
    while let Some(decoded) = operations::segment(&text.replace('/', "\u{1}"), 0).map(|text| text.replace('\u{1}', "/"))
    {
        if decoded == text {
            break;
        }
        text = decoded;
    }
    text
}

proptest! {
    /// Whatever is encoded, and however: a path that passes names, to any reader, a model the rules allow.
    #[test]
    fn a_path_that_passes_names_an_allowed_model(
        model in "(us\\.|eu\\.)?(anthropic|amazon|my)[.-][a-z]{1,4}(:0)?",
        verb in "(converse|invoke|count-tokens|new-verb)/?",
        choices in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let path = format!("/{}", encode(&format!("model/{model}/{verb}"), &choices));
        if passes(&path, "") {
            prop_assert!(decode_all(&path).contains("anthropic."), "{path}");
        }
    }

    #[test]
    fn the_plain_path_passes_if_and_only_if_the_rules_allow_the_model(model in "(us\\.)?(anthropic|amazon)\\.[a-z]{1,4}") {
        prop_assert_eq!(passes(&format!("/model/{model}/converse"), ""), model.contains("anthropic."));
    }

    #[test]
    fn arbitrary_requests_never_panic(path in "/[ -~]{0,40}", body in "\\PC{0,60}") {
        passes(&path, &body);
        passes("/openai/v1/responses", &body);
    }
}
