//! What should be in AWS for one valid gateway.

use std::collections::BTreeMap;

use aigw_api::{Architecture, EndpointType, FailMode as AskedFailMode, ProbeMode, UnknownPrice as AskedUnknownPrice};
use aigw_contract::Partition;
use aigw_contract::environment;
use aigw_contract::guardrail::Guardrails;
use aigw_contract::price::{PriceList, UnknownPrice};
use aigw_contract::probe::ProbeSetup;
use aigw_contract::table::{FailMode, GatewayConfig};
use serde_json::{Value, json};

use super::document::{Document, DocumentInput, render};
use super::domains::{self, DesiredDomain, DomainFacts};
use super::guardrails::{self, Fence};
use super::logs::{self, DesiredLogs};
use super::observed::{ObservedGateway, Tags};
use super::releases::{ReleaseFacts, Releases};
use super::roles;
use super::step::{FunctionSpec, UsagePlanSpec};
use super::validate::ValidGateway;
use crate::canonical;
use crate::identity::{Function, GatewayIdentity, TAG_ID, TAG_INSTALLATION, TAG_OWNER_UID, TAG_TIER, sha256_hex};

/// Seconds an authorization may take; API Gateway waits ten.
const AUTHORIZER_TIMEOUT_SECONDS: i32 = 10;

/// What the operator brings along, the same for every gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// Hash of the code of each function and architecture.
    pub code: BTreeMap<(Function, String), String>,
    /// Permissions boundary for the roles it makes.
    pub permissions_boundary: Option<String>,
    /// What clients are told instead of the execute-api name, with `{restApiId}`, `{stage}` and `{region}`.
    pub endpoint_url_template: Option<String>,
    /// Port in the URLs under custom domains, where it is not that of HTTPS: in front of an emulator.
    pub domain_port: Option<u16>,
}

/// What should be there.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredGateway {
    /// Table name.
    pub table: String,
    /// Tags of everything.
    pub tags: Tags,
    /// Roles to make; none for a function whose role is given.
    pub roles: BTreeMap<Function, DesiredRole>,
    /// Functions.
    pub functions: BTreeMap<Function, FunctionSpec>,
    /// REST API.
    pub rest_api: DesiredRestApi,
    /// Logs.
    pub logs: DesiredLogs,
    /// Stage name.
    pub stage: String,
    /// Throttle of the stage.
    pub throttle: Option<(i32, i32)>,
    /// Known once the REST API has an id.
    pub document: Option<Document>,
    /// What models cost.
    pub prices: PriceList,
    /// Known once the REST API has an id.
    pub config: Option<GatewayConfig>,
    /// One per tier; the stage is added once the REST API has an id.
    pub usage_plans: Vec<UsagePlanSpec>,
    /// Source ARNs for the permissions on the aliases; known once the REST API has an id.
    pub permission_sources: BTreeMap<Function, String>,
    /// How new versions of functions come to serve.
    pub releases: Releases,
    /// What else decides about releases.
    pub release_facts: ReleaseFacts,
    /// Custom domain, and where the gateway is under it.
    pub domain: Option<DesiredDomain>,
    /// What else decides about domains.
    pub domain_facts: DomainFacts,
    /// Port in the URLs under custom domains.
    pub domain_port: Option<u16>,
}

/// A role to make.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredRole {
    /// Name.
    pub name: String,
    /// Trust policy.
    pub trust: Value,
    /// Inline policy.
    pub policy: Value,
    /// Permissions boundary.
    pub permissions_boundary: Option<String>,
}

/// A REST API to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRestApi {
    /// Name.
    pub name: String,
    /// `REGIONAL` or `PRIVATE`.
    pub endpoint_type: String,
    /// VPC endpoints.
    pub vpc_endpoint_ids: Vec<String>,
    /// Whether its own name is closed.
    pub default_endpoint_disabled: bool,
}

/// This operator build has no code for the wanted architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this operator build carries no {function} code for architecture {architecture}")]
pub struct NoCode {
    /// Function.
    pub function: &'static str,
    /// Architecture.
    pub architecture: String,
}

/// Description of the published version of `function`: a hash of everything that makes versions differ.
pub fn version_description(function: &FunctionSpec) -> String {
    let FunctionSpec {
        function: _,
        name: _,
        role_arn,
        architecture,
        memory_mib,
        timeout_seconds,
        environment,
        code_sha256,
        log_group,
        tags: _,
    } = function;
    let content = json!([role_arn, architecture, memory_mib, timeout_seconds, environment, code_sha256, log_group]);
    format!("aigw:{}", &sha256_hex(&canonical::text(&content))[..16])
}

/// Name of the architecture in Lambda's API and in file names.
pub const fn architecture_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "arm64",
        Architecture::X8664 => "x86_64",
    }
}

