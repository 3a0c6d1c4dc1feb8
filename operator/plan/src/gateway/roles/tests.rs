use aigw_contract::access::ModelRules;
use aigw_contract::model::{ModelId, Named, Place};
use aigw_contract::{Family, glob, operations};
use proptest::prelude::*;

use super::*;
use crate::gateway::fixtures::valid;
use crate::tenant::access::Ceiling;

const SCOPE: Scope<'_> = Scope {
    region: "eu-central-1",
    account_id: "111122223333",
    table: "aigw-x",
    log_group: "/aws/lambda/aigw-x-forwarder",
};
const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };
const OWN: &str = "arn:aws:bedrock:eu-central-1:111122223333:";

fn gateway(families: &[&str], allow: &[Value]) -> ValidGateway {
    let rules: Vec<Value> = allow
        .iter()
        .enumerate()
        .map(|(index, allow)| json!({"name": format!("r{index}"), "match": {"namespaces": {"from": "All"}}, "allow": allow}))
        .collect();
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional"}, "bedrock": {"families": families},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}], "tenants": {"rules": rules},
    }))
}

fn statement(policy: &Value, sid: &str) -> Value {
    let all = policy["Statement"].as_array().unwrap();
    all.iter().find(|statement| statement["Sid"] == sid).cloned().unwrap_or_default()
}

fn policy(families: &[&str], allow: &[Value]) -> Value {
    forwarder(SCOPE, &gateway(families, allow), &Fence::default())
}

