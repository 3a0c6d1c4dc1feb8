//! Test support: arbitrary specs, over every field there is. Literals without `..`: a new field does not compile until
//! it is drawn, too.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aigw_api::{
    AIGatewaySpec, ApiKey, ApiKeyAuth, Architecture, Auth, AuthorizerFunction, Bedrock, Budget, BudgetWindow,
    DeletionPolicy, Domain, Endpoint, EndpointType, Enforcement, FailMode, Family, ForwarderFunction, Functions,
    GatewayModels, GatewayRef, IdentityGrants, JwtAlgorithm, JwtGrant, JwtIdentity, JwtIssuer, LimitCeilings, Limits,
    Logs, MandatoryGuardrail, ModelMatch, NamedObject, NamespaceMatch, NamespaceOrigin, OutputCeiling, OutputTokens,
    Premium, PriceOverride, Residency, ResourceAccess, ResourceGrant, RuleAllow, RuleCeilings, RuleDefaults, RuleMatch,
    SecretGroup, ServiceAccountAuth, ServiceAccountCluster, Stage, TenantBudget, TenantIdentities, TenantModels,
    TenantRule, TenantSpec, Tenants, Throttle, Tier, TokenPrices, UnknownPrice, Unmetered, UnmeteredPolicy,
};
use aigw_contract::Partition;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::gateway::simulated::Place;

/// The one issuer of every gateway drawn.
const ISSUER: &str = "corp";
pub(crate) const TIERS: [&str; 6] = ["bronze", "gold", "silver", "trial", "x-1", "z"];
const FAMILIES: [Family; 8] = [
    Family::BedrockRuntime,
    Family::Bedrock,
    Family::BedrockAgent,
    Family::BedrockAgentRuntime,
    Family::BedrockDataAutomation,
    Family::BedrockDataAutomationRuntime,
    Family::BedrockAgentcore,
    Family::BedrockAgentcoreControl,
];
/// What rules allow where they name models.
const MODELS: [&str; 3] = ["anthropic.*", "amazon.nova-*", "*.titan-*"];
/// What lies within that.
const NARROWER: [&str; 2] = ["eu.anthropic.claude-*", "amazon.nova-pro-v1:0"];
/// With and without summer time, whole hours and not, and UTC.
const ZONES: [&str; 4] = ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];
const GROUPS: [SecretGroup; 4] = [SecretGroup::Aws, SecretGroup::Region, SecretGroup::Openai, SecretGroup::ClaudeCode];

/// What can never change of a gateway.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) place: Place,
    pub(crate) endpoint: EndpointType,
    pub(crate) stage: String,
}

pub(crate) fn fixed() -> impl Strategy<Value = Fixed> {
    let regions = select(vec!["eu-central-1", "us-gov-west-1", "cn-north-1"]);
    let endpoints = select(vec![EndpointType::Regional, EndpointType::Private]);
    (regions, endpoints, "[A-Za-z0-9_-]{1,12}").prop_map(|(region, endpoint, stage)| Fixed {
        place: Place { region: region.into(), account_id: "111122223333".into() },
        endpoint,
        stage,
    })
}

