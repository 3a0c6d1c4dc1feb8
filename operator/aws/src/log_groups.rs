//! CloudWatch Logs groups.

use aigw_cloud::{CloudError, LogGroups};
use aigw_plan::gateway::observed::{ObservedLogGroup, Tags};
use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;

use crate::service::{Absence, Service};

/// Log groups over the SDK.
pub struct CloudWatchLogGroups {
    logs: Service<Client>,
}

impl CloudWatchLogGroups {
    pub fn new(logs: Service<Client>) -> Self {
        Self { logs }
    }
}

#[async_trait]
impl LogGroups for CloudWatchLogGroups {
    async fn get(&self, name: &str) -> Result<Option<ObservedLogGroup>, CloudError> {
        // There is no look-up by name, only by prefix.
        let mut token = None;
        loop {
            let page = self
                .logs
                .call("logs:DescribeLogGroups", |logs| {
                    logs.describe_log_groups().log_group_name_prefix(name).set_next_token(token.take()).send()
                })
                .await?;
            for group in page.log_groups.unwrap_or_default() {
                if group.log_group_name() == Some(name) {
                    return Ok(Some(ObservedLogGroup { retention_days: group.retention_in_days }));
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn create(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone().into_iter().collect();
        let created = self
            .logs
            .call("logs:CreateLogGroup", |logs| {
                logs.create_log_group().log_group_name(name).set_tags(Some(tags)).send()
            })
            .await;
        match created {
            Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
            other => other.map(drop),
        }
    }

    async fn set_retention(&self, name: &str, days: i32) -> Result<(), CloudError> {
        self.logs
            .call("logs:PutRetentionPolicy", |logs| {
                logs.put_retention_policy().log_group_name(name).retention_in_days(days).send()
            })
            .await
            .map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.logs
            .call("logs:DeleteLogGroup", |logs| logs.delete_log_group().log_group_name(name).send())
            .await
            .absent_is_done()
    }
}
