//! Everything of an installation in one Region, by listing every kind the operator makes.
//!
//! API Gateway's lists carry tags; elsewhere names or paths narrow the list and each object is asked for its tags.

use std::sync::Arc;

use aigw_cloud::{CloudError, Estate};
use aigw_plan::Class;
use aigw_plan::gateway::observed::Tags;
use aigw_plan::identity::{ROLE_PATH, TAG_ID, TAG_INSTALLATION, TAG_TENANT_ID};
use aigw_plan::sweep::{Kind, OwnedObject};
use async_trait::async_trait;

use crate::api_keys::PAGE;
use crate::pages;
use crate::service::{Absence, Service};

/// First characters of every name the operator gives.
const NAME_PREFIX: &str = "aigw-";
/// And of its functions' log groups.
const LOG_GROUP_PREFIX: &str = "/aws/lambda/aigw-";

/// Lists over the SDK.
pub struct AwsEstate {
    pub gateway: Arc<Service<aws_sdk_apigateway::Client>>,
    pub lambda: Service<aws_sdk_lambda::Client>,
    pub iam: Service<aws_sdk_iam::Client>,
    pub logs: Service<aws_sdk_cloudwatchlogs::Client>,
    pub dynamodb: Service<aws_sdk_dynamodb::Client>,
}

/// An object with its tags, of whomever.
struct Listed {
    kind: Kind,
    id: String,
    name: String,
    tags: Tags,
    api_stages: Vec<(String, String)>,
    created: Option<i64>,
}

impl Listed {
    /// One whose id is its name.
    fn named(kind: Kind, name: String, tags: Tags, created: Option<i64>) -> Self {
        Self { kind, id: name.clone(), name, tags, api_stages: Vec::new(), created }
    }

    fn owned_by(self, installation: &str) -> Option<OwnedObject> {
        let Self { kind, id, name, mut tags, api_stages, created } = self;
        let ours = tags.get(TAG_INSTALLATION).is_some_and(|tag| tag == installation);
        let gateway_id = tags.remove(TAG_ID).filter(|_| ours)?;
        Some(OwnedObject { kind, id, name, gateway_id, tenant_id: tags.remove(TAG_TENANT_ID), api_stages, created })
    }
}

/// The installation's among what was listed. Judged page by page: ten thousand keys with all their tags are more than the
/// operator needs for anything else.
struct Owned<'a> {
    installation: &'a str,
    objects: Vec<OwnedObject>,
}

impl Extend<Listed> for Owned<'_> {
    fn extend<T: IntoIterator<Item = Listed>>(&mut self, page: T) {
        self.objects.extend(page.into_iter().filter_map(|listed| listed.owned_by(self.installation)));
    }
}

#[async_trait]
impl Estate for AwsEstate {
    async fn owned(&self, installation: &str) -> Result<Vec<OwnedObject>, CloudError> {
        // One after the other: nobody waits for a sweep, and API Gateway's quota is small.
        let mut owned = Owned { installation, objects: Vec::new() };
        self.rest_apis(&mut owned).await?;
        self.usage_plans(&mut owned).await?;
        self.api_keys(&mut owned).await?;
        self.functions(&mut owned).await?;
        self.roles(&mut owned).await?;
        self.log_groups(&mut owned).await?;
        self.tables(&mut owned).await?;
        Ok(owned.objects)
    }
}

