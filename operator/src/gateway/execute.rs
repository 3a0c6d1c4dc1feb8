//! Carries out steps, in order, stopping at the first that fails. Makes no choices: a step says everything.

use aigw_api::AIGateway;
use aigw_cloud::{Cloud, CloudError};
use aigw_contract::table::{CONFIG_SK, GATEWAY_PK, OWNER_SK, PRICES_SK};
use aigw_plan::Class;
use aigw_plan::gateway::document::verify;
use aigw_plan::gateway::observed::{Document, Tags};
use aigw_plan::gateway::step::{GatewayStep, TaggedResource};
use kube::ResourceExt;
use serde::Serialize;

use super::identity;
use crate::context::Context;

/// Executes `steps`.
pub(super) async fn steps(
    context: &Context,
    cloud: &Cloud,
    gateway: &AIGateway,
    steps: &[GatewayStep],
) -> Result<(), CloudError> {
    let uid = gateway.uid().unwrap_or_default();
    let creations = &context.memory.creations;
    for step in steps {
        tracing::info!(step = %step, "executing");
        creations.begin(&uid, step);
        context.memory.configurations.note(&uid, step);
        let result = execute(context, cloud, step).await;
        creations.end(&uid, step, result.as_ref().map(Option::as_deref));
        if step.is_about_usage_plans_or_keys() {
            // Whether it worked or not: what the tenants' passes have listed is no longer known to be true.
            let identity = identity(context, gateway);
            context.memory.inventories.forget(&identity).await;
            if let (GatewayStep::DeleteApiKey { id, .. }, Ok(_)) = (step, &result) {
                context.memory.inventories.key_deleted(&identity, id).await;
            }
        }
        result?;
    }
    Ok(())
}

/// One step; gives the id AWS gave to a REST API or usage plan it made.
pub(crate) async fn execute(
    context: &Context,
    cloud: &Cloud,
    step: &GatewayStep,
) -> Result<Option<String>, CloudError> {
    use GatewayStep as S;
    match step {
        S::CreateTable { name, tags } => cloud.tables.create(name, tags).await?,
        S::EnableTimeToLive { table } => cloud.tables.enable_time_to_live(table).await?,
        S::EnablePointInTimeRecovery { table } => cloud.tables.enable_point_in_time_recovery(table).await?,
        S::SetDeletionProtection { table, enabled } => cloud.tables.set_deletion_protection(table, *enabled).await?,
        S::DeleteTable { name } => cloud.tables.delete(name).await?,
        S::ClaimOwnership { table, expected, record } => put(cloud, table, OWNER_SK, *expected, record).await?,
        S::WritePrices { table, expected, prices } => put(cloud, table, PRICES_SK, *expected, prices).await?,
        S::WriteConfig { table, expected, config } => put(cloud, table, CONFIG_SK, *expected, config).await?,
        S::ReleaseOwnership { table, expected } => {
            cloud.tables.delete_document(table, (GATEWAY_PK, OWNER_SK), *expected).await?;
        }
        S::CreateRole { name, path, trust, permissions_boundary, tags } => {
            cloud.roles.create(name, path, trust, permissions_boundary.as_deref(), tags).await?;
        }
        S::UpdateRoleTrust { name, trust } => cloud.roles.update_trust(name, trust).await?,
        S::PutRolePolicy { name, policy } => cloud.roles.put_policy(name, policy).await?,
        S::DeleteRole { name } => cloud.roles.delete(name).await?,
        S::CreateLogGroup { name, tags } => cloud.log_groups.create(name, tags).await?,
        S::SetRetention { name, days } => cloud.log_groups.set_retention(name, *days).await?,
        S::DeleteLogGroup { name } => cloud.log_groups.delete(name).await?,
        S::CreateRestApi { name, endpoint_type, vpc_endpoint_ids, tags } => {
            return cloud.rest_apis.create(name, endpoint_type, vpc_endpoint_ids, tags).await.map(Some);
        }
        S::CreateUsagePlan(plan) => return cloud.usage_plans.create(plan).await.map(Some),
        S::Tag { resource, tags } => tag(cloud, resource, tags).await?,
        S::CreateFunction(_)
        | S::UpdateFunctionConfiguration { .. }
        | S::UpdateFunctionCode { .. }
        | S::PublishVersion { .. }
        | S::PointAlias { .. }
        | S::DeleteVersion { .. }
        | S::AddPermission { .. }
        | S::RemovePermission { .. }
        | S::DeleteFunction { .. } => function(context, cloud, step).await?,
        S::PutDocument { .. }
        | S::VerifyDocument { .. }
        | S::CreateDeployment { .. }
        | S::DeleteDeployment { .. }
        | S::CreateStage { .. }
        | S::UpdateStage { .. }
        | S::SetAccessLog { .. }
        | S::DeleteStage { .. }
        | S::DeleteRestApi { .. }
        | S::UpdateUsagePlan { .. }
        | S::DeleteUsagePlan { .. }
        | S::DeleteApiKey { .. } => api(cloud, step).await?,
        S::CreateDomain(_)
        | S::UpdateDomain { .. }
        | S::DeleteDomain { .. }
        | S::CreateMapping { .. }
        | S::UpdateMapping { .. }
        | S::DeleteMapping { .. } => domain(cloud, step).await?,
    }
    Ok(None)
}

/// Writes a document about the gateway itself.
pub(super) async fn put<T: Serialize + Sync>(
    cloud: &Cloud,
    table: &str,
    sk: &str,
    expected: Option<i64>,
    content: &T,
) -> Result<(), CloudError> {
    let document = document(expected.unwrap_or(0) + 1, content)?;
    cloud.tables.put_document(table, (GATEWAY_PK, sk), expected, &document, None).await
}

