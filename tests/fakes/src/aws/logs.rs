//! CloudWatch Logs: groups.

use std::ops::Bound;

use aigw_cloud::{CloudError, LogGroups};
use aigw_plan::gateway::observed::{ObservedLogGroup, Tags};
use async_trait::async_trait;

use super::client::{Absence, Port};
use super::refusal::{Answer, Refusal};
use super::server::Context;
use super::state::AccountState;

/// Largest page.
const PAGE: usize = 50;
/// What a retention may be, in days.
const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Days events are kept; `None` is for ever.
    pub retention_days: Option<i32>,
    /// Tags.
    pub tags: Tags,
}

fn group<'a>(state: &'a mut AccountState, context: &Context<'_>, name: &str) -> Answer<&'a mut LogGroup> {
    let message = "The specified log group does not exist.";
    let absent = || Refusal::new(400, "ResourceNotFoundException", message);
    state.region(context.region).log_groups.get_mut(name).ok_or_else(absent)
}

/// Names and retentions of groups that begin with `prefix`, after `position`.
fn describe(
    state: &mut AccountState,
    context: &Context<'_>,
    prefix: &str,
    position: Option<&str>,
) -> Vec<(String, Option<i32>)> {
    let groups = &state.region(context.region).log_groups;
    let start = position.map_or(Bound::Included(prefix), Bound::Excluded);
    let range = groups.range::<str, _>((start, Bound::Unbounded));
    let range = range.take_while(|(name, _)| name.starts_with(prefix)).take(PAGE);
    range.map(|(name, group)| (name.clone(), group.retention_days)).collect()
}

/// Log groups.
pub(crate) struct LogGroupsPort(pub Port);

#[async_trait]
impl LogGroups for LogGroupsPort {
    async fn get(&self, name: &str) -> Result<Option<ObservedLogGroup>, CloudError> {
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let page = self
                .0
                .call("logs:DescribeLogGroups", name, |state, context| {
                    Ok(describe(state, context, name, from.as_deref()))
                })
                .await?;
            if let Some((_, retention_days)) = page.iter().find(|(found, _)| found == name) {
                return Ok(Some(ObservedLogGroup { retention_days: *retention_days }));
            }
            if page.len() < PAGE {
                return Ok(None);
            }
            position = page.into_iter().last().map(|(name, _)| name);
        }
    }

    async fn create(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        let created = self
            .0
            .call("logs:CreateLogGroup", name, |state, context| {
                let groups = &mut state.region(context.region).log_groups;
                if groups.contains_key(name) {
                    let message = "The specified log group already exists";
                    return Err(Refusal::new(400, "ResourceAlreadyExistsException", message));
                }
                groups.insert(name.to_owned(), LogGroup { retention_days: None, tags });
                Ok(())
            })
            .await;
        match created {
            Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
            other => other,
        }
    }

    async fn set_retention(&self, name: &str, days: i32) -> Result<(), CloudError> {
        self.0
            .call("logs:PutRetentionPolicy", name, |state, context| {
                let group = group(state, context, name)?;
                if !RETENTIONS.contains(&days) {
                    return Err(Refusal::new(400, "InvalidParameterException", "Invalid retention value"));
                }
                group.retention_days = Some(days);
                Ok(())
            })
            .await
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.0
            .call("logs:DeleteLogGroup", name, |state, context| {
                group(state, context, name)?;
                state.region(context.region).log_groups.remove(name);
                Ok(())
            })
            .await
            .absent_is_done()
    }
}
