//! The port to custom domain names of API Gateway.

use aigw_plan::gateway::observed::{ObservedDomain, ObservedMapping, Tags};
use aigw_plan::gateway::step::DomainSpec;
use async_trait::async_trait;

use crate::CloudError;

/// Custom domain names, and where their base paths lead. An empty base path is the root.
#[async_trait]
pub trait Domains: Send + Sync {
    /// The domains that carry the tags of `installation`, and the one called `name` whoever's it is. Their mappings are
    /// not looked up.
    async fn list(&self, installation: &str, name: Option<&str>) -> Result<Vec<ObservedDomain>, CloudError>;
    /// Where the base paths of a domain lead, sorted; none of an absent one.
    async fn mappings(&self, name: &str) -> Result<Vec<ObservedMapping>, CloudError>;
    /// Makes a Regional domain. A name that exists, in whichever account, is refused.
    async fn create(&self, domain: &DomainSpec) -> Result<(), CloudError>;
    /// Changes certificate, TLS policy, or both, in one call.
    async fn update(
        &self,
        name: &str,
        certificate_arn: Option<&str>,
        security_policy: Option<&str>,
    ) -> Result<(), CloudError>;
    /// Deletes a domain.
    async fn delete(&self, name: &str) -> Result<(), CloudError>;
    /// Lets a base path lead to a stage.
    async fn map(&self, name: &str, base_path: &str, rest_api_id: &str, stage: &str) -> Result<(), CloudError>;
    /// Lets a base path lead to another stage of the same API.
    async fn remap(&self, name: &str, base_path: &str, stage: &str) -> Result<(), CloudError>;
    /// Takes a base path away.
    async fn unmap(&self, name: &str, base_path: &str) -> Result<(), CloudError>;
    /// Writes tags.
    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError>;
}