/// Valid gateways that differ in what may change.
pub(crate) fn gateway(fixed: &Fixed) -> impl Strategy<Value = AIGatewaySpec> + use<> {
    let Fixed { place: Place { region, account_id }, endpoint: type_, stage } = fixed.clone();
    let parts = (
        endpoint(type_, &fixed.place),
        auth().prop_map(Some),
        option::of(bedrock()),
        option::of(functions(&region, &account_id)),
    );
    let policies = (option::of(deletion_policy()), option::of(deletion_policy()), option::of(logs())).boxed();
    let money = (option::of(gateway_models()), option::of(select(vec![FailMode::Closed, FailMode::Open]))).boxed();
    // Boxed: with them the value trees of a whole life do not fit on a test's stack.
    let premiums = subsequence(vec![Premium::LongContext, Premium::HourCache, Premium::PriorityTier], 0..=3);
    let granted = (models(&MODELS), resources(region.clone()), ceilings(), premiums.prop_shuffle()).boxed();
    (parts, option::of(throttle()), tiers(), (suspended(), granted), option::of(tags()), (policies, money)).prop_map(
        move |(
            (endpoint, auth, mut bedrock, functions),
            throttle,
            tiers,
            (suspended, granted),
            tags,
            (policies, money),
        )| {
            // Other families are refused beside a guardrail.
            if money.0.as_ref().is_some_and(|models: &GatewayModels| !models.guardrails.is_empty()) {
                let guarded = |family: &Family| matches!(family, Family::BedrockRuntime | Family::Bedrock);
                if let Some(Bedrock { families, .. }) = &mut bedrock {
                    families.retain(guarded);
                }
            }
            AIGatewaySpec {
                region: region.clone(),
                account_id: account_id.clone(),
                stages: vec![Stage { name: stage.clone() }],
                endpoint,
                auth,
                bedrock,
                functions,
                // Their end is another with each step: they have tests of their own.
                releases: None,
                throttle,
                tenants: Tenants { rules: vec![everybody(&tiers, granted)], suspended },
                tiers,
                models: money.0,
                fail_mode: money.1,
                probe: None,
                logs: policies.2,
                tags,
                deletion_policy: policies.0,
                data_deletion_policy: policies.1,
            }
        },
    )
}

fn endpoint(type_: EndpointType, place: &Place) -> BoxedStrategy<Endpoint> {
    let place = place.clone();
    let distinct = |pattern: &'static str, least: usize| prop::collection::btree_set(pattern, least..4);
    match type_ {
        EndpointType::Private => distinct("vpce-[0-9a-f]{8}", 1)
            .prop_map(move |ids| Endpoint { vpc_endpoint_ids: ids.into_iter().collect(), ..plain(type_) })
            .boxed(),
        EndpointType::Regional => distinct("10\\.[1-9]\\.[1-9]\\.0/24", 0)
            .prop_flat_map(move |ranges| {
                let endpoint = Endpoint { source_cidrs: ranges.into_iter().collect(), ..plain(type_) };
                option::of((domain(&place), option::of(any::<bool>()))).prop_map(move |own| {
                    let (domain, disable_default_endpoint) = own.unzip();
                    let disable_default_endpoint = disable_default_endpoint.flatten();
                    Endpoint { domain, disable_default_endpoint, ..endpoint.clone() }
                })
            })
            .boxed(),
    }
}

fn plain(type_: EndpointType) -> Endpoint {
    let (vpc_endpoint_ids, source_cidrs) = Default::default();
    Endpoint { type_, vpc_endpoint_ids, source_cidrs, domain: None, disable_default_endpoint: None }
}

fn domain(Place { region, account_id }: &Place) -> impl Strategy<Value = Domain> + use<> {
    let certificates = format!("arn:{}:acm:{region}:{account_id}:certificate/c", Partition::of(region).id);
    let names = select(vec!["ai.example.com".to_owned(), "llm.example.com".to_owned()]);
    let base_paths = option::of(select(vec!["prod".to_owned(), "test".to_owned()]));
    (names, base_paths, 1..3, any::<bool>()).prop_map(move |(name, base_path, number, newer)| Domain {
        name,
        certificate_arn: format!("{certificates}{number}"),
        base_path,
        security_policy: newer.then(|| "SecurityPolicy_TLS13_1_2_2021_06".to_owned()),
    })
}

/// Boxed, as drawing nests deep enough for a test's stack.
fn auth() -> BoxedStrategy<Auth> {
    let api_keys = option::of(any::<bool>().prop_map(|enabled| ApiKeyAuth { enabled }));
    let service_accounts = option::of(select(vec!["a", "b"]).prop_map(|audience| ServiceAccountAuth {
        clusters: vec![ServiceAccountCluster { name: "local".into(), audience: audience.into() }],
    }));
    let algorithms = subsequence(vec![JwtAlgorithm::RS256, JwtAlgorithm::ES384, JwtAlgorithm::EdDSA], 0..3);
    let issuer = (algorithms, option::of(Just("https://keys.example.com/jwks")), "[a-z]{1,3}").prop_map(
        |(algorithms, jwks_uri, audience)| JwtIssuer {
            // Always there: tenants drawn apart refer to it.
            name: ISSUER.into(),
            issuer: "https://login.example.com".into(),
            jwks_uri: jwks_uri.map(Into::into),
            audiences: vec![audience],
            algorithms,
        },
    );
    (api_keys, issuer, service_accounts, option::of(0..=3600))
        .prop_map(|(api_keys, issuer, service_accounts, cache_seconds)| Auth {
            api_keys,
            jwt: vec![issuer],
            service_accounts,
            cache_seconds,
        })
        .boxed()
}