/// Base URL clients use.
pub fn endpoint_url(valid: &ValidGateway, rest_api_id: &str, build: &Build) -> String {
    if let Some(template) = &build.endpoint_url_template {
        return template
            .replace("{restApiId}", rest_api_id)
            .replace("{stage}", &valid.stage)
            .replace("{region}", &valid.region);
    }
    let suffix = Partition::of(&valid.region).dns_suffix;
    // A private API associated with a VPC endpoint has a public DNS name of its own that leads to that endpoint; it
    // works with and without private DNS in the client's VPC. (API Gateway guide, "private APIs: invoke".)
    let host = match valid.vpc_endpoint_ids.first() {
        Some(endpoint) => format!("{rest_api_id}-{endpoint}"),
        None => rest_api_id.to_owned(),
    };
    format!("https://{host}.execute-api.{}.{suffix}/{}", valid.region, valid.stage)
}

/// Derives what should be there.
///
/// # Errors
/// [`NoCode`] where this build has no zip for the architecture.
pub fn desire(
    valid: &ValidGateway,
    identity: &GatewayIdentity,
    owner_uid: &str,
    build: &Build,
    (observed, domain_facts, release_facts): (&ObservedGateway, &DomainFacts, &ReleaseFacts),
) -> Result<DesiredGateway, NoCode> {
    let name = identity.physical_name();
    let mut tags: Tags = valid.tags.clone();
    tags.insert(TAG_ID.into(), identity.id());
    tags.insert(TAG_INSTALLATION.into(), identity.installation.clone());
    tags.insert(TAG_OWNER_UID.into(), owner_uid.into());

    // Without a stage there is no call that could be denied on the way.
    let serving = observed.config.as_ref().filter(|_| !observed.stages.is_empty());
    let written = serving.map(|config| &config.content.guardrails);
    let guardrails = guardrails::next(valid.guardrail.as_ref(), written, observed.observed_at);
    let fence = guardrails::fence(&guardrails);
    let mut roles = BTreeMap::new();
    let mut functions = BTreeMap::new();
    for function in Function::ALL {
        let (role, spec) = desire_function(function, (valid, &fence), identity, build, &tags)?;
        roles.extend(role.map(|role| (function, role)));
        functions.insert(function, spec);
    }
    let rest_api_id = match observed.rest_apis.as_slice() {
        [api] => Some(api.id.as_str()),
        _ => None,
    };
    // By name: to reorder tiers in the spec is no change.
    let mut tiers: Vec<_> = valid.tiers.iter().collect();
    tiers.sort_by_key(|tier| &tier.name);
    let api_stages: Vec<_> = rest_api_id.map(|id| (id.to_owned(), valid.stage.clone())).into_iter().collect();
    Ok(DesiredGateway {
        table: name.clone(),
        document: rest_api_id.map(|id| {
            let disabled = domains::default_endpoint_disabled(valid, domain_facts, observed);
            render(&document_input(valid, &name, (id, disabled), identity))
        }),
        config: rest_api_id.map(|id| config(valid, id, identity, domains::base_paths(valid, observed, id), guardrails)),
        prices: valid.prices.clone(),
        permission_sources: rest_api_id.map(|id| permission_sources(valid, id)).unwrap_or_default(),
        rest_api: DesiredRestApi {
            name: name.clone(),
            endpoint_type: match valid.endpoint_type {
                EndpointType::Regional => "REGIONAL".into(),
                EndpointType::Private => "PRIVATE".into(),
            },
            vpc_endpoint_ids: valid.vpc_endpoint_ids.clone(),
            default_endpoint_disabled: domains::default_endpoint_disabled(valid, domain_facts, observed),
        },
        releases: valid.releases.clone(),
        release_facts: release_facts.clone(),
        domain: domains::desire(valid, &identity.installation),
        domain_facts: domain_facts.clone(),
        domain_port: build.domain_port,
        logs: logs::desire(valid, identity),
        stage: valid.stage.clone(),
        throttle: valid.throttle.as_ref().map(|throttle| (throttle.requests_per_second, throttle.burst)),
        usage_plans: tiers
            .into_iter()
            .map(|tier| UsagePlanSpec {
                tier: tier.name.clone(),
                name: format!("{name}-{}", tier.name),
                rate_limit: tier.requests_per_second,
                burst_limit: tier.burst,
                api_stages: api_stages.clone(),
                tags: tags
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .chain([(TAG_TIER.into(), tier.name.clone())])
                    .collect(),
            })
            .collect(),
        roles,
        functions,
        tags,
    })
}