#[test]
fn without_words_about_models_every_model_and_aws_profile_may_be_called() {
    let policy = policy(&["bedrock-runtime"], &[json!({})]);
    let models = statement(&policy, "Models");
    assert_eq!(
        models["Action"],
        json!(["bedrock:CountTokens", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"])
    );
    assert_eq!(
        models["Resource"],
        json!([format!("{OWN}inference-profile/*"), "arn:aws:bedrock:eu-central-1::foundation-model/*"])
    );
    let behind = statement(&policy, "BehindProfiles");
    assert_eq!(behind["Resource"], json!(["arn:aws:bedrock:*::foundation-model/*"]));
    assert_eq!(
        behind["Condition"],
        json!({"ArnLike": {"bedrock:InferenceProfileArn": [format!("{OWN}inference-profile/*")]}})
    );
    assert_eq!(statement(&policy, "NoResourceType")["Action"], json!(["bedrock:InvokeGuardrailChecks"]));
    let text = policy.to_string();
    for absent in ["agentcore", "ApplyGuardrail", "Retrieve", "AsyncInvoke", "custom-model", "PutItem", "DeleteItem"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    assert!(text.contains(r#""dynamodb:LeadingKeys":["meter#*","usage#*"]"#));
}

#[test]
fn patterns_become_the_arns_they_allow_and_no_more() {
    let profile = format!("{OWN}application-inference-profile/abc");
    let allow = |models: &[&str]| {
        let models: Vec<_> = models.iter().map(|pattern| json!({"match": pattern})).collect();
        json!({ "models": models })
    };
    let policy = policy(
        &["bedrock-runtime"],
        &[allow(&["anthropic.claude-*", "anthropic.claude-haiku-*"]), allow(&["eu.amazon.*", &profile])],
    );
    assert_eq!(
        statement(&policy, "Models")["Resource"],
        json!([
            &profile,
            format!("{OWN}inference-profile/*.anthropic.claude-*"),
            format!("{OWN}inference-profile/eu.amazon.*"),
            "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-*",
        ])
    );
    assert_eq!(
        statement(&policy, "BehindProfiles")["Resource"],
        json!([
            "arn:aws:bedrock:*::foundation-model/amazon.*",
            "arn:aws:bedrock:*::foundation-model/anthropic.claude-*"
        ])
    );
    let behind = statement(&policy, "BehindApplicationProfiles");
    assert_eq!(behind["Condition"]["ArnLike"]["bedrock:InferenceProfileArn"], json!([profile]));
}

#[test]
fn shared_resources_bring_the_actions_of_their_type_and_access() {
    let families = ["bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"];
    let grant = |arn: &str, access: &str| json!({"resources": [{"arn": format!("{OWN}{arn}"), "access": access}]});
    let all = |policy: &Value| policy["Statement"].to_string();

    let none = policy(&families, &[json!({})]);
    for absent in ["Retrieve", "Agent", "KnowledgeBase", "Flow"] {
        assert!(!all(&none).contains(absent), "{absent}: {none}");
    }
    let used = policy(&families, &[grant("knowledge-base/K", "Use")]);
    let shared = statement(&used, "Shared0");
    assert_eq!(shared["Resource"], json!([format!("{OWN}knowledge-base/K")]));
    for present in ["\"bedrock:Retrieve\"", "\"bedrock:GetKnowledgeBase\""] {
        assert!(shared["Action"].to_string().contains(present), "{present}: {shared}");
    }
    assert!(statement(&used, "NoResourceType")["Action"].to_string().contains("\"bedrock:RetrieveAndGenerate\""));
    for absent in ["DeleteKnowledgeBase", "ListKnowledgeBases", "InvokeAgent", "CreateKnowledgeBase"] {
        assert!(!all(&used).contains(absent), "{absent}: {used}");
    }
    let managed = policy(&families, &[grant("flow/*", "Manage"), grant("prompt/P", "Use")]);
    for present in ["CreateFlow", "DeleteFlow", "InvokeFlow", "ListFlows", "GetPrompt", "prompt/P:*"] {
        assert!(all(&managed).contains(present), "{present}: {managed}");
    }
    assert!(!all(&managed).contains("DeletePrompt"));
}

#[test]
fn no_action_is_a_pattern_and_no_resource_is_everything_but_where_iam_knows_no_type() {
    let families = Family::ALL.map(Family::endpoint_prefix);
    let kinds: std::collections::BTreeSet<_> = Family::ALL
        .into_iter()
        .flat_map(|family| operations::of(family).iter().map(move |operation| (family, operation)))
        .flat_map(|(family, operation)| {
            operation.resources.iter().map(move |resource| (family.signing_name(), resource.kind()))
        })
        .filter(|(_, kind)| *kind != "*")
        .collect();
    let forbidden: std::collections::BTreeSet<_> = Family::ALL
        .into_iter()
        .flat_map(operations::of)
        .filter(|operation| matches!(operation.class, operations::Class::Forbidden(_)))
        .map(operations::Operation::action_name)
        .collect();
    for (service, kind) in kinds {
        let arn = format!("arn:aws:{service}:eu-central-1:111122223333:{kind}/*");
        let policy = policy(&families, &[json!({"resources": [{"arn": arn, "access": "Manage"}]})]);
        for statement in policy["Statement"].as_array().unwrap() {
            for action in statement["Action"].as_array().unwrap() {
                let action = action.as_str().unwrap();
                let name = action.split_once(':').unwrap().1;
                assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{kind}: {action}");
                assert!(!forbidden.contains(name), "{kind}: {action}");
            }
            let everything = statement["Resource"].as_array().unwrap().iter().any(|resource| resource == "*");
            assert_eq!(everything, statement["Sid"] == "NoResourceType", "{kind}: {statement}");
        }
        assert!(policy.to_string().len() < MAX_POLICY_SIZE, "{kind}: {}", policy.to_string().len());
    }
}

#[test]
fn what_iam_would_refuse_is_refused_before() {
    let families = ["bedrock-runtime", "bedrock-agent-runtime"];
    let wordy = |count: usize| {
        let models: Vec<_> =
            (0..count).map(|index| json!({"match": format!("anthropic.claude-number-{index}-*")})).collect();
        json!({ "models": models })
    };
    assert!(forwarder_size(&gateway(&families, &[wordy(10)])) < MAX_POLICY_SIZE);
    let spec = json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "r", "match": {"namespaces": {"from": "All"}}, "allow": wordy(50)}]},
    });
    let refused = |spec: &Value| crate::gateway::validate::validate(&serde_json::from_value(spec.clone()).unwrap());
    let violation = refused(&spec).unwrap_err().remove(0);
    assert_eq!(violation.path, "spec.tenants.rules");
    assert!(violation.message.contains("10240") && violation.message.contains("roleArn"), "{violation}");
    let mut with_role = spec;
    with_role["functions"] = json!({"forwarder": {"roleArn": "arn:aws:iam::111122223333:role/given"}});
    assert!(refused(&with_role).is_ok());
}

