//! Reads everything the gateway's plan compares. Look-ups only; independent ones run side by side.

use std::collections::{BTreeMap, BTreeSet};

use aigw_api::AIGateway;
use aigw_cloud::{Cloud, CloudError};
use aigw_contract::price::PriceList;
use aigw_contract::table::{CONFIG_SK, GATEWAY_PK, GatewayConfig, OWNER_SK, OwnerRecord, PRICES_SK};
use aigw_plan::gateway::observed::{Document, ObservedGateway, ObservedTable};
use aigw_plan::gateway::validate::ValidGateway;
use aigw_plan::{Class, Function, GatewayIdentity};
use futures::future::try_join_all;
use kube::ResourceExt;
use serde::de::DeserializeOwned;

use super::{domains, releases};
use crate::context::Context;

/// Everything of a gateway that is to be.
pub(super) async fn gateway(
    context: &Context,
    cloud: &Cloud,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
) -> Result<ObservedGateway, CloudError> {
    let own_roles =
        [(Function::Forwarder, &valid.forwarder_role_arn), (Function::Authorizer, &valid.authorizer_role_arn)]
            .into_iter()
            .filter_map(|(function, given)| given.is_none().then_some(function));
    let hint = hint(context, gateway);
    let mut observed = observe(cloud, identity, hint.as_deref(), own_roles, std::slice::from_ref(&valid.stage)).await?;
    observed.capacity = context.memory.capacities.of(cloud, &valid.region).await;
    observed.observed_at = context.clock.now().as_second();
    access_log(cloud, identity, valid, &mut observed).await?;
    context.memory.creations.complete(&gateway.uid().unwrap_or_default(), &mut observed);
    let elsewhere = domains::wanted_elsewhere(context, gateway);
    observed.domains = domains::look(cloud, &identity.installation, gateway, &elsewhere).await?;
    releases::look(cloud, identity, valid, &mut observed).await;
    Ok(observed)
}

/// Everything of a gateway that may be there, whatever its spec says.
pub(super) async fn remains(
    context: &Context,
    cloud: &Cloud,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
) -> Result<ObservedGateway, CloudError> {
    let recorded = gateway.status.iter().flat_map(|status| &status.stages).map(|stage| stage.name.clone());
    let mut stages: Vec<String> = gateway.spec.stages.iter().map(|stage| stage.name.clone()).chain(recorded).collect();
    stages.sort();
    stages.dedup();
    let hint = hint(context, gateway);
    let mut observed = observe(cloud, identity, hint.as_deref(), Function::ALL.into_iter(), &stages).await?;
    observed.access_log_group = cloud.log_groups.get(&identity.access_log_group()).await?;
    context.memory.creations.complete(&gateway.uid().unwrap_or_default(), &mut observed);
    observed.domains = domains::look(cloud, &identity.installation, gateway, &BTreeSet::new()).await?;
    Ok(observed)
}

/// Looks at what an access log needs, where there is to be one: others are spared two calls a pass.
pub(crate) async fn access_log(
    cloud: &Cloud,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
    observed: &mut ObservedGateway,
) -> Result<(), CloudError> {
    if valid.logs.access {
        let group = identity.access_log_group();
        (observed.access_log_group, observed.account_log_role) =
            tokio::try_join!(cloud.log_groups.get(&group), cloud.rest_apis.account_log_role())?;
    }
    Ok(())
}

fn hint(context: &Context, gateway: &AIGateway) -> Option<String> {
    let memo = context.memory.creations.rest_api(&gateway.uid().unwrap_or_default());
    memo.or_else(|| gateway.status.as_ref()?.rest_api_id.clone())
}

/// Looks: roles of `own_roles`, `stages` by name, everything else there is to a gateway.
pub(crate) async fn observe(
    cloud: &Cloud,
    identity: &GatewayIdentity,
    hint: Option<&str>,
    own_roles: impl Iterator<Item = Function>,
    stages: &[String],
) -> Result<ObservedGateway, CloudError> {
    let id = identity.id();
    let roles =
        by_function(own_roles, |function| async move { cloud.roles.get(&identity.function_name(function)).await });
    let log_groups = by_function(Function::ALL.into_iter(), |function| async move {
        cloud.log_groups.get(&format!("/aws/lambda/{}", identity.function_name(function))).await
    });
    let functions = by_function(Function::ALL.into_iter(), |function| async move {
        cloud.functions.get(&identity.function_name(function)).await
    });
    let (table, roles, log_groups, functions, rest_apis, usage_plans) = tokio::try_join!(
        table(cloud, identity),
        roles,
        log_groups,
        functions,
        cloud.rest_apis.find(&id, hint),
        cloud.usage_plans.list(&id),
    )?;
    let mut observed = ObservedGateway {
        roles,
        log_groups,
        functions,
        rest_apis,
        usage_plans: usage_plans.ours,
        usage_plans_in_account: usage_plans.in_account,
        ..ObservedGateway::default()
    };
    (observed.table, observed.owner, observed.config, observed.prices) = table;
    if let [api] = observed.rest_apis.as_slice() {
        let found = stages
            .iter()
            .map(|name| async { Ok(cloud.rest_apis.stage(&api.id, name).await?.map(|stage| (name.clone(), stage))) });
        let (deployments, stages) = tokio::try_join!(cloud.rest_apis.deployments(&api.id), try_join_all(found))?;
        observed.deployments = deployments;
        observed.stages = stages.into_iter().flatten().collect();
    }
    Ok(observed)
}

async fn by_function<T, F>(
    functions: impl Iterator<Item = Function>,
    look_up: impl Fn(Function) -> F,
) -> Result<BTreeMap<Function, T>, CloudError>
where
    F: Future<Output = Result<Option<T>, CloudError>>,
{
    let found = try_join_all(functions.map(|function| {
        let future = look_up(function);
        async move { Ok::<_, CloudError>(future.await?.map(|value| (function, value))) }
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

type Table = (
    Option<ObservedTable>,
    Option<Document<OwnerRecord>>,
    Option<Document<GatewayConfig>>,
    Option<Document<PriceList>>,
);

async fn table(cloud: &Cloud, identity: &GatewayIdentity) -> Result<Table, CloudError> {
    let name = identity.physical_name();
    let table = cloud.tables.get(&name).await?;
    if !table.as_ref().is_some_and(ObservedTable::usable) {
        return Ok((table, None, None, None));
    }
    let (owner, config, prices) = tokio::try_join!(
        document(cloud, &name, OWNER_SK),
        document(cloud, &name, CONFIG_SK),
        document(cloud, &name, PRICES_SK)
    )?;
    Ok((table, owner, config, prices))
}

async fn document<T: DeserializeOwned>(
    cloud: &Cloud,
    table: &str,
    sk: &str,
) -> Result<Option<Document<T>>, CloudError> {
    parse(cloud.tables.document(table, GATEWAY_PK, sk).await?)
}

/// Content of a document item. What is not ours to read is a defect, not an absence.
pub(crate) fn parse<T: DeserializeOwned>(
    document: Option<Document<String>>,
) -> Result<Option<Document<T>>, CloudError> {
    document
        .map(|Document { version, content }| {
            let content = serde_json::from_str(&content).map_err(|error| {
                CloudError::new("dynamodb:GetItem", Class::Bug, "MalformedDocument", error.to_string())
            })?;
            Ok(Document { version, content })
        })
        .transpose()
}
