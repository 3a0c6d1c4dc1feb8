//! Everything of one installation: the lists a sweep makes, one after the other as the adapter makes them.

use aigw_cloud::{CloudError, Estate};
use aigw_plan::Class;
use aigw_plan::gateway::observed::Tags;
use aigw_plan::identity::{TAG_ID, TAG_INSTALLATION, TAG_TENANT_ID};
use aigw_plan::sweep::{Kind, OwnedObject};
use async_trait::async_trait;

use super::client::Port;
use super::server::Context;
use super::state::AccountState;

/// First characters of every name the operator gives.
const PREFIX: &str = "aigw-";

/// Lists of every kind. API Gateway's pass its limiter.
pub(crate) struct EstatePort {
    pub api_gateway: Port,
    pub others: Port,
}

/// An object as listed, of whomever.
fn object(kind: Kind, id: &str, name: &str, tags: &Tags) -> (Tags, OwnedObject) {
    let tag = |name: &str| tags.get(name).cloned();
    let object = OwnedObject {
        kind,
        id: id.to_owned(),
        name: name.to_owned(),
        gateway_id: tag(TAG_ID).unwrap_or_default(),
        tenant_id: tag(TAG_TENANT_ID),
        api_stages: Vec::new(),
        created: None,
    };
    (tags.clone(), object)
}

type Listed = Vec<(Tags, OwnedObject)>;

/// Makes the calls about each object that a list without tags takes.
async fn asked(port: &Port, operations: &[&'static str], listed: Listed) -> Result<Listed, CloudError> {
    for (_, object) in &listed {
        for operation in operations {
            port.call(operation, &object.name, |_, _| Ok(())).await?;
        }
    }
    Ok(listed)
}

fn rest_apis(state: &mut AccountState, context: &Context<'_>) -> Listed {
    let apis = state.region(context.region).rest_apis.iter().filter(|(_, api)| context.listed(api.created));
    apis.map(|(id, api)| object(Kind::RestApi, id, &api.name, &api.tags)).collect()
}

fn usage_plans(state: &mut AccountState, context: &Context<'_>) -> Listed {
    let plans = state.region(context.region).usage_plans.iter().filter(|(_, plan)| context.listed(plan.created));
    let listed = plans.map(|(id, plan)| {
        let (tags, object) = object(Kind::UsagePlan, id, &plan.name, &plan.tags);
        (tags, OwnedObject { api_stages: plan.api_stages.iter().cloned().collect(), ..object })
    });
    listed.collect()
}

fn api_keys(state: &mut AccountState, context: &Context<'_>) -> Listed {
    let keys = state.region(context.region).api_keys.iter();
    let shown = keys.filter(|(_, key)| key.name.starts_with(PREFIX) && context.listed(key.created));
    shown.map(|(id, key)| object(Kind::ApiKey, id, &key.name, &key.tags)).collect()
}

fn functions(state: &mut AccountState, context: &Context<'_>) -> Listed {
    let functions = state.region(context.region).functions.iter().filter(|(name, _)| name.starts_with(PREFIX));
    functions.map(|(name, function)| object(Kind::Function, name, name, &function.tags)).collect()
}

fn roles(state: &mut AccountState, _: &Context<'_>) -> Listed {
    let roles = state.roles.iter().filter(|(_, role)| role.arn.contains(":role/aigw/"));
    roles.map(|(name, role)| object(Kind::Role, name, name, &role.tags)).collect()
}

fn log_groups(state: &mut AccountState, context: &Context<'_>) -> Listed {
    let groups = state.region(context.region).log_groups.iter();
    let ours = groups.filter(|(name, _)| name.starts_with("/aws/lambda/aigw-"));
    ours.map(|(name, group)| object(Kind::LogGroup, name, name, &group.tags)).collect()
}

fn tables(state: &mut AccountState, context: &Context<'_>) -> Listed {
    let tables = state.region(context.region).tables.iter().filter(|(name, _)| name.starts_with(PREFIX));
    tables.map(|(name, table)| object(Kind::Table, name, name, &table.tags)).collect()
}

#[async_trait]
impl Estate for EstatePort {
    async fn owned(&self, installation: &str) -> Result<Vec<OwnedObject>, CloudError> {
        let (gateway, others) = (&self.api_gateway, &self.others);
        let mut listed = gateway.call("apigateway:GetRestApis", "", |state, at| Ok(rest_apis(state, at))).await?;
        listed.extend(gateway.call("apigateway:GetUsagePlans", "", |state, at| Ok(usage_plans(state, at))).await?);
        listed.extend(gateway.call("apigateway:GetApiKeys", PREFIX, |state, at| Ok(api_keys(state, at))).await?);
        let found = others.call("lambda:ListFunctions", "", |state, at| Ok(functions(state, at))).await?;
        listed.extend(asked(others, &["lambda:ListTags"], found).await?);
        let found = match others.call("iam:ListRoles", "", |state, at| Ok(roles(state, at))).await {
            Err(error) if error.class == Class::Denied => Listed::new(),
            found => found?,
        };
        listed.extend(asked(others, &["iam:ListRoleTags"], found).await?);
        let found = others.call("logs:DescribeLogGroups", PREFIX, |state, at| Ok(log_groups(state, at))).await?;
        listed.extend(asked(others, &["logs:ListTagsForResource"], found).await?);
        let found = others.call("dynamodb:ListTables", "", |state, at| Ok(tables(state, at))).await?;
        listed.extend(asked(others, &["dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"], found).await?);
        let ours = |(tags, object): (Tags, OwnedObject)| {
            let tagged = tags.get(TAG_INSTALLATION).is_some_and(|tag| tag == installation);
            (tagged && !object.gateway_id.is_empty()).then_some(object)
        };
        Ok(listed.into_iter().filter_map(ours).collect())
    }
}
