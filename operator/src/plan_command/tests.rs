//! The whole command over ports of this test.

use std::collections::BTreeSet;
use std::sync::Arc;

use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::OwnerRecord;
use aigw_plan::gateway::desired::desire;
use aigw_plan::gateway::diff::diff;
use aigw_plan::gateway::domains::DomainFacts;
use aigw_plan::gateway::observed::{Document, ObservedGateway};
use aigw_plan::gateway::releases::ReleaseFacts;
use aigw_plan::gateway::simulated::{Place, SimulatedGateway};
use aigw_plan::gateway::validate::validate;
use aigw_plan::identity::Function;
use aigw_plan::tenant::step::ObservedTenant;
use aigw_plan::{Class, GatewayIdentity};
use serde_json::Value;

use super::fakes::{Everywhere, Fake};
use super::*;

const ACCOUNT: &str = "111122223333";

const GATEWAY: &str = r#"
apiVersion: aigateway.dev/v1alpha1
kind: AIGateway
metadata: {name: prod, namespace: ai-platform}
spec:
  region: eu-central-1
  accountId: "111122223333"
  stages: [{name: v1}]
  endpoint: {type: Regional, sourceCidrs: [203.0.113.0/24]}
  tiers:
    - {name: bronze, plan: {requestsPerSecond: 5, burst: 10}}
    - {name: silver, plan: {requestsPerSecond: 50, burst: 100}}
  tenants:
    rules:
      - {name: teams, match: {namespaces: {selector: {matchLabels: {ai: "true"}}}}, allow: {tiers: [bronze, silver], maxTenantsPerNamespace: 1}}
"#;

const TENANT: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: team-search, labels: {ai: "true"}}
---
apiVersion: aigateway.dev/v1alpha1
kind: Tenant
metadata: {name: search, namespace: team-search}
spec: {gatewayRef: {name: prod, namespace: ai-platform}, tier: silver}
"#;

fn settings() -> PlanSettings {
    let code = Function::ALL
        .into_iter()
        .map(|function| ((function, "arm64".to_owned()), format!("code-{}", function.as_str())));
    PlanSettings {
        installation: "test".into(),
        files: vec!["-".into()],
        build: Build { code: code.collect(), ..Build::default() },
        share: 0.8,
        json: false,
        detailed_exit_code: true,
    }
}

async fn run_with(settings: &PlanSettings, fake: &Arc<Fake>, manifests: &str) -> (i32, String, String) {
    let (mut out, mut problems) = (Vec::new(), Vec::new());
    let clouds = Arc::new(Everywhere(fake.clone()));
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let code = run(settings, clouds, None, now, &mut manifests.as_bytes(), &mut out, &mut problems).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(problems).unwrap())
}

async fn run_plan(fake: &Arc<Fake>, manifests: &str) -> (i32, String) {
    let (code, out, problems) = run_with(&settings(), fake, manifests).await;
    assert_eq!(problems, "");
    (code, out)
}

fn nothing() -> Arc<Fake> {
    Arc::new(Fake { account: ACCOUNT.into(), ..Fake::default() })
}

/// AWS as it is once the manifests' gateway and tenant were served.
fn served() -> Fake {
    let manifests = manifests::load(&["-".into()], &mut GATEWAY.as_bytes()).unwrap();
    let valid = validate(&manifests.gateways[0].spec).unwrap();
    let identity =
        GatewayIdentity { installation: "test".into(), namespace: "ai-platform".into(), name: "prod".into() };
    let place = Place { region: "eu-central-1".into(), account_id: ACCOUNT.into() };
    let id = |kind: &str, number: i64| format!("{kind}{number}");
    let mut world = SimulatedGateway::new(ObservedGateway::default(), Vec::new(), place, id);
    loop {
        let desired = desire(
            &valid,
            &identity,
            "uid-1",
            &settings().build,
            (&world.aws, &DomainFacts::default(), &ReleaseFacts::default()),
        )
        .unwrap();
        let plan = diff(&desired, &world.aws, &BTreeSet::new()).unwrap();
        if plan.in_sync() {
            break;
        }
        plan.steps.iter().for_each(|step| world.apply(step).unwrap());
        world.settle();
    }
    let content = OwnerRecord { cluster_uid: "c-1".into(), object_uid: "uid-1".into(), epoch: 1, heartbeat: 0 };
    world.aws.owner = Some(Document { version: 4, content });
    Fake { account: ACCOUNT.into(), gateway: world.aws, ..Fake::default() }
}

