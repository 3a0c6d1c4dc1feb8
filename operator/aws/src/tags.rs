//! Tags of what API Gateway holds, which one call writes whatever they are on.

use aigw_cloud::CloudError;
use aigw_plan::gateway::observed::Tags;
use aws_sdk_apigateway::Client;

use crate::service::Service;

/// Adds `tags` to what `arn` names, and changes those that it has.
pub async fn tag(gateway: &Service<Client>, arn: String, tags: &Tags) -> Result<(), CloudError> {
    let tags = tags.clone().into_iter().collect();
    gateway
        .call("apigateway:TagResource", |gateway| gateway.tag_resource().resource_arn(arn).set_tags(Some(tags)).send())
        .await
        .map(drop)
}