/// A document with that counter.
pub(crate) fn document<T: Serialize>(version: i64, content: &T) -> Result<Document<String>, CloudError> {
    let content = serde_json::to_string(content)
        .map_err(|error| CloudError::new("dynamodb:PutItem", Class::Bug, "Serialize", error.to_string()))?;
    Ok(Document { version, content })
}

async fn tag(cloud: &Cloud, resource: &TaggedResource, tags: &Tags) -> Result<(), CloudError> {
    match resource {
        TaggedResource::RestApi(id) => cloud.rest_apis.tag(id, None, tags).await,
        TaggedResource::Stage(id, stage) => cloud.rest_apis.tag(id, Some(stage), tags).await,
        TaggedResource::UsagePlan(id) => cloud.usage_plans.tag(id, tags).await,
        TaggedResource::Function(arn) => cloud.functions.tag(arn, tags).await,
        TaggedResource::Role(name) => cloud.roles.tag(name, tags).await,
        TaggedResource::Table(name) => cloud.tables.tag(name, tags).await,
        TaggedResource::Domain(name) => cloud.domains.tag(name, tags).await,
    }
}

async fn function(context: &Context, cloud: &Cloud, step: &GatewayStep) -> Result<(), CloudError> {
    use GatewayStep as S;
    let code = |hash: &str| {
        let missing =
            || CloudError::new("lambda:CreateFunction", Class::Bug, "NoCode", "the planned code is not in this build");
        context.codes.by_hash(hash).ok_or_else(missing)
    };
    let functions = &cloud.functions;
    match step {
        S::CreateFunction(spec) => functions.create(spec, code(&spec.code_sha256)?).await,
        S::UpdateFunctionConfiguration { function, revision_id } => {
            functions.update_configuration(function, revision_id.as_deref()).await
        }
        S::UpdateFunctionCode { function, revision_id } => {
            functions.update_code(function, code(&function.code_sha256)?, revision_id.as_deref()).await
        }
        S::PublishVersion { name, code_sha256, description } => {
            functions.publish(name, code_sha256, description).await.map(drop)
        }
        S::PointAlias { name, target, create } => functions.point_alias(name, target, *create).await,
        S::DeleteVersion { name, version } => functions.delete_version(name, version).await,
        S::AddPermission { name, statement_id, source_arn } => {
            functions.add_permission(name, statement_id, source_arn).await
        }
        S::RemovePermission { name, statement_id } => functions.remove_permission(name, statement_id).await,
        S::DeleteFunction { name } => functions.delete(name).await,
        _ => unreachable!("execute() sends only steps about functions here"),
    }
}

async fn api(cloud: &Cloud, step: &GatewayStep) -> Result<(), CloudError> {
    use GatewayStep as S;
    let (apis, plans) = (&cloud.rest_apis, &cloud.usage_plans);
    match step {
        S::PutDocument { rest_api_id, body, .. } => apis.put_document(rest_api_id, body).await,
        S::VerifyDocument { rest_api_id, expectation } => {
            let findings = verify(expectation, &apis.imported(rest_api_id).await?);
            if findings.is_empty() {
                return Ok(());
            }
            let message =
                format!("not deployed, because the import is not what was asked for: {}", findings.join("; "));
            Err(CloudError::new("apigateway:PutRestApi", Class::Bug, "ImportDiffers", message))
        }
        S::CreateDeployment { rest_api_id, hash } => apis.create_deployment(rest_api_id, hash).await.map(drop),
        S::DeleteDeployment { rest_api_id, deployment_id } => apis.delete_deployment(rest_api_id, deployment_id).await,
        S::CreateStage { rest_api_id, stage, deployment_id, tags } => {
            apis.create_stage(rest_api_id, stage, deployment_id, tags).await
        }
        S::SetAccessLog { rest_api_id, stage, access_log } => {
            apis.set_access_log(rest_api_id, stage, access_log.as_ref()).await
        }
        S::UpdateStage { rest_api_id, stage, deployment_id, throttle } => {
            apis.update_stage(rest_api_id, stage, deployment_id.as_deref(), throttle.as_ref()).await
        }
        S::DeleteStage { rest_api_id, stage } => apis.delete_stage(rest_api_id, stage).await,
        S::DeleteRestApi { rest_api_id } => apis.delete(rest_api_id).await,
        S::UpdateUsagePlan { id, rate_limit, burst_limit, add_stages, remove_stages } => {
            plans.update(id, *rate_limit, *burst_limit, add_stages, remove_stages).await
        }
        S::DeleteUsagePlan { id, api_stages } => plans.delete(id, api_stages).await,
        S::DeleteApiKey { id, .. } => cloud.api_keys.delete(id).await,
        _ => unreachable!("execute() sends only steps about API Gateway here"),
    }
}

async fn domain(cloud: &Cloud, step: &GatewayStep) -> Result<(), CloudError> {
    use GatewayStep as S;
    let domains = &cloud.domains;
    match step {
        S::CreateDomain(spec) => domains.create(spec).await,
        S::UpdateDomain { name, certificate_arn, security_policy } => {
            domains.update(name, certificate_arn.as_deref(), security_policy.as_deref()).await
        }
        S::DeleteDomain { name } => domains.delete(name).await,
        S::CreateMapping { domain, base_path, rest_api_id, stage } => {
            domains.map(domain, base_path, rest_api_id, stage).await
        }
        S::UpdateMapping { domain, base_path, stage } => domains.remap(domain, base_path, stage).await,
        S::DeleteMapping { domain, base_path } => domains.unmap(domain, base_path).await,
        _ => unreachable!("execute() sends only steps about domains here"),
    }
}