#[tokio::test]
async fn from_nothing_all_rounds_are_told_and_new_ids_read_new() {
    let (code, text) = run_plan(&nothing(), &format!("{GATEWAY}---{TENANT}")).await;
    assert_eq!(code, 3, "{text}");
    for expected in [
        "no cluster was asked",
        "AIGateway ai-platform/prod\n",
        "  round 1\n",
        "    create REGIONAL rest api aigw-fptbkp8vdf  [apigateway:CreateRestApi ×1]",
        "  round 2, after the above\n",
        "claim ownership in table aigw-fptbkp8vdf: epoch 1 for (new) (first)  [dynamodb:PutItem ×1]",
        "put document (new) into rest api (new)  [apigateway:PutRestApi ×1]",
        "create alias live of function aigw-fptbkp8vdf-forwarder at version (new)",
        "Tenant team-search/search\n",
        "its Secret was not looked up",
        "    attach api key (new) to usage plan (new)  [apigateway:CreateUsagePlanKey ×1]",
        "\ncalls: apigateway:CreateApiKey ×1, apigateway:CreateDeployment ×1, ",
        // CreateDeployment: one per five seconds; at 0.8 of that 6.25 s, rounded up.
        "time: at least 5 s by AWS's quotas, 7 s at the share of 0.8",
    ] {
        assert!(text.contains(expected), "{expected}\n---\n{text}");
    }
    assert!(!text.contains("(new-") && !text.contains("aigw_"), "{text}");
}

#[tokio::test]
async fn in_sync_is_said_and_a_changed_tier_costs_one_call_and_twenty_seconds() {
    let fake = Arc::new(served());
    let (code, text) = run_plan(&fake, GATEWAY).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("taken to be this object\n  in sync\n"), "{text}");
    let (code, text) = run_plan(&fake, &GATEWAY.replace("requestsPerSecond: 50,", "requestsPerSecond: 60,")).await;
    assert_eq!(code, 3);
    let expected = "taken to be this object\n  round 1\n    update usage plan plan6 to 60/100, stages +0 -0  [apigateway:UpdateUsagePlan ×1]\n\ncalls: apigateway:UpdateUsagePlan ×1\ntime: at least 20 s by AWS's quotas, 25 s at the share of 0.8 that the operator takes\n";
    assert!(text.ends_with(expected), "{text}");
    let plain = PlanSettings { detailed_exit_code: false, ..settings() };
    let (code, ..) = run_with(&plain, &fake, &GATEWAY.replace("burst: 100", "burst: 101")).await;
    assert_eq!(code, 0);
}

#[tokio::test]
async fn json_says_the_same() {
    let fake = Arc::new(served());
    let json = PlanSettings { json: true, ..settings() };
    let (_, text, _) = run_with(&json, &fake, &GATEWAY.replace("burst: 100", "burst: 101")).await;
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["objects"][0]["rounds"][0]["steps"][0]["calls"]["apigateway:UpdateUsagePlan"], 1);
    assert_eq!(report["calls"]["apigateway:UpdateUsagePlan"], 1);
    assert_eq!(report["minimumTime"]["seconds"], 20.0);
    assert_eq!(report["objects"][0]["kind"], "AIGateway");
}

#[tokio::test]
async fn without_the_functions_code_it_is_taken_to_be_what_aws_has() {
    let fake = Arc::new(served());
    let without = PlanSettings { build: Build::default(), ..settings() };
    let (code, text, _) = run_with(&without, &fake, GATEWAY).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("note: the functions' code is not at hand"), "{text}");
}

