use aigw_contract::access::{ModelRules, Residency, ResourceGrant};
use aigw_contract::operations::Access;
use http::HeaderMap;
use serde_json::{Value, json};

use super::*;

pub(super) const BASE: &str = "arn:aws:bedrock:eu-central-1:111122223333:";

/// The policy of a tenant whose rule allows Anthropic's models.
pub(super) fn policy(rules: ModelRules) -> TenantPolicy {
    let mut policy: TenantPolicy = serde_json::from_value(json!({
        "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "u",
    }))
    .unwrap();
    policy.models = Some(rules);
    policy
}

pub(super) fn anthropic() -> ModelRules {
    ModelRules { rule: "default".into(), granted: vec!["anthropic.*".into()], ..ModelRules::default() }
}

pub(super) fn config() -> GatewayConfig {
    serde_json::from_value(json!({
        "restApiId": "r", "stages": ["v1"], "families": [], "region": "eu-central-1", "accountId": "111122223333",
    }))
    .unwrap()
}

/// What becomes of a call: its subject, or status and message.
pub(super) fn outcome(
    family: Family,
    (method, path): (&Method, &str),
    body: &str,
    policy: &TenantPolicy,
    config: &GatewayConfig,
) -> Result<Subject, (u16, String)> {
    let told = |denial: Denial| (denial.status.as_u16(), denial.message.into_owned());
    let operation = identify(family, method, path, &HeaderMap::new()).map_err(told)?;
    judge(&Call { family, operation, path, query: "", body: body.as_bytes(), encoded: false }, policy, config)
        .map_err(told)
}

fn runtime(path: &str, body: &str, policy: &TenantPolicy) -> Result<Subject, (u16, String)> {
    outcome(Family::BedrockRuntime, (&Method::POST, path), body, policy, &config())
}