fn bedrock() -> BoxedStrategy<Bedrock> {
    let policies = vec![UnmeteredPolicy::Deny, UnmeteredPolicy::Charge, UnmeteredPolicy::Allow];
    let unmetered = select(policies).prop_map(|policy| Unmetered {
        policy,
        usd_per_call: (policy == UnmeteredPolicy::Charge).then(|| "0.01".into()),
    });
    // FIPS endpoints exist in few Regions and for few families: most combinations would be no gateway.
    (subsequence(FAMILIES.to_vec(), 0..=FAMILIES.len()), option::of(unmetered))
        .prop_map(|(families, unmetered)| Bedrock { families, unmetered, fips: None })
        .boxed()
}

/// Prices for one of three patterns that leave each other something, and what happens without one.
fn gateway_models() -> BoxedStrategy<GatewayModels> {
    let patterns = subsequence(vec!["global.anthropic.*", "anthropic.*", "zai.glm-5"], 0..=3);
    let price = |pattern: &str| PriceOverride {
        match_: pattern.into(),
        usd_per_million_tokens: TokenPrices {
            input: "0.25".into(),
            output: Some("1".into()),
            cache_read: None,
            cache_write: None,
            cache_write_1h: None,
        },
        priority_percent: None,
        optimized_percent: None,
        long_context: None,
        context_tokens: None,
        max_output_tokens: None,
    };
    let guardrail = |(id, version): (&str, &str)| MandatoryGuardrail { id: id.into(), version: version.into() };
    let guardrails = option::of(select(vec![("abc1", "1"), ("abc1", "2"), ("def2", "DRAFT")]));
    (patterns, option::of(select(vec![UnknownPrice::Deny, UnknownPrice::ChargeMaximum])), guardrails)
        .prop_map(move |(patterns, unknown_price, guardrails)| GatewayModels {
            prices: patterns.into_iter().map(price).collect(),
            unknown_price,
            guardrails: guardrails.map(guardrail).into_iter().collect(),
        })
        .boxed()
}

fn functions(region: &str, account_id: &str) -> impl Strategy<Value = Functions> + use<> {
    let role = format!("arn:{}:iam::{account_id}:role/given", Partition::of(region).id);
    let role = option::of(select(vec![role.clone(), format!("{role}-too")]));
    let architecture = option::of(select(vec![Architecture::Arm64, Architecture::X8664]));
    let forwarder = (architecture, option::of(128..=10240), option::of(1..=900), role.clone()).prop_map(
        |(architecture, memory_mib, timeout_seconds, role_arn)| ForwarderFunction {
            architecture,
            memory_mib,
            timeout_seconds,
            role_arn,
        },
    );
    let authorizer =
        (option::of(128..=10240), role).prop_map(|(memory_mib, role_arn)| AuthorizerFunction { memory_mib, role_arn });
    (option::of(forwarder), option::of(authorizer))
        .prop_map(|(forwarder, authorizer)| Functions { forwarder, authorizer })
}

fn logs() -> impl Strategy<Value = Logs> {
    (option::of(any::<bool>()), option::of(select(vec![7, 30, 90])))
        .prop_map(|(access, retention_days)| Logs { access, retention_days })
}

fn throttle() -> impl Strategy<Value = Throttle> {
    (1..=5000, 0..=5000).prop_map(|(rate, more)| Throttle { requests_per_second: rate, burst: rate + more })
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let named = subsequence(TIERS.to_vec(), 1..4).prop_shuffle();
    let given = (throttle(), option::of(limits(1..=300)), budgets(1..=300));
    (named, prop::collection::vec(given, 4)).prop_map(|(names, given)| {
        let tier = |(name, (plan, limits, budgets)): (&str, _)| Tier { name: name.into(), plan, limits, budgets };
        names.into_iter().zip(given).map(tier).collect()
    })
}

