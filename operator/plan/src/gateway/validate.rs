//! From the spec as written to a gateway without options left: defaults filled in, cross-field rules checked.
//!
//! The schema and its CEL rules refuse what one field can decide; this stage refuses the rest, and repeats nothing.

use std::collections::{BTreeMap, BTreeSet};

use aigw_api::conditions::reason;
use aigw_api::{
    AIGatewaySpec, Architecture, Bedrock, DeletionPolicy, EndpointType, FailMode, Family, NamedObject, TenantRule,
    Throttle, UnknownPrice, UnmeteredPolicy,
};
use aigw_contract::guardrail::Guardrail;
use aigw_contract::limits::{Budget, Limits};
use aigw_contract::model::Place;
use aigw_contract::price::PriceList;
use aigw_contract::table::Unmetered;
use aigw_contract::{FIPS_REGIONS, Family as WireFamily, Partition};

use super::document::Access;
use super::endpoint::{self, ValidDomain};
use super::guardrails;
use super::issuers::{self, ValidIssuer};
use super::logs::{self, ValidLogs};
use super::releases::Releases;
use super::roles;
use crate::prices::{own_prices, price_list, usd_per_call};
use crate::probe::{self, ValidProbe};
use crate::tenant::limits::{budget_violations, budgets, limits};
use crate::violation::Violation;

/// Seconds an authorizer's answer is reused unless the spec says otherwise.
pub const DEFAULT_CACHE_SECONDS: i32 = 60;
/// Memory of the forwarder unless the spec says otherwise: text needs less, images of a few MB need this.
pub const DEFAULT_FORWARDER_MEMORY: i32 = 256;
/// Memory of the authorizer unless the spec says otherwise: Lambda's minimum is enough.
pub const DEFAULT_AUTHORIZER_MEMORY: i32 = 128;
/// Lambda's maximum: a stream is cut at the time-out.
pub const DEFAULT_TIMEOUT_SECONDS: i32 = 900;

/// A gateway as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidGateway {
    /// Region.
    pub region: String,
    /// Account.
    pub account_id: String,
    /// The one stage.
    pub stage: String,
    /// Regional or Private.
    pub endpoint_type: EndpointType,
    /// VPC endpoints, sorted; empty for Regional.
    pub vpc_endpoint_ids: Vec<String>,
    /// Who may reach the endpoint.
    pub access: Access,
    /// Its custom domain.
    pub domain: Option<ValidDomain>,
    /// Whether API Gateway's own name of it is to be closed once the domain works.
    pub disable_default_endpoint: bool,
    /// Whether tenants get credentials.
    pub api_keys: bool,
    /// Who signs tokens that are accepted.
    pub issuers: Vec<ValidIssuer>,
    /// Seconds an authorizer's answer is reused.
    pub cache_seconds: i32,
    /// Reachable families, sorted.
    pub families: Vec<WireFamily>,
    /// What happens to calls whose use can be neither metered nor checked.
    pub unmetered: Unmetered,
    /// What such a call costs a tenant with a budget, in micro-USD.
    pub unmetered_micro_usd: i64,
    /// What models cost: the gateway's own prices, then those the operator brings along.
    pub prices: PriceList,
    /// How many of them are the gateway's own.
    pub own_prices: usize,
    /// What a tenant with a budget may do with a model no price is known for.
    pub unknown_price: UnknownPrice,
    /// The guardrail that every call carries.
    pub guardrail: Option<Guardrail>,
    /// What happens to calls while the table does not answer.
    pub fail_mode: FailMode,
    /// How probes are made.
    pub probe: ValidProbe,
    /// Whether they are reached at their FIPS endpoints.
    pub fips: bool,
    /// Instruction set of both functions.
    pub architecture: Architecture,
    /// Forwarder memory in MiB.
    pub forwarder_memory_mib: i32,
    /// Longest call in seconds.
    pub timeout_seconds: i32,
    /// Authorizer memory in MiB.
    pub authorizer_memory_mib: i32,
    /// Given role of the forwarder.
    pub forwarder_role_arn: Option<String>,
    /// Given role of the authorizer.
    pub authorizer_role_arn: Option<String>,
    /// How new versions of the functions come to serve.
    pub releases: Releases,
    /// Throttle of the stage.
    pub throttle: Option<Throttle>,
    /// Tiers in the order of the spec.
    pub tiers: Vec<ValidTier>,
    /// Rules in the order of the spec.
    pub rules: Vec<TenantRule>,
    /// Tenants the platform has suspended.
    pub suspended: BTreeSet<NamedObject>,
    /// What is written down of calls.
    pub logs: ValidLogs,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// What deletion does to compute.
    pub deletion_policy: DeletionPolicy,
    /// What deletion does to the table.
    pub data_deletion_policy: DeletionPolicy,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidTier {
    /// Name.
    pub name: String,
    /// Requests per second and tenant.
    pub requests_per_second: i32,
    /// Burst per tenant.
    pub burst: i32,
    /// What each of its tenants may use.
    pub limits: Limits,
    /// What each of its tenants may spend.
    pub budgets: Vec<Budget>,
}

