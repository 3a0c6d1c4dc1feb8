//! `AIGateway` and `Tenant`: the custom resources of group `aigateway.dev/v1alpha1`.
//!
//! Types only: no I/O and no client. Field docs become the CRDs' descriptions, so they are written for users. Shapes
//! are for ever (there is no conversion webhook): what may grow is a list of objects from the start. No schema
//! defaults: they would add fields that Git lacks and show as drift in GitOps tools; `aigw-plan` fills them in and
//! `status.effective` shows them.

mod access;
mod auth;
mod common;
pub mod conditions;
mod domain;
mod gateway;
mod gateway_status;
mod guardrails;
mod limits;
mod logs;
mod prices;
mod probe;
mod releases;
mod rules;
mod schema;
mod tenant;

pub use access::{
    EffectiveModels, EffectiveResource, ModelMatch, Residency, ResourceAccess, ResourceGrant, TenantModels,
};
pub use auth::{
    ApiKeyAuth, Auth, IdentityGrants, JwtAlgorithm, JwtGrant, JwtIdentity, JwtIssuer, ServiceAccountAuth,
    ServiceAccountCluster, ServiceAccountIdentity, TenantIdentities,
};
pub use common::{GROUP, NamedObject, VERSION, annotations, labels};
pub use domain::{Domain, DomainStatus};
pub use gateway::{
    AIGateway, AIGatewaySpec, Architecture, AuthorizerFunction, Bedrock, DeletionPolicy, Endpoint, EndpointType,
    Family, ForwarderFunction, Functions, Stage, Throttle, Tier,
};
pub use gateway_status::{
    AIGatewayStatus, EffectiveGateway, EffectiveTier, FunctionStatus, IssuerStatus, StageStatus, TenantsStatus,
    UsagePlanStatus,
};
pub use guardrails::MandatoryGuardrail;
pub use limits::{
    Budget, BudgetWindow, EffectiveBudget, EffectiveLimit, Enforcement, LimitCeilings, Limits, NamespaceLimits,
    OutputCeiling, OutputTokens, Premium, TenantBudget, TenantUsage, WindowUsage,
};
pub use logs::Logs;
pub use prices::{
    EffectivePrices, FailMode, GatewayModels, LongContextPrice, PriceOverride, TokenPrices, UnknownPrice, Unmetered,
    UnmeteredPolicy,
};
pub use probe::{EffectiveProbe, Probe, ProbeMode, SuspensionStatus};
pub use releases::{AbortOn, Canary, CanaryStatus, EffectiveReleases, RejectedStatus, ReleasePolicy, Releases};
pub use rules::{
    NamespaceCeilings, NamespaceMatch, NamespaceOrigin, RuleAllow, RuleCeilings, RuleDefaults, RuleMatch, TenantRule,
    Tenants,
};
pub use tenant::{
    ApiKey, CredentialStatus, CredentialsStatus, EffectiveTenant, GatewayRef, SecretGroup, Tenant, TenantSpec,
    TenantStatus,
};