/// Ceilings below which every tenant drawn stays.
fn ceilings() -> impl Strategy<Value = RuleCeilings> {
    let highest = || 100..=200i32;
    (highest(), highest(), highest(), highest(), highest(), highest()).prop_map(
        |(requests_per_minute, tokens_per_minute, concurrency, max, day, month)| RuleCeilings {
            limits: Some(LimitCeilings {
                requests_per_minute: Some(requests_per_minute),
                tokens_per_minute: Some(tokens_per_minute),
                concurrency: Some(concurrency),
                max_output_tokens: Some(OutputCeiling { max: Some(max) }),
            }),
            budgets: vec![
                Budget { window: BudgetWindow::Month, usd: month.to_string() },
                Budget { window: BudgetWindow::Day, usd: day.to_string() },
            ],
            per_namespace: None,
        },
    )
}

fn limits(values: RangeInclusive<i32>) -> impl Strategy<Value = Limits> {
    let one = || option::of(values.clone());
    // Both or none: one alone may not fit what the tier says of the other.
    let output = option::of(
        (values.clone(), values.clone())
            .prop_map(|(one, other)| OutputTokens { default: Some(one.min(other)), max: Some(one.max(other)) }),
    );
    (one(), one(), one(), output).prop_map(
        |(requests_per_minute, tokens_per_minute, concurrency, max_output_tokens)| Limits {
            requests_per_minute,
            tokens_per_minute,
            concurrency,
            max_output_tokens,
        },
    )
}

fn budgets(values: RangeInclusive<i32>) -> impl Strategy<Value = Vec<Budget>> {
    let windows = subsequence(vec![BudgetWindow::Day, BudgetWindow::Month], 0..=2).prop_shuffle();
    (windows, values).prop_map(|(windows, usd)| {
        windows.into_iter().map(|window| Budget { window, usd: format!("{usd}.50") }).collect()
    })
}

/// What a rule allows that differs from draw to draw.
type Granted = (Vec<ModelMatch>, Vec<ResourceGrant>, RuleCeilings, Vec<Premium>);

fn everybody(tiers: &[Tier], (models, resources, ceilings, premiums): Granted) -> TenantRule {
    let names: Vec<String> = tiers.iter().map(|tier| tier.name.clone()).collect();
    TenantRule {
        name: "all".into(),
        match_: RuleMatch { namespaces: NamespaceMatch { from: Some(NamespaceOrigin::All), selector: None } },
        defaults: Some(RuleDefaults { tier: names.first().cloned() }),
        ceilings: Some(ceilings),
        allow: Some(RuleAllow {
            tiers: names,
            max_tenants_per_namespace: None,
            identities: Some(IdentityGrants {
                jwt: vec![JwtGrant { issuer: ISSUER.into(), claim: "groups".into(), values: vec!["team-*".into()] }],
            }),
            models,
            resources,
            shadow: Some(true),
            premiums,
        }),
    }
}

/// All of the patterns or none: tenants ask for what lies within either.
fn models(patterns: &'static [&'static str]) -> impl Strategy<Value = Vec<ModelMatch>> + use<> {
    let all = patterns.iter().map(|pattern| ModelMatch { match_: (*pattern).into() }).collect::<Vec<_>>();
    any::<bool>().prop_flat_map(move |some| Just(if some { all.clone() } else { vec![] }).prop_shuffle())
}

/// Every knowledge base, as tenants may ask for any, and perhaps a flow.
fn resources(region: String) -> impl Strategy<Value = Vec<ResourceGrant>> + use<> {
    any::<bool>().prop_map(move |flow| {
        let base = format!("arn:{}:bedrock:{region}:111122223333:", Partition::of(&region).id);
        let grant = |end: &str| ResourceGrant { arn: format!("{base}{end}"), access: Some(ResourceAccess::Manage) };
        let mut grants = vec![grant("knowledge-base/*")];
        grants.extend(flow.then(|| grant("flow/F")));
        grants
    })
}