impl ValidGateway {
    /// Where the gateway is.
    pub fn place(&self) -> Place<'_> {
        let partition = Partition::of(&self.region).id;
        Place { partition, region: &self.region, account_id: &self.account_id }
    }

    /// The tier of that name.
    pub fn tier(&self, name: &str) -> Option<&ValidTier> {
        self.tiers.iter().find(|tier| tier.name == name)
    }
}

/// Fills in defaults and checks what the schema cannot.
///
/// # Errors
/// Every violation found, in the order of the spec.
pub fn validate(spec: &AIGatewaySpec) -> Result<ValidGateway, Vec<Violation>> {
    // Exhaustive: a new field that nobody validates does not compile.
    let AIGatewaySpec {
        region,
        account_id,
        stages,
        endpoint: asked_endpoint,
        auth,
        bedrock,
        functions,
        releases,
        throttle,
        tiers,
        models,
        tenants,
        fail_mode,
        probe,
        logs: asked_logs,
        tags,
        deletion_policy,
        data_deletion_policy,
    } = spec;
    let mut violations = Vec::new();
    let auth = auth.clone().unwrap_or_default();
    let functions = functions.clone().unwrap_or_default();
    let forwarder = functions.forwarder.unwrap_or_default();
    let authorizer = functions.authorizer.unwrap_or_default();

    for (path, arn) in [("forwarder", &forwarder.role_arn), ("authorizer", &authorizer.role_arn)] {
        violations.extend(arn.as_deref().and_then(|arn| role_violation(path, arn, region, account_id)));
    }
    violations.extend(endpoint::violations(asked_endpoint, region, account_id));
    let families = families(bedrock.as_ref());
    let fips = bedrock.as_ref().and_then(|bedrock| bedrock.fips).unwrap_or(false);
    if fips {
        violations.extend(families.iter().filter_map(|family| fips_violation(*family, region)));
    }
    let guardrail = guardrails::mandatory(models.as_ref());
    violations.extend(guardrail.iter().flat_map(|_| guardrails::unguarded_families(bedrock.as_ref())));
    let unmetered = bedrock.as_ref().and_then(|bedrock| bedrock.unmetered.as_ref());
    let mut found = |violated: Vec<Violation>| violations.extend(violated);
    let unmetered_micro_usd = usd_per_call(unmetered).map_err(&mut found).unwrap_or_default();
    let own_prices = own_prices(models.as_ref()).map_err(found).unwrap_or_default();
    for (index, tier) in tiers.iter().enumerate() {
        violations.extend(budget_violations(&format!("spec.tiers[{index}].budgets"), &tier.budgets));
    }
    let asked = probe.clone().unwrap_or_default();
    let valid_probe =
        probe::settings(&asked, &tenants.rules, Place { partition: Partition::of(region).id, region, account_id })
            .unwrap_or_else(|violated| {
                violations.extend(violated);
                ValidProbe::default()
            });
    let names: BTreeSet<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
    for (index, rule) in tenants.rules.iter().enumerate() {
        violations.extend(rule_violations(index, rule, &names));
        violations.extend(issuers::violations(index, rule, &auth));
        violations.extend(resource_violations(index, rule, region));
        let ceilings = rule.ceilings.as_ref().map_or(&[][..], |ceilings| &ceilings.budgets);
        violations.extend(budget_violations(&format!("spec.tenants.rules[{index}].ceilings.budgets"), ceilings));
        let together = rule.ceilings.as_ref().and_then(|ceilings| ceilings.per_namespace.as_ref());
        let together = together.map_or(&[][..], |ceilings| &ceilings.budgets);
        let path = format!("spec.tenants.rules[{index}].ceilings.perNamespace.budgets");
        violations.extend(budget_violations(&path, together));
    }
    let Some(stage) = stages.first() else {
        violations.push(Violation::new("spec.stages", reason::INVALID, "name one stage, for example v1"));
        return Err(violations);
    };
    if !violations.is_empty() {
        return Err(violations);
    }

    let mut vpc_endpoint_ids = asked_endpoint.vpc_endpoint_ids.clone();
    vpc_endpoint_ids.sort();
    let valid = ValidGateway {
        region: region.clone(),
        account_id: account_id.clone(),
        stage: stage.name.clone(),
        endpoint_type: asked_endpoint.type_,
        access: endpoint::access(asked_endpoint, &vpc_endpoint_ids),
        vpc_endpoint_ids,
        domain: asked_endpoint.domain.as_ref().map(endpoint::domain),
        disable_default_endpoint: asked_endpoint.disable_default_endpoint.unwrap_or(false),
        issuers: issuers::valid(&auth, &tenants.rules),
        api_keys: auth.api_keys.is_none_or(|keys| keys.enabled),
        cache_seconds: auth.cache_seconds.unwrap_or(DEFAULT_CACHE_SECONDS),
        families,
        unmetered: match unmetered.map_or(UnmeteredPolicy::Deny, |unmetered| unmetered.policy) {
            UnmeteredPolicy::Deny => Unmetered::Deny,
            UnmeteredPolicy::Charge => Unmetered::Charge,
            UnmeteredPolicy::Allow => Unmetered::Allow,
        },
        unmetered_micro_usd,
        prices: price_list(region, &own_prices),
        own_prices: own_prices.len(),
        unknown_price: models.as_ref().and_then(|models| models.unknown_price).unwrap_or_default(),
        guardrail,
        fail_mode: fail_mode.unwrap_or_default(),
        probe: valid_probe,
        fips,
        architecture: forwarder.architecture.unwrap_or(Architecture::Arm64),
        forwarder_memory_mib: forwarder.memory_mib.unwrap_or(DEFAULT_FORWARDER_MEMORY),
        timeout_seconds: forwarder.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS),
        authorizer_memory_mib: authorizer.memory_mib.unwrap_or(DEFAULT_AUTHORIZER_MEMORY),
        forwarder_role_arn: forwarder.role_arn,
        authorizer_role_arn: authorizer.role_arn,
        releases: Releases::of(releases.as_ref()),
        throttle: throttle.clone(),
        tiers: tiers
            .iter()
            .map(|tier| ValidTier {
                name: tier.name.clone(),
                requests_per_second: tier.plan.requests_per_second,
                burst: tier.plan.burst,
                limits: limits(tier.limits.as_ref()),
                budgets: budgets(&tier.budgets),
            })
            .collect(),
        rules: tenants.rules.clone(),
        suspended: tenants.suspended.iter().cloned().collect(),
        logs: logs::valid(asked_logs.as_ref()),
        tags: tags.clone().unwrap_or_default(),
        deletion_policy: deletion_policy.unwrap_or(DeletionPolicy::Delete),
        data_deletion_policy: data_deletion_policy.unwrap_or(DeletionPolicy::Retain),
    };
    match role_too_large(&valid) {
        Some(violation) => Err(vec![violation]),
        None => Ok(valid),
    }
}

