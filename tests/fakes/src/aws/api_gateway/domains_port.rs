//! The port to custom domain names: the same calls as the adapter's.

use aigw_cloud::{CloudError, Domains};
use aigw_plan::gateway::observed::{ObservedDomain, ObservedMapping, Tags};
use aigw_plan::gateway::step::DomainSpec;
use async_trait::async_trait;

use super::domains;
use crate::aws::client::{Absence, Port};

/// Custom domain names.
pub(crate) struct DomainsPort(pub Port);

#[async_trait]
impl Domains for DomainsPort {
    async fn list(&self, installation: &str, name: Option<&str>) -> Result<Vec<ObservedDomain>, CloudError> {
        let mut found: Vec<ObservedDomain> = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let (items, next) = self
                .0
                .call("apigateway:GetDomainNames", "", |state, context| {
                    Ok(domains::list(state, context, installation, from.as_deref()))
                })
                .await?;
            found.extend(items.into_iter().filter(|domain| domain.ours || Some(domain.name.as_str()) == name));
            position = next;
            if position.is_none() {
                break;
            }
        }
        if let Some(name) = name.filter(|name| found.iter().all(|domain| domain.name != *name)) {
            let domain = self
                .0
                .call("apigateway:GetDomainName", name, |state, context| {
                    domains::get(state, context, installation, name)
                })
                .await
                .absent_as_none()?;
            found.extend(domain);
        }
        Ok(found)
    }

    async fn mappings(&self, name: &str) -> Result<Vec<ObservedMapping>, CloudError> {
        let found = self
            .0
            .call("apigateway:GetBasePathMappings", name, |state, context| domains::mappings(state, context, name))
            .await;
        Ok(found.absent_as_none()?.unwrap_or_default())
    }

    async fn create(&self, domain: &DomainSpec) -> Result<(), CloudError> {
        let spec = domain.clone();
        self.0
            .call("apigateway:CreateDomainName", &domain.name, |state, context| domains::create(state, context, spec))
            .await
    }

    async fn update(
        &self,
        name: &str,
        certificate_arn: Option<&str>,
        security_policy: Option<&str>,
    ) -> Result<(), CloudError> {
        let change = (certificate_arn.map(str::to_owned), security_policy.map(str::to_owned));
        self.0
            .call("apigateway:UpdateDomainName", name, |state, context| domains::update(state, context, name, change))
            .await
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.0
            .call("apigateway:DeleteDomainName", name, |state, context| domains::delete(state, context, name))
            .await
            .absent_is_done()
    }

    async fn map(&self, name: &str, base_path: &str, rest_api_id: &str, stage: &str) -> Result<(), CloudError> {
        let target = format!("{name}/{base_path}");
        self.0
            .call("apigateway:CreateBasePathMapping", &target, |state, context| {
                domains::map(state, context, (name, base_path), (rest_api_id, stage))
            })
            .await
    }

    async fn remap(&self, name: &str, base_path: &str, stage: &str) -> Result<(), CloudError> {
        let target = format!("{name}/{base_path}");
        self.0
            .call("apigateway:UpdateBasePathMapping", &target, |state, context| {
                domains::remap(state, context, (name, base_path), stage)
            })
            .await
    }

    async fn unmap(&self, name: &str, base_path: &str) -> Result<(), CloudError> {
        let target = format!("{name}/{base_path}");
        self.0
            .call("apigateway:DeleteBasePathMapping", &target, |state, context| {
                domains::unmap(state, context, name, base_path)
            })
            .await
            .absent_is_done()
    }

    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0.call("apigateway:TagResource", name, |state, context| domains::tag(state, context, name, tags)).await
    }
}