#[tokio::test]
async fn refused_manifests_say_path_reason_and_message() {
    let bad = GATEWAY.replace("203.0.113.0/24", "203.0.113.0");
    let (code, text) = run_plan(&nothing(), &format!("{bad}---{TENANT}")).await;
    assert_eq!(code, 2);
    assert!(
        text.contains("  refused: spec.endpoint.sourceCidrs[0]: Invalid: \"203.0.113.0\" is not an address range"),
        "{text}"
    );
    assert!(text.contains("blocked: GatewayNotFound"), "{text}");
    let fake = Arc::new(served());
    let (code, text) = run_plan(&fake, &format!("{GATEWAY}---{}", TENANT.replace("ai: \"true\"", "ai: \"no\""))).await;
    assert_eq!(code, 2);
    assert!(text.contains("  refused: spec.gatewayRef: NotAllowed: no rule of AIGateway ai-platform/prod"), "{text}");
    let second = TENANT.replace("name: search,", "name: zwei,");
    let (code, text) = run_plan(&fake, &format!("{GATEWAY}---{TENANT}---{second}")).await;
    assert_eq!(code, 2);
    assert_eq!(text.matches("TooManyTenants").count(), 1, "{text}");
}

#[tokio::test]
async fn what_needs_a_person_is_told_apart_from_what_could_not_be_asked() {
    let mut other = served();
    other.account = "999999999999".into();
    let (code, text) = run_plan(&Arc::new(other), GATEWAY).await;
    assert_eq!(code, 1);
    assert!(
        text.contains("  blocked: WrongAccount: the operator's credentials belong to account 999999999999"),
        "{text}"
    );
    let mut twin = served();
    let api = twin.gateway.rest_apis[0].clone();
    twin.gateway.rest_apis.push(aigw_plan::gateway::observed::ObservedRestApi { id: "twin".into(), ..api });
    let (code, text) = run_plan(&Arc::new(twin), GATEWAY).await;
    assert_eq!(code, 1);
    assert!(text.contains("  blocked: DuplicateExternal: 2 REST APIs carry the tag"), "{text}");
    let expired = CloudError::new("sts:GetCallerIdentity", Class::Denied, "ExpiredToken", "the token has expired");
    let broken = Fake { broken: Some(expired), ..nothing_at_all() };
    let (code, out, problems) = run_with(&settings(), &Arc::new(broken), GATEWAY).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(problems, "aigw-operator: cannot ask AWS: sts:GetCallerIdentity: ExpiredToken: the token has expired\n");
    let (code, _, problems) = run_with(&settings(), &nothing(), "a: [").await;
    assert_eq!(code, 2);
    assert!(problems.starts_with("aigw-operator: standard input is not YAML"), "{problems}");
}

fn nothing_at_all() -> Fake {
    Fake { account: ACCOUNT.into(), ..Fake::default() }
}

#[tokio::test]
async fn a_recorded_owner_is_reported_and_not_claimed_where_no_cluster_can_tell() {
    let (code, text) = run_plan(&Arc::new(served()), GATEWAY).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the ownership record names object uid-1 of cluster c-1; taken to be this object"), "{text}");
    assert!(!text.contains("claim ownership") && !text.contains("tag "), "{text}");
}

#[tokio::test]
async fn a_tenant_alone_needs_its_gateway() {
    let (code, text) = run_plan(&Arc::new(served()), TENANT).await;
    assert_eq!(code, 1);
    assert!(
        text.contains(
            "blocked: GatewayNotFound: AIGateway ai-platform/prod is neither planned here nor in the cluster"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_tenant_that_no_rule_admits_any_more_is_cut_off() {
    let mut fake = served();
    let identity =
        GatewayIdentity { installation: "test".into(), namespace: "ai-platform".into(), name: "prod".into() };
    let policy: TenantPolicy = serde_json::from_value(serde_json::json!({
        "namespace": "team-search", "name": "search", "tier": "silver", "usageKey": "u",
    }))
    .unwrap();
    let tenant = ObservedTenant { policy: Some(Document { version: 3, content: policy }), ..ObservedTenant::default() };
    fake.tenants.insert(identity.tenant_id("team-search", "search"), tenant);
    let (code, text) =
        run_plan(&Arc::new(fake), &format!("{GATEWAY}---{}", TENANT.replace("ai: \"true\"", "ai: \"no\""))).await;
    assert_eq!(code, 2);
    assert!(text.contains("write policy 4 of tenant"), "{text}");
    assert!(text.contains(", suspended  [dynamodb:PutItem ×1]"), "{text}");
}
