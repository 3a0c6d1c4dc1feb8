//! API Gateway custom domain names.

use std::sync::Arc;

use aigw_cloud::quotas::operation::{CREATE_DOMAIN_NAME, DELETE_DOMAIN_NAME, UPDATE_DOMAIN_NAME};
use aigw_cloud::{CloudError, Domains};
use aigw_contract::Partition;
use aigw_plan::gateway::domains::is_ours;
use aigw_plan::gateway::observed::{DomainState, ObservedDomain, ObservedMapping, Tags};
use aigw_plan::gateway::step::DomainSpec;
use async_trait::async_trait;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{
    DomainName, DomainNameStatus, EndpointAccessMode, EndpointConfiguration, EndpointType, SecurityPolicy,
};

use crate::api_keys::PAGE;
use crate::pages;
use crate::patch::Patch;
use crate::service::{Absence, Service};
use crate::tags::tag;

/// API Gateway's name of the root.
const ROOT: &str = "(none)";
/// Beginning of the policies that need an access mode as well ("Security policies for REST APIs in API Gateway").
const ENHANCED: &str = "SecurityPolicy_";

/// Custom domain names over the SDK.
pub struct GatewayDomains {
    gateway: Arc<Service<Client>>,
    arn_prefix: String,
}

impl GatewayDomains {
    pub fn new(gateway: Arc<Service<Client>>, region: &str) -> Self {
        let arn_prefix = format!("arn:{}:apigateway:{region}::/domainnames/", Partition::of(region).id);
        Self { gateway, arn_prefix }
    }
}

