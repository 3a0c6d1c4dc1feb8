//! How clients of a gateway prove who they are, and which identities tenants ask for and rules grant.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How clients prove who they are.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Credentials issued by the operator into the tenants' Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<ApiKeyAuth>,
    /// Identity providers whose JSON Web Tokens are accepted as bearer credentials. Which tenant a token belongs to is
    /// decided by a claim: see `tenants.rules[].allow.identities` and a Tenant's `identities`. The operator reads the
    /// providers' keys every ten minutes; the gateway itself needs no connection to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub jwt: Vec<JwtIssuer>,
    /// ServiceAccount tokens as bearer credentials: a workload then needs no Secret. Default: not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_accounts: Option<ServiceAccountAuth>,
    /// Seconds API Gateway may reuse an authorizer's answer for the same credential. 0 asks every time. An expired,
    /// revoked or suspended credential is refused at once all the same, because every call is checked again.
    /// Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub cache_seconds: Option<i32>,
}

/// Credentials issued by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyAuth {
    /// Whether tenants get a credential in a Secret.
    pub enabled: bool,
}

/// An identity provider.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JwtIssuer {
    /// Name that rules and tenants refer to. An identity belongs to a tenant by this name: to give it to another
    /// provider is to give that provider's users the tenants' access.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("an issuer's name has lower-case letters, digits and '-' only, and begins and ends with a letter or digit"))]
    pub name: String,
    /// Exact value of the tokens' claim `iss`: an https URL, with a slash at its end only if the claim has one. Keys
    /// are found through its discovery document, at `/.well-known/openid-configuration` below it.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/:%-]*)?$')").message("issuer must be an https URL without user, query and fragment, exactly as the claim iss has it"))]
    pub issuer: String,
    /// URL of the provider's key set (JWKS), for a provider without a discovery document. Default: from discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/:%-]*)?([?][A-Za-z0-9._~/:%&=+-]*)?$')").message("jwksUri must be an https URL without user and fragment"))]
    pub jwks_uri: Option<String>,
    /// A token must be for one of these: its claim `aud` must name it. Use a name that stands for this gateway alone,
    /// else tokens that were made for another service open it.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,
    /// Signature algorithms its tokens may have. Default: RS256 and ES256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 9))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub algorithms: Vec<JwtAlgorithm>,
}

/// A signature algorithm. There is no symmetric one: whoever can check such a token can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    /// RSA PKCS #1 with SHA-256.
    RS256,
    /// RSA PKCS #1 with SHA-384.
    RS384,
    /// RSA PKCS #1 with SHA-512.
    RS512,
    /// RSA-PSS with SHA-256.
    PS256,
    /// RSA-PSS with SHA-384.
    PS384,
    /// RSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

/// ServiceAccount tokens as credentials.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountAuth {
    /// Clusters whose ServiceAccounts may be tenants' identities. One for now: the operator's own, named `local`.
    #[schemars(length(min = 1, max = 1))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub clusters: Vec<ServiceAccountCluster>,
}

/// A cluster whose ServiceAccount tokens are accepted. Its issuer and keys are read from its apiserver.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountCluster {
    /// Name of the cluster: `local`, the one the operator runs in.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self == 'local'").message("the only cluster is the operator's own, named local"))]
    pub name: String,
    /// Audience that workloads ask for in their projected token (`serviceAccountToken.audience`). Not the
    /// apiserver's own: a token for the gateway should open nothing else.
    #[schemars(length(min = 1, max = 256))]
    pub audience: String,
}

/// Identities whose tokens are a tenant's credentials.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantIdentities {
    /// ServiceAccounts of the tenant's own namespace whose tokens are accepted. The gateway must accept ServiceAccount
    /// tokens. An identity belongs to one tenant of a gateway: the first to ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub service_accounts: Vec<ServiceAccountIdentity>,
    /// Claims of tokens that are accepted: whoever's token has one of them calls as this tenant. A rule of the gateway
    /// must grant each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["issuer".into(), "claim".into(), "value".into()]))]
    pub jwt: Vec<JwtIdentity>,
}

/// A ServiceAccount of the tenant's own namespace.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountIdentity {
    /// Name of the ServiceAccount.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')").message("name must be the name of a ServiceAccount of the tenant's own namespace, such as default"))]
    pub name: String,
}

/// A claim with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JwtIdentity {
    /// Name of an issuer in the gateway's `auth.jwt`.
    #[schemars(length(min = 1, max = 40))]
    pub issuer: String,
    /// Claim that must have the value, or be a list with it. A name, such as `groups`, or a JSON pointer, such as
    /// `/realm_access/roles`.
    #[schemars(length(min = 1, max = 256))]
    pub claim: String,
    /// The exact value.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
}

/// Identities that tenants under a rule may ask for. ServiceAccounts of a tenant's own namespace need no grant.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityGrants {
    /// Claims of tokens. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["issuer".into(), "claim".into()]))]
    pub jwt: Vec<JwtGrant>,
}

/// Values of a claim that tenants under a rule may ask for.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtGrant {
    /// Name of an issuer in `auth.jwt`.
    #[schemars(length(min = 1, max = 40))]
    pub issuer: String,
    /// The claim, as tenants have to name it.
    #[schemars(length(min = 1, max = 256))]
    pub claim: String,
    /// Values, with `*` for any characters, such as `team-*`.
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub values: Vec<String>,
}