#[test]
fn without_the_guardrail_no_model_may_be_called_whatever_stands_for_it() {
    let one = |version: &str| Guardrail { id: "abc1".into(), version: version.into() };
    let gateway = gateway(&["bedrock-runtime"], &[json!({})]);
    let policy = |passing: &[Guardrail], denies| forwarder(SCOPE, &gateway, &Fence { passing: passing.into(), denies });
    let strict = policy(&[one("7")], true);
    let deny = statement(&strict, "DenyUnguarded");
    assert_eq!(deny["Effect"], "Deny");
    assert_eq!(deny["Action"], json!(["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]));
    assert_eq!(deny["Resource"], json!(["*"]));
    let arn = format!("{OWN}guardrail/abc1");
    assert_eq!(deny["Condition"], json!({"StringNotEquals": {"bedrock:GuardrailIdentifier": [format!("{arn}:7")]}}));
    let profiles = "arn:aws:bedrock:*:111122223333:guardrail-profile/*";
    assert_eq!(statement(&strict, "Guard")["Resource"], json!([&arn, profiles]));
    // Every statement of the model actions is under it: an explicit denial beats them all.
    assert_eq!(statement(&strict, "Models"), statement(&policy(&[], false), "Models"));
    let both = statement(&policy(&[one("7"), one("DRAFT")], true), "DenyUnguarded");
    assert_eq!(both["Condition"]["StringNotEquals"]["bedrock:GuardrailIdentifier"], json!([format!("{arn}:7"), &arn]));
    let lenient = policy(&[one("7")], false);
    assert_eq!(statement(&lenient, "DenyUnguarded"), Value::Null);
    assert_eq!(statement(&lenient, "Guard")["Effect"], "Allow");
    assert!(!policy(&[], false).to_string().contains("uardrail/"));
}

const PATTERNS: [&str; 9] = [
    "*",
    "anthropic.*",
    "*.claude-*",
    "*opus*",
    "eu.*",
    "us.amazon.nova-*",
    "a*",
    "amazon.nova-pro-v1:0",
    "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abc",
];
const CALLED: [&str; 10] = [
    "anthropic.claude-v2:1",
    "anthropic.claude-opus-4",
    "amazon.nova-pro-v1:0",
    "zai.glm-4.6",
    "eu.anthropic.claude-v2:1",
    "us.amazon.nova-pro-v1:0",
    "global.anthropic.claude-opus-4",
    "eu.amazon.nova-pro-v1:0",
    "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abc",
    "arn:aws:bedrock:eu-central-1:111122223333:custom-model/abc",
];

/// The ARN that Bedrock checks a call of this model against.
fn arn_of(model: &str) -> String {
    match ModelId::read(model, Some(PLACE)) {
        Some(ModelId::Named(Named { id, geography: Some(_), .. })) => format!("{OWN}inference-profile/{id}"),
        Some(ModelId::Named(Named { id, .. })) => format!("arn:aws:bedrock:eu-central-1::foundation-model/{id}"),
        _ => model.to_owned(),
    }
}

proptest! {
    /// The role allows what the rules allow, and nothing else.
    #[test]
    fn role_and_rules_agree_about_models(patterns in proptest::sample::subsequence(PATTERNS.to_vec(), 0..=4)) {
        let models: Vec<_> = patterns.iter().map(|pattern| json!({"match": pattern})).collect();
        let gateway = gateway(&["bedrock-runtime"], &[json!({"models": models})]);
        let policy = forwarder(SCOPE, &gateway, &Fence::default());
        let granted = |statement: &Value, field: &str| -> Vec<String> {
            serde_json::from_value(statement[field].clone()).unwrap_or_default()
        };
        let (models, behind) = (statement(&policy, "Models"), statement(&policy, "BehindProfiles"));
        let ceiling = Ceiling::of(&gateway.rules[0]);
        let rules = ModelRules { granted: ceiling.models, ..ModelRules::default() };
        for model in CALLED {
            let passes = rules.check(model, Some(PLACE)).is_ok();
            let arn = arn_of(model);
            let in_role = granted(&models, "Resource").iter().any(|pattern| glob::matches(pattern, &arn));
            prop_assert_eq!(in_role, passes, "{} with {:?}: {}", model, patterns, models);
            if let (true, Some(ModelId::Named(Named { model, geography: Some(_), .. }))) = (passes, ModelId::read(model, Some(PLACE))) {
                let elsewhere = format!("arn:aws:bedrock:eu-west-3::foundation-model/{model}");
                let reached = granted(&behind, "Resource").iter().any(|pattern| glob::matches(pattern, &elsewhere));
                prop_assert!(reached, "{} is not reached through {}", elsewhere, arn);
            }
        }
    }
}