#[async_trait]
impl Domains for GatewayDomains {
    async fn list(&self, installation: &str, name: Option<&str>) -> Result<Vec<ObservedDomain>, CloudError> {
        let mut domains: Vec<ObservedDomain> = Vec::new();
        let ask = |position| {
            self.gateway.call("apigateway:GetDomainNames", move |gateway| {
                gateway.get_domain_names().limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            let found = page.items.unwrap_or_default().into_iter().filter_map(|item| observed(item, installation));
            domains.extend(found.filter(|domain| domain.ours || Some(domain.name.as_str()) == name));
            page.position
        })
        .await?;
        // A list may lag behind a creation; a look-up does not.
        if let Some(name) = name.filter(|name| domains.iter().all(|domain| domain.name != *name)) {
            let found = self
                .gateway
                .call("apigateway:GetDomainName", |gateway| gateway.get_domain_name().domain_name(name).send())
                .await
                .absent_as_none()?;
            domains.extend(found.and_then(|found| {
                let item = DomainName::builder()
                    .set_domain_name(found.domain_name)
                    .set_regional_domain_name(found.regional_domain_name)
                    .set_regional_hosted_zone_id(found.regional_hosted_zone_id)
                    .set_regional_certificate_arn(found.regional_certificate_arn)
                    .set_domain_name_status(found.domain_name_status)
                    .set_domain_name_status_message(found.domain_name_status_message)
                    .set_security_policy(found.security_policy)
                    .set_tags(found.tags);
                observed(item.build(), installation)
            }));
        }
        Ok(domains)
    }

    async fn mappings(&self, name: &str) -> Result<Vec<ObservedMapping>, CloudError> {
        let mut mappings = Vec::new();
        let mut position = None;
        loop {
            let page = self
                .gateway
                .call("apigateway:GetBasePathMappings", |gateway| {
                    gateway.get_base_path_mappings().domain_name(name).limit(PAGE).set_position(position.take()).send()
                })
                .await
                .absent_as_none()?;
            let Some(page) = page else { break };
            mappings.extend(page.items.unwrap_or_default().into_iter().filter_map(|mapping| {
                Some(ObservedMapping {
                    base_path: mapping.base_path.filter(|base_path| base_path != ROOT).unwrap_or_default(),
                    rest_api_id: mapping.rest_api_id?,
                    stage: mapping.stage.unwrap_or_default(),
                })
            }));
            position = page.position;
            if position.is_none() {
                break;
            }
        }
        mappings.sort();
        Ok(mappings)
    }

    async fn create(&self, domain: &DomainSpec) -> Result<(), CloudError> {
        let DomainSpec { name, certificate_arn, security_policy, tags } = domain;
        let endpoint = EndpointConfiguration::builder().types(EndpointType::Regional).build();
        let access_mode = security_policy.starts_with(ENHANCED).then_some(EndpointAccessMode::Basic);
        let tags = tags.clone().into_iter().collect();
        self.gateway
            .call(CREATE_DOMAIN_NAME, |gateway| {
                gateway
                    .create_domain_name()
                    .domain_name(name)
                    .regional_certificate_arn(certificate_arn)
                    .endpoint_configuration(endpoint)
                    .security_policy(SecurityPolicy::from(security_policy.as_str()))
                    .set_endpoint_access_mode(access_mode)
                    .set_tags(Some(tags))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn update(
        &self,
        name: &str,
        certificate_arn: Option<&str>,
        security_policy: Option<&str>,
    ) -> Result<(), CloudError> {
        let Some(operations) = domain_patch(certificate_arn, security_policy).into_operations() else { return Ok(()) };
        self.gateway
            .call(UPDATE_DOMAIN_NAME, |gateway| {
                gateway.update_domain_name().domain_name(name).set_patch_operations(Some(operations)).send()
            })
            .await
            .map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.gateway
            .call(DELETE_DOMAIN_NAME, |gateway| gateway.delete_domain_name().domain_name(name).send())
            .await
            .absent_is_done()
    }

    async fn map(&self, name: &str, base_path: &str, rest_api_id: &str, stage: &str) -> Result<(), CloudError> {
        self.gateway
            .call("apigateway:CreateBasePathMapping", |gateway| {
                gateway
                    .create_base_path_mapping()
                    .domain_name(name)
                    .base_path(named(base_path))
                    .rest_api_id(rest_api_id)
                    .stage(stage)
                    .send()
            })
            .await
            .map(drop)
    }

    async fn remap(&self, name: &str, base_path: &str, stage: &str) -> Result<(), CloudError> {
        let operations = Patch::default().replace(&["stage"], stage).into_operations();
        self.gateway
            .call("apigateway:UpdateBasePathMapping", |gateway| {
                gateway
                    .update_base_path_mapping()
                    .domain_name(name)
                    .base_path(named(base_path))
                    .set_patch_operations(operations)
                    .send()
            })
            .await
            .map(drop)
    }

    async fn unmap(&self, name: &str, base_path: &str) -> Result<(), CloudError> {
        self.gateway
            .call("apigateway:DeleteBasePathMapping", |gateway| {
                gateway.delete_base_path_mapping().domain_name(name).base_path(named(base_path)).send()
            })
            .await
            .absent_is_done()
    }

    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        tag(&self.gateway, format!("{}{name}", self.arn_prefix), tags).await
    }
}

const fn named(base_path: &str) -> &str {
    if base_path.is_empty() { ROOT } else { base_path }
}

/// A change to an enhanced policy has to name the access mode as well; one from it need not.
fn domain_patch(certificate_arn: Option<&str>, security_policy: Option<&str>) -> Patch {
    let mut patch = Patch::default();
    if let Some(arn) = certificate_arn {
        patch = patch.replace(&["regionalCertificateArn"], arn);
    }
    if let Some(policy) = security_policy {
        patch = patch.replace(&["securityPolicy"], policy);
        if policy.starts_with(ENHANCED) {
            patch = patch.replace(&["endpointAccessMode"], EndpointAccessMode::Basic.as_str());
        }
    }
    patch
}

fn observed(domain: DomainName, installation: &str) -> Option<ObservedDomain> {
    let name = domain.domain_name?;
    let tags: Tags = domain.tags.unwrap_or_default().into_iter().collect();
    let state = match domain.domain_name_status {
        // An emulator leaves the status out; AWS does not.
        None | Some(DomainNameStatus::Available) => DomainState::Available,
        Some(DomainNameStatus::Pending | DomainNameStatus::Updating) => DomainState::Pending,
        Some(other) => {
            let message = domain.domain_name_status_message.unwrap_or_default();
            DomainState::Failed(aigw_cloud::stable(format!("{} {message}", other.as_str()).trim()))
        }
    };
    Some(ObservedDomain {
        ours: is_ours(installation, &name, &tags),
        certificate_arn: domain.regional_certificate_arn.unwrap_or_default(),
        security_policy: domain.security_policy.map(|policy| policy.as_str().to_owned()).unwrap_or_default(),
        state,
        target: domain.regional_domain_name,
        target_hosted_zone_id: domain.regional_hosted_zone_id,
        mappings: Vec::new(),
        name,
        tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(certificate_arn: Option<&str>, security_policy: Option<&str>) -> Vec<(String, String)> {
        let operations = domain_patch(certificate_arn, security_policy).into_operations().unwrap_or_default();
        let parts = |operation: &aws_sdk_apigateway::types::PatchOperation| {
            (operation.path.clone().unwrap_or_default(), operation.value.clone().unwrap_or_default())
        };
        operations.iter().map(parts).collect()
    }

    #[test]
    fn a_change_names_what_changes_and_the_access_mode_where_the_policy_needs_one() {
        let pair = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        assert_eq!(patched(None, None), []);
        assert_eq!(patched(Some("arn"), None), [pair("/regionalCertificateArn", "arn")]);
        assert_eq!(patched(None, Some("TLS_1_2")), [pair("/securityPolicy", "TLS_1_2")]);
        let enhanced = "SecurityPolicy_TLS13_1_2_2021_06";
        let expected = [pair("/securityPolicy", enhanced), pair("/endpointAccessMode", "BASIC")];
        assert_eq!(patched(None, Some(enhanced)), expected);
    }

    #[test]
    fn states_that_need_a_person_carry_apis_word() {
        let of = |status: DomainNameStatus| {
            let domain = DomainName::builder().domain_name("a.b").domain_name_status(status);
            observed(domain.domain_name_status_message("do it").build(), "prod").map(|domain| domain.state)
        };
        assert_eq!(of(DomainNameStatus::Updating), Some(DomainState::Pending));
        assert_eq!(of(DomainNameStatus::Available), Some(DomainState::Available));
        let failed = Some(DomainState::Failed("PENDING_OWNERSHIP_VERIFICATION do it".into()));
        assert_eq!(of(DomainNameStatus::PendingOwnershipVerification), failed);
    }
}