fn suspended() -> impl Strategy<Value = Vec<NamedObject>> {
    let names = select(vec!["search", "ads"]);
    prop::collection::vec(names.prop_map(|name| NamedObject { namespace: "team".into(), name: name.into() }), 0..2)
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-c]{1,2}", "[a-z]{0,4}", 0..4)
}

pub(crate) fn deletion_policy() -> impl Strategy<Value = DeletionPolicy> {
    select(vec![DeletionPolicy::Delete, DeletionPolicy::Retain])
}

/// Tenants of a gateway with these tiers.
pub(crate) fn tenant(tiers: Vec<String>) -> impl Strategy<Value = TenantSpec> {
    let names = option::of("[a-z]{1,8}");
    let groups = subsequence(GROUPS.to_vec(), 0..=GROUPS.len()).prop_shuffle();
    let spans = (option::of(select(vec!["1h", "36h", "720h"])), option::of(select(vec!["0s", "1h30m", "168h"])));
    let api_key = (names, groups, spans).prop_map(|(secret_name, env, (every, overlap))| ApiKey {
        secret_name,
        env,
        rotate_every: every.map(Into::into),
        overlap: overlap.map(Into::into),
    });
    let asked = (option::of(tenant_models()), subsequence(vec!["A", "B", "*"], 0..3));
    let asked = asked.boxed();
    let identities = option::of(identities()).boxed();
    let limits = (option::of(limits(1..=100)), tenant_budgets(), option::of(select(ZONES.to_vec()))).boxed();
    let enforcement = option::of(select(vec![Enforcement::Enforce, Enforcement::Shadow]));
    let expiry = option::of(select(vec!["2026-12-31T23:59:59Z", "2027-01-31T12:00:00+01:00"]));
    let bounds = (limits, enforcement, expiry).boxed();
    (option::of(select(tiers)), identities, option::of(api_key), asked, bounds, option::of(any::<bool>())).prop_map(
        |(
            tier,
            identities,
            api_key,
            (models, bases),
            ((limits, budgets, time_zone), enforcement, expires_at),
            suspend,
        )| TenantSpec {
            gateway_ref: GatewayRef { name: "prod".into(), namespace: Some("ai-platform".into()) },
            tier,
            identities,
            api_key,
            models,
            resources: bases
                .into_iter()
                .map(|base| ResourceGrant {
                    arn: format!("arn:aws:bedrock:eu-central-1:111122223333:knowledge-base/{base}"),
                    access: None,
                })
                .collect(),
            limits,
            budgets,
            time_zone: time_zone.map(Into::into),
            enforcement,
            expires_at: expires_at.map(Into::into),
            suspend,
        },
    )
}

fn tenant_budgets() -> impl Strategy<Value = Vec<TenantBudget>> {
    (budgets(1..=99), any::<bool>(), subsequence(vec![50, 80, 95], 0..=3)).prop_map(|(budgets, named, warn_percent)| {
        let budget = |Budget { window, usd }| TenantBudget {
            window,
            usd: named.then_some(usd),
            warn_percent: warn_percent.clone(),
        };
        budgets.into_iter().map(budget).collect()
    })
}

/// Of tokens only: whether ServiceAccounts are accepted is drawn with the gateway.
fn identities() -> impl Strategy<Value = TenantIdentities> {
    let values = subsequence(vec!["team-a", "team-b", "team-c"], 0..=3).prop_shuffle();
    values.prop_map(|values| TenantIdentities {
        service_accounts: Vec::new(),
        jwt: values
            .into_iter()
            .map(|value| JwtIdentity { issuer: ISSUER.into(), claim: "groups".into(), value: value.into() })
            .collect(),
    })
}

fn tenant_models() -> impl Strategy<Value = TenantModels> {
    let residencies = vec![Residency::Region, Residency::Eu, Residency::Us];
    (models(&NARROWER), models(&["*opus*"]), option::of(select(residencies)))
        .prop_map(|(allow, deny, residency)| TenantModels { allow, deny, residency })
}

/// `items` in another order, the same for the same seed.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed | 1;
    for last in (1..items.len()).rev() {
        // Knuth's multiplier: any mixing does here.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        items.swap(last, usize::try_from(state >> 33).unwrap() % (last + 1));
    }
}
