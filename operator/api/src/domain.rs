//! Custom domain names of a gateway, and what is told of them.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name of your own under which a Regional gateway is called.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// Name clients call, for example `ai.example.com`; no wildcard. The operator makes it in API Gateway and
    /// `status.domains` says where its DNS record has to lead. Clients are told the new URL once a probe came through it.
    /// A name or base path that is replaced goes on working for an hour after that.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])$')").message("name must be a domain name in lower case, such as ai.example.com"))]
    pub name: String,

    /// ARN of a certificate for that name in AWS Certificate Manager, in the gateway's Region and account.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$')").message("certificateArn must be the ARN of a certificate, such as arn:aws:acm:eu-central-1:111122223333:certificate/0a1b2c3d"))]
    pub certificate_arn: String,

    /// First part of the path, by which several gateways of one account and Region share a domain, for example `prod` for
    /// `https://ai.example.com/prod`. Default: none, the domain leads to this gateway alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9_-]*$')").message("basePath is one part of a path without slashes, of letters, digits, '-' and '_', such as prod"))]
    pub base_path: Option<String>,

    /// Oldest version of TLS and ciphers clients may use, by API Gateway's name of the policy: `TLS_1_2` or one of the
    /// Regional policies that begin with `SecurityPolicy_TLS13_`. Gateways that share a domain must agree on it and on the
    /// certificate. Default: `TLS_1_2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self == 'TLS_1_2' || self.matches('^SecurityPolicy_TLS13_[A-Za-z0-9_]+$') && !self.endsWith('_EDGE')").message("securityPolicy must be TLS_1_2 or a Regional policy of API Gateway such as SecurityPolicy_TLS13_1_2_2021_06"))]
    pub security_policy: Option<String>,
}

/// A URL of the gateway under a custom domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainStatus {
    /// Base URL; a family's name follows it.
    pub url: String,
    /// Name that the domain's DNS record has to lead to, as an alias or a CNAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Route 53 hosted zone of that name, for an alias record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_hosted_zone_id: Option<String>,
    /// When this URL stops working, because the spec no longer names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<String>,
}