fn config(
    valid: &ValidGateway,
    rest_api_id: &str,
    identity: &GatewayIdentity,
    base_paths: Vec<String>,
    guardrails: Guardrails,
) -> GatewayConfig {
    GatewayConfig {
        rest_api_id: rest_api_id.into(),
        stages: vec![valid.stage.clone()],
        families: valid.families.clone(),
        region: valid.region.clone(),
        account_id: valid.account_id.clone(),
        unmetered: valid.unmetered,
        unmetered_micro_usd: valid.unmetered_micro_usd,
        prices: valid.prices.revision.clone(),
        unknown_price: match valid.unknown_price {
            AskedUnknownPrice::Deny => UnknownPrice::Deny,
            AskedUnknownPrice::ChargeMaximum => UnknownPrice::ChargeMaximum,
        },
        fail_mode: match valid.fail_mode {
            AskedFailMode::Closed => FailMode::Closed,
            AskedFailMode::Open => FailMode::Open,
        },
        fips: valid.fips,
        base_paths,
        issuers: valid.issuers.iter().map(|issuer| issuer.contract.clone()).collect(),
        probe: (valid.probe.mode != ProbeMode::Off)
            .then(|| ProbeSetup { tenant: identity.probe_id(), model: valid.probe.model.clone() }),
        guardrails,
    }
}

fn desire_function(
    function: Function,
    (valid, fence): (&ValidGateway, &Fence),
    identity: &GatewayIdentity,
    build: &Build,
    tags: &Tags,
) -> Result<(Option<DesiredRole>, FunctionSpec), NoCode> {
    let table = identity.physical_name();
    let name = identity.function_name(function);
    let log_group = format!("/aws/lambda/{name}");
    let scope =
        roles::Scope { region: &valid.region, account_id: &valid.account_id, table: &table, log_group: &log_group };
    let (given_role, policy, memory_mib, timeout_seconds) = match function {
        Function::Forwarder => (
            &valid.forwarder_role_arn,
            roles::forwarder(scope, valid, fence),
            valid.forwarder_memory_mib,
            valid.timeout_seconds,
        ),
        Function::Authorizer => (
            &valid.authorizer_role_arn,
            roles::authorizer(scope),
            valid.authorizer_memory_mib,
            AUTHORIZER_TIMEOUT_SECONDS,
        ),
    };
    let architecture = architecture_name(valid.architecture).to_owned();
    let code_sha256 = build
        .code
        .get(&(function, architecture.clone()))
        .ok_or_else(|| NoCode { function: function.as_str(), architecture: architecture.clone() })?;
    let own_arn = format!(
        "arn:{}:iam::{}:role{}{name}",
        Partition::of(&valid.region).id,
        valid.account_id,
        crate::identity::ROLE_PATH
    );
    let spec = FunctionSpec {
        function,
        role_arn: given_role.clone().unwrap_or(own_arn),
        architecture,
        memory_mib,
        timeout_seconds,
        environment: BTreeMap::from([
            (environment::TABLE_NAME.into(), table),
            (environment::GATEWAY_ID.into(), identity.id()),
        ]),
        code_sha256: code_sha256.clone(),
        log_group,
        tags: tags.clone(),
        name: name.clone(),
    };
    let role = given_role.is_none().then(|| DesiredRole {
        name,
        trust: roles::trust(),
        policy,
        permissions_boundary: build.permissions_boundary.clone(),
    });
    Ok((role, spec))
}

/// ARN of the alias `live` of a function.
pub fn alias_arn(valid: &ValidGateway, identity: &GatewayIdentity, function: Function) -> String {
    let partition = Partition::of(&valid.region).id;
    format!(
        "arn:{partition}:lambda:{}:{}:function:{}:live",
        valid.region,
        valid.account_id,
        identity.function_name(function)
    )
}

fn document_input(
    valid: &ValidGateway,
    name: &str,
    (rest_api_id, default_endpoint_disabled): (&str, bool),
    identity: &GatewayIdentity,
) -> DocumentInput {
    DocumentInput {
        name: name.into(),
        region: valid.region.clone(),
        account_id: valid.account_id.clone(),
        rest_api_id: rest_api_id.into(),
        forwarder_arn: alias_arn(valid, identity, Function::Forwarder),
        authorizer_arn: alias_arn(valid, identity, Function::Authorizer),
        families: valid.families.clone(),
        cache_seconds: valid.cache_seconds,
        access: valid.access.clone(),
        default_endpoint_disabled,
    }
}

fn permission_sources(valid: &ValidGateway, rest_api_id: &str) -> BTreeMap<Function, String> {
    let partition = Partition::of(&valid.region).id;
    let api = format!("arn:{partition}:execute-api:{}:{}:{rest_api_id}", valid.region, valid.account_id);
    // An import gives authorizers new ids, so the authorizer's grant names all of this API's.
    BTreeMap::from([
        (Function::Forwarder, format!("{api}/*/*")),
        (Function::Authorizer, format!("{api}/authorizers/*")),
    ])
}