/// IAM refuses a role whose policy is too large; said before anything is changed, in terms of the spec.
fn role_too_large(valid: &ValidGateway) -> Option<Violation> {
    if valid.forwarder_role_arn.is_some() {
        return None;
    }
    let size = roles::forwarder_size(valid);
    let most = roles::MAX_POLICY_SIZE;
    let message = format!(
        "the forwarder's role would need a policy of {size} characters for these rules, and IAM allows {most}; use fewer or wider patterns in allow.models and allow.resources, or give a role in spec.functions.forwarder.roleArn"
    );
    (size > most).then(|| Violation::new("spec.tenants.rules", reason::INVALID, message))
}

/// The reachable families, sorted: those named, else model inference.
fn families(bedrock: Option<&Bedrock>) -> Vec<WireFamily> {
    let named = bedrock.iter().flat_map(|bedrock| &bedrock.families);
    let mut families: Vec<WireFamily> = named.map(|family| wire(*family)).collect();
    if families.is_empty() {
        families.push(WireFamily::BedrockRuntime);
    }
    families.sort();
    families.dedup();
    families
}

fn fips_violation(family: WireFamily, region: &str) -> Option<Violation> {
    if family.fips_host(region).is_some() {
        return None;
    }
    let message = format!(
        "{family} has no FIPS endpoint in {region}; AWS has them for bedrock-runtime and bedrock in {}",
        FIPS_REGIONS.join(", ")
    );
    Some(Violation::new("spec.bedrock.fips", reason::INVALID, message))
}