impl AwsEstate {
    async fn rest_apis(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let ask = |position| {
            self.gateway.call("apigateway:GetRestApis", move |gateway| {
                gateway.get_rest_apis().limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            owned.extend(page.items.unwrap_or_default().into_iter().filter_map(|api| {
                Some(Listed {
                    kind: Kind::RestApi,
                    id: api.id?,
                    name: api.name.unwrap_or_default(),
                    tags: api.tags.unwrap_or_default().into_iter().collect(),
                    api_stages: Vec::new(),
                    created: api.created_date.map(|date| date.secs()),
                })
            }));
            page.position
        })
        .await
    }

    async fn usage_plans(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let ask = |position| {
            self.gateway.call("apigateway:GetUsagePlans", move |gateway| {
                gateway.get_usage_plans().limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            owned.extend(page.items.unwrap_or_default().into_iter().filter_map(|plan| {
                let stages = plan.api_stages.unwrap_or_default().into_iter();
                Some(Listed {
                    kind: Kind::UsagePlan,
                    id: plan.id?,
                    name: plan.name.unwrap_or_default(),
                    tags: plan.tags.unwrap_or_default().into_iter().collect(),
                    api_stages: stages.filter_map(|stage| Some((stage.api_id?, stage.stage?))).collect(),
                    created: None,
                })
            }));
            page.position
        })
        .await
    }

    async fn api_keys(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let ask = |position| {
            self.gateway.call("apigateway:GetApiKeys", move |gateway| {
                gateway
                    .get_api_keys()
                    .name_query(NAME_PREFIX)
                    .include_values(false)
                    .limit(PAGE)
                    .set_position(position)
                    .send()
            })
        };
        pages::each(ask, |page| {
            owned.extend(page.items.unwrap_or_default().into_iter().filter_map(|key| {
                Some(Listed {
                    kind: Kind::ApiKey,
                    id: key.id?,
                    name: key.name.unwrap_or_default(),
                    tags: key.tags.unwrap_or_default().into_iter().collect(),
                    api_stages: Vec::new(),
                    created: key.created_date.map(|date| date.secs()),
                })
            }));
            page.position
        })
        .await
    }

    async fn functions(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let mut marker = None;
        loop {
            let page = self
                .lambda
                .call("lambda:ListFunctions", |lambda| lambda.list_functions().set_marker(marker.take()).send())
                .await?;
            for function in page.functions.unwrap_or_default() {
                let (Some(name), Some(arn)) = (function.function_name, function.function_arn) else { continue };
                if !name.starts_with(NAME_PREFIX) {
                    continue;
                }
                let answer = self
                    .lambda
                    .call("lambda:ListTags", |lambda| lambda.list_tags().resource(arn).send())
                    .await
                    .absent_as_none()?;
                if let Some(answer) = answer {
                    let tags = answer.tags.unwrap_or_default().into_iter().collect();
                    // Lambda tells when a function was changed, not when it was made.
                    owned.extend([Listed::named(Kind::Function, name, tags, None)]);
                }
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(());
            }
        }
    }

    async fn roles(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let mut marker = None;
        loop {
            let page = self
                .iam
                .call("iam:ListRoles", |iam| iam.list_roles().path_prefix(ROLE_PATH).set_marker(marker.take()).send())
                .await;
            let page = match page {
                // Where the platform gives all roles, the operator has no rights in IAM, and no roles to be found.
                Err(error) if error.class == Class::Denied => return Ok(()),
                page => page?,
            };
            for role in page.roles {
                if let Some(tags) = self.role_tags(&role.role_name).await? {
                    owned.extend([Listed::named(Kind::Role, role.role_name, tags, Some(role.create_date.secs()))]);
                }
            }
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(());
            }
        }
    }

    async fn role_tags(&self, name: &str) -> Result<Option<Tags>, CloudError> {
        let mut tags = Tags::new();
        let mut marker = None;
        loop {
            let page = self
                .iam
                .call("iam:ListRoleTags", |iam| iam.list_role_tags().role_name(name).set_marker(marker.take()).send())
                .await
                .absent_as_none()?;
            let Some(page) = page else { return Ok(None) };
            tags.extend(page.tags.into_iter().map(|tag| (tag.key, tag.value)));
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(Some(tags));
            }
        }
    }

    async fn log_groups(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let mut token = None;
        loop {
            let page = self
                .logs
                .call("logs:DescribeLogGroups", |logs| {
                    logs.describe_log_groups()
                        .log_group_name_prefix(LOG_GROUP_PREFIX)
                        .set_next_token(token.take())
                        .send()
                })
                .await?;
            for group in page.log_groups.unwrap_or_default() {
                let (Some(name), Some(arn)) = (group.log_group_name, group.log_group_arn.or(group.arn)) else {
                    continue;
                };
                // The older of its two ARNs ends in a pattern, which this call refuses.
                let arn = arn.trim_end_matches(":*");
                let answer = self
                    .logs
                    .call("logs:ListTagsForResource", |logs| logs.list_tags_for_resource().resource_arn(arn).send())
                    .await
                    .absent_as_none()?;
                if let Some(answer) = answer {
                    let tags = answer.tags.unwrap_or_default().into_iter().collect();
                    let created = group.creation_time.map(|milliseconds| milliseconds / 1000);
                    owned.extend([Listed::named(Kind::LogGroup, name, tags, created)]);
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn tables(&self, owned: &mut Owned<'_>) -> Result<(), CloudError> {
        let mut start = None;
        loop {
            let page = self
                .dynamodb
                .call("dynamodb:ListTables", |dynamodb| {
                    dynamodb.list_tables().set_exclusive_start_table_name(start.take()).send()
                })
                .await?;
            for name in page.table_names.unwrap_or_default() {
                if name.starts_with(NAME_PREFIX) {
                    owned.extend(self.table(name).await?);
                }
            }
            start = page.last_evaluated_table_name;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    async fn table(&self, name: String) -> Result<Option<Listed>, CloudError> {
        let answer = self
            .dynamodb
            .call("dynamodb:DescribeTable", |dynamodb| dynamodb.describe_table().table_name(&name).send())
            .await
            .absent_as_none()?;
        let Some(table) = answer.and_then(|answer| answer.table) else { return Ok(None) };
        let Some(arn) = table.table_arn else { return Ok(None) };
        let mut tags = Tags::new();
        let mut token = None;
        loop {
            let page = self
                .dynamodb
                .call("dynamodb:ListTagsOfResource", |dynamodb| {
                    dynamodb.list_tags_of_resource().resource_arn(&arn).set_next_token(token.take()).send()
                })
                .await
                .absent_as_none()?;
            let Some(page) = page else { return Ok(None) };
            tags.extend(page.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
            token = page.next_token;
            if token.is_none() {
                let created = table.creation_date_time.map(|date| date.secs());
                return Ok(Some(Listed::named(Kind::Table, name, tags, created)));
            }
        }
    }
}

#[cfg(test)]
#[path = "estate_tests.rs"]
mod tests;