#[test]
fn the_model_is_found_in_path_or_body() {
    let policy = policy(anthropic());
    let cases = [
        ("/model/anthropic.claude-v2%3A1/converse", "", "anthropic.claude-v2:1"),
        ("/model/eu.anthropic.claude/invoke", "not json", "eu.anthropic.claude"),
        ("/openai/v1/chat/completions", r#"{"messages":[],"model":"anthropic.claude"}"#, "anthropic.claude"),
        ("/openai/v1/responses", r#"{"model":"anthropic.claude"}"#, "anthropic.claude"),
        ("/anthropic/v1/messages/", r#"{"model":"anthropic.claude"}"#, "anthropic.claude"),
    ];
    for (path, body, model) in cases {
        assert_eq!(runtime(path, body, &policy).unwrap().model.as_deref(), Some(model), "{path}");
        let (path, body) = (path.replace("anthropic.c", "amazon.c"), body.replace("anthropic.c", "amazon.c"));
        assert_eq!(runtime(&path, &body, &policy).unwrap_err().0, 403, "{path}");
    }
    assert_eq!(runtime("/openai/v1/responses", "{}", &policy).unwrap_err().0, 400);
    assert_eq!(runtime("/openai/v1/responses", "", &policy).unwrap_err().0, 400);
}

#[test]
fn models_deep_in_a_body_are_judged() {
    let mut policy = policy(anthropic());
    policy.resources = vec![ResourceGrant { arn: format!("{BASE}knowledge-base/K"), access: Access::Use }];
    let ask = |body: &Value, policy: &TenantPolicy| {
        let call = (&Method::POST, "/retrieveAndGenerate");
        outcome(Family::BedrockAgentRuntime, call, &body.to_string(), policy, &config())
    };
    let mut body = json!({"retrieveAndGenerateConfiguration": {"knowledgeBaseConfiguration": {
        "knowledgeBaseId": "K", "modelArn": "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude"}}});
    assert!(ask(&body, &policy).is_ok());
    let configuration = &mut body["retrieveAndGenerateConfiguration"]["knowledgeBaseConfiguration"];
    configuration["retrievalConfiguration"] = json!({"vectorSearchConfiguration": {"rerankingConfiguration": {
        "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": "amazon.rerank-v1:0"}}}}});
    assert!(ask(&body, &policy).unwrap_err().1.contains("amazon.rerank-v1:0"));
    body["retrieveAndGenerateConfiguration"]["knowledgeBaseConfiguration"] = json!({"knowledgeBaseId": "L"});
    let (status, message) = ask(&body, &policy).unwrap_err();
    assert!(status == 403 && message.contains("knowledge-base/L"), "{message}");
    policy.resources.clear();
    body["retrieveAndGenerateConfiguration"]["knowledgeBaseConfiguration"] = json!({"knowledgeBaseId": "K"});
    assert!(ask(&body, &policy).is_err());
}

#[test]
fn models_and_resources_in_the_loops_of_a_flow_are_judged_at_any_depth() {
    let mut policy = policy(anthropic());
    policy.resources = [("flow/F", Access::Manage), ("flow/*", Access::Manage), ("knowledge-base/K", Access::Manage)]
        .map(|(id, access)| ResourceGrant { arn: format!("{BASE}{id}"), access })
        .to_vec();
    let ask = |(method, path): (&Method, &str), depth: usize, model: &str, base: &str| {
        let model = json!({"configuration": {"prompt": {"sourceConfiguration": {"inline": {"modelId": model}}}}});
        let base = json!({"configuration": {"knowledgeBase": {"knowledgeBaseId": base}}});
        let flow = (0..depth).fold(
            json!({"nodes": [model, base]}),
            |inner, _| json!({"nodes": [{"configuration": {"loop": {"definition": inner}}}]}),
        );
        let body = json!({"name": "f", "definition": flow}).to_string();
        outcome(Family::BedrockAgent, (method, path), &body, &policy, &config()).map(drop)
    };
    let calls = [(&Method::POST, "/flows/"), (&Method::PUT, "/flows/F"), (&Method::POST, "/flows/validate-definition")];
    for call in calls {
        for depth in 0..4 {
            assert_eq!(ask(call, depth, "anthropic.claude", "K"), Ok(()), "{call:?} {depth}");
            assert_eq!(ask(call, depth, "amazon.nova", "K").unwrap_err().0, 403, "{call:?} {depth}");
            assert_eq!(ask(call, depth, "anthropic.claude", "L").unwrap_err().0, 403, "{call:?} {depth}");
        }
        // Deeper than anything is read.
        assert_eq!(ask(call, 100, "amazon.nova", "K").unwrap_err().0, 400, "{call:?}");
    }
}

#[test]
fn a_refusal_says_which_rule_whose_and_who_can_change_it() {
    let ask = |rules| runtime("/model/us.anthropic.claude-opus/converse", "", &policy(rules)).unwrap_err().1;
    let granted = ask(ModelRules { granted: vec!["amazon.*".into()], ..anthropic() });
    for part in
        ["us.anthropic.claude-opus", "team-a/chat", "\"default\"", "amazon.*", "platform team", "spec.tenants.rules"]
    {
        assert!(granted.contains(part), "{granted}");
    }
    let excluded = ask(ModelRules { deny: vec!["*opus*".into()], ..anthropic() });
    assert!(excluded.contains("spec.models.deny") && excluded.contains("*opus*"), "{excluded}");
    let listed = ask(ModelRules { allow: vec!["anthropic.claude-haiku*".into()], ..anthropic() });
    assert!(listed.contains("spec.models.allow") && listed.contains("haiku"), "{listed}");
    let away = ask(ModelRules { residency: Some(Residency::Eu), ..anthropic() });
    assert!(away.contains("spec.models.residency") && away.contains("EU"), "{away}");
    let many = ask(ModelRules { granted: (0..9).map(|index| format!("p{index}.*")).collect(), ..anthropic() });
    assert!(many.contains("p4.*") && !many.contains("p5.*") && many.contains("and 4 more"), "{many}");
}

#[test]
fn one_operation_of_each_class() {
    let mut policy = policy(anthropic());
    let agents = Family::BedrockAgentRuntime;
    let mut ask = |family, method: Method, path: &str, grants: &[(&str, Access)]| {
        let grant = |(arn, access): &(&str, Access)| ResourceGrant { arn: format!("{BASE}{arn}"), access: *access };
        policy.resources = grants.iter().map(grant).collect();
        outcome(family, (&method, path), "", &policy, &config()).map(drop).map_err(|(status, _)| status)
    };
    // Free, free with a model, fixed price.
    assert_eq!(ask(Family::Bedrock, Method::GET, "/foundation-models/amazon.nova", &[]), Ok(()));
    assert_eq!(ask(Family::BedrockRuntime, Method::POST, "/model/anthropic.claude/count-tokens", &[]), Ok(()));
    assert_eq!(ask(Family::BedrockRuntime, Method::POST, "/model/amazon.nova/count-tokens", &[]), Err(403));
    assert_eq!(ask(Family::BedrockRuntime, Method::POST, "/guardrail/g1/version/1/apply", &[]), Err(403));
    let guardrail = [("guardrail/g1", Access::Use)];
    assert_eq!(ask(Family::BedrockRuntime, Method::POST, "/guardrail/g1/version/1/apply", &guardrail), Ok(()));
    // Stateful: use, manage, list.
    assert_eq!(ask(agents, Method::POST, "/knowledgebases/K/retrieve", &[]), Err(403));
    assert_eq!(ask(agents, Method::POST, "/knowledgebases/K/retrieve", &[("knowledge-base/K", Access::Manage)]), Ok(()));
    let session = "/agents/A/agentAliases/B/sessions/S/text";
    assert_eq!(ask(agents, Method::POST, session, &[("agent-alias/A/C", Access::Manage)]), Err(403));
    assert_eq!(ask(agents, Method::POST, session, &[("agent-alias/A/B", Access::Use)]), Ok(()));
    let agent = Family::BedrockAgent;
    assert_eq!(ask(agent, Method::DELETE, "/agents/A", &[("agent/A", Access::Use)]), Err(403));
    assert_eq!(ask(agent, Method::DELETE, "/agents/A", &[("agent/A", Access::Manage)]), Ok(()));
    assert_eq!(ask(agent, Method::POST, "/agents/", &[("agent/A", Access::Manage)]), Err(403));
    assert_eq!(ask(agent, Method::POST, "/agents/", &[("agent/*", Access::Use)]), Ok(()));
    // Forbidden.
    for (family, method, path, status) in [
        (Family::BedrockRuntime, Method::POST, "/model/anthropic.claude/invoke-with-bidirectional%2Dstream/", 400),
        (Family::Bedrock, Method::DELETE, "/logging/modelinvocations", 403),
        (Family::Bedrock, Method::POST, "/provisioned-model-throughput", 403),
        (Family::BedrockAgentcore, Method::POST, "/identities/api-key", 403),
    ] {
        assert_eq!(ask(family, method, path, &[("*", Access::Manage)]), Err(status), "{path}");
    }
}

#[test]
fn unknown_operations_follow_the_gateway_and_still_the_models_rules() {
    let policy = policy(anthropic());
    let allow = GatewayConfig { unmetered: Unmetered::Allow, ..config() };
    let ask = |path, config: &GatewayConfig| {
        outcome(Family::BedrockRuntime, (&Method::POST, path), "", &policy, config).map_err(|(status, _)| status)
    };
    assert_eq!(ask("/new-thing", &config()), Err(403));
    assert_eq!(ask("/new-thing", &allow), Ok(Subject::default()));
    let known = Subject { operation: None, model: Some("anthropic.claude".into()) };
    assert_eq!(ask("/model/anthropic.claude/new-verb", &allow), Ok(known));
    assert_eq!(ask("/model/amazon.nova/new-verb", &allow), Err(403));
    assert_eq!(ask("/MODEL/amazon.nova/new-verb", &allow), Err(403));
}

#[test]
fn a_policy_of_an_older_operator_has_no_rules() {
    let old = TenantPolicy { models: None, ..policy(ModelRules::default()) };
    assert!(runtime("/model/my-model/converse", "", &old).is_ok());
    let call = (&Method::POST, "/knowledgebases/K/retrieve");
    assert!(outcome(Family::BedrockAgentRuntime, call, "", &old, &config()).is_ok());
    assert!(runtime("/new-thing", "", &old).is_ok());
    assert!(runtime("/model/a.b/invoke-with-bidirectional-stream", "", &old).is_err(), "cannot pass, whoever asks");
}

#[test]
fn without_the_account_nothing_shared_is_reached() {
    let mut policy = policy(anthropic());
    policy.resources = vec![ResourceGrant { arn: "*".into(), access: Access::Manage }];
    let unknown = GatewayConfig { account_id: String::new(), ..config() };
    let call = (&Method::POST, "/knowledgebases/K/retrieve");
    assert_eq!(outcome(Family::BedrockAgentRuntime, call, "", &policy, &unknown).unwrap_err().0, 503);
}