fn role_violation(function: &str, arn: &str, region: &str, account_id: &str) -> Option<Violation> {
    let path = format!("spec.functions.{function}.roleArn");
    let mut fields = arn.split(':').skip(1);
    let (partition, account) = (fields.next()?, fields.nth(2)?);
    let expected = Partition::of(region).id;
    if partition != expected {
        let message = format!("is in partition {partition}, but Region {region} is in {expected}");
        return Some(Violation::new(path, reason::INVALID, message));
    }
    (account != account_id).then(|| {
        let message = format!("is in account {account}, but spec.accountId is {account_id}; a function runs with a role of its own account");
        Violation::new(path, reason::INVALID, message)
    })
}

fn rule_violations(index: usize, rule: &TenantRule, tiers: &BTreeSet<&str>) -> Vec<Violation> {
    let unknown = |path: String, tier: &str| {
        let known = tiers.iter().copied().collect::<Vec<_>>().join(", ");
        Violation::new(path, reason::INVALID, format!("tier {tier:?} is not in spec.tiers ({known})"))
    };
    let mut violations = Vec::new();
    let allowed: &[String] = rule.allow.as_ref().map_or(&[], |allow| &allow.tiers);
    for (position, tier) in allowed.iter().enumerate().filter(|(_, tier)| !tiers.contains(tier.as_str())) {
        violations.push(unknown(format!("spec.tenants.rules[{index}].allow.tiers[{position}]"), tier));
    }
    if let Some(tier) = rule.defaults.as_ref().and_then(|defaults| defaults.tier.as_deref()) {
        let path = format!("spec.tenants.rules[{index}].defaults.tier");
        if !tiers.contains(tier) {
            violations.push(unknown(path, tier));
        } else if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed == tier) {
            let message = format!("the default tier {tier:?} is not among this rule's allow.tiers; add it there");
            violations.push(Violation::new(path, reason::INVALID, message));
        }
    }
    violations
}

/// The forwarder calls Bedrock in the gateway's Region only.
fn resource_violations(index: usize, rule: &TenantRule, region: &str) -> Vec<Violation> {
    let partition = Partition::of(region).id;
    let elsewhere = |arn: &str| {
        let mut fields = arn.split(':').skip(1);
        fields.next() != Some(partition) || fields.nth(1) != Some(region)
    };
    let resources = rule.allow.iter().flat_map(|allow| &allow.resources).enumerate();
    resources
        .filter(|(_, granted)| elsewhere(&granted.arn))
        .map(|(position, granted)| {
            let path = format!("spec.tenants.rules[{index}].allow.resources[{position}].arn");
            let message = format!(
                "{:?} is not in partition {partition} and Region {region}, where this gateway calls Bedrock",
                granted.arn
            );
            Violation::new(path, reason::INVALID, message)
        })
        .collect()
}

/// The contract's name of an API family.
pub const fn wire(family: Family) -> WireFamily {
    match family {
        Family::BedrockRuntime => WireFamily::BedrockRuntime,
        Family::Bedrock => WireFamily::Bedrock,
        Family::BedrockAgent => WireFamily::BedrockAgent,
        Family::BedrockAgentRuntime => WireFamily::BedrockAgentRuntime,
        Family::BedrockDataAutomation => WireFamily::BedrockDataAutomation,
        Family::BedrockDataAutomationRuntime => WireFamily::BedrockDataAutomationRuntime,
        Family::BedrockAgentcore => WireFamily::BedrockAgentcore,
        Family::BedrockAgentcoreControl => WireFamily::BedrockAgentcoreControl,
    }
}

/// The API's name of a contract family.
pub const fn unwire(family: WireFamily) -> Family {
    match family {
        WireFamily::BedrockRuntime => Family::BedrockRuntime,
        WireFamily::Bedrock => Family::Bedrock,
        WireFamily::BedrockAgent => Family::BedrockAgent,
        WireFamily::BedrockAgentRuntime => Family::BedrockAgentRuntime,
        WireFamily::BedrockDataAutomation => Family::BedrockDataAutomation,
        WireFamily::BedrockDataAutomationRuntime => Family::BedrockDataAutomationRuntime,
        WireFamily::BedrockAgentcore => Family::BedrockAgentcore,
        WireFamily::BedrockAgentcoreControl => Family::BedrockAgentcoreControl,
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
