//! Carries out a tenant's steps, in order, stopping at the first that fails. Makes no choices.

use std::collections::BTreeMap;

use aigw_cloud::CloudError;
use aigw_contract::table::{IDENTITY_SK, POLICY_SK, identity_pk, tenant_pk};
use aigw_plan::Class;
use aigw_plan::tenant::step::TenantStep;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};

use super::Site;
use crate::context::Context;
use crate::gateway::document;
use crate::harness::Error;

/// Field manager of the Secret.
const FIELD_MANAGER: &str = "aigw-operator";

/// Executes `steps`; a Secret they make is `owner`'s. The outer error is Kubernetes', the inner one AWS's.
pub(crate) async fn steps(
    context: &Context,
    owner: &OwnerReference,
    site: &Site,
    steps: &[TenantStep],
) -> Result<Result<(), CloudError>, Error> {
    for step in steps {
        if let TenantStep::WriteSecret { namespace, name, create, data, labels } = step {
            tracing::info!(step = %step, "executing");
            write_secret(context, owner, (namespace, name), *create, data, labels).await?;
        } else if let Err(error) = cloud_steps(context, site, std::slice::from_ref(step)).await {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Executes steps that touch only AWS.
pub(crate) async fn cloud_steps(context: &Context, site: &Site, steps: &[TenantStep]) -> Result<(), CloudError> {
    for step in steps {
        tracing::info!(step = %step, "executing");
        let inventories = &context.memory.inventories;
        inventories.begin(&site.identity, step).await;
        let result = cloud_step(site, step).await;
        inventories.executed(&site.identity, step, result.as_ref().map(Option::as_deref)).await;
        result?;
    }
    Ok(())
}

/// One step; gives the id of a key it made.
async fn cloud_step(site: &Site, step: &TenantStep) -> Result<Option<String>, CloudError> {
    let cloud = &site.cloud;
    match step {
        TenantStep::CreateApiKey { name, value, tags } => {
            return cloud.api_keys.create(name, value, tags).await.map(Some);
        }
        TenantStep::EnableApiKey { id } => cloud.api_keys.set_enabled(id, true).await?,
        TenantStep::DisableApiKey { id } => cloud.api_keys.set_enabled(id, false).await?,
        TenantStep::ConfirmApiKey { key_id, usage_plan_id } => {
            if !cloud.api_keys.is_attached(key_id, usage_plan_id).await? {
                let message = "API Gateway does not tell of the tenant's new key in its usage plan yet";
                return Err(CloudError::new("apigateway:GetUsagePlanKey", Class::Eventual, "NotYet", message));
            }
        }
        TenantStep::AttachApiKey { key_id, usage_plan_id } => cloud.api_keys.attach(key_id, usage_plan_id).await?,
        TenantStep::DeleteApiKey { id, .. } => cloud.api_keys.delete(id).await?,
        TenantStep::ClaimIdentity { table, hash, expected, claim } => {
            let document = document(expected.unwrap_or(0) + 1, claim)?;
            cloud.tables.put_document(table, (&identity_pk(hash), IDENTITY_SK), *expected, &document, None).await?;
        }
        TenantStep::ReleaseIdentity { table, hash, expected, .. } => {
            cloud.tables.delete_document(table, (&identity_pk(hash), IDENTITY_SK), *expected).await?;
        }
        TenantStep::WritePolicy { table, tenant_id, expected, version, policy, expires } => {
            let document = document(*version, policy)?;
            let key = (tenant_pk(tenant_id), POLICY_SK);
            cloud.tables.put_document(table, (&key.0, key.1), *expected, &document, *expires).await?;
        }
        TenantStep::WriteMeter { table, tenant_id, head, expires } => {
            cloud.tables.set_meter(table, tenant_id, *head, *expires).await?;
        }
        TenantStep::WriteSecret { .. } => {
            let message = "a Secret is not AWS's to write";
            return Err(CloudError::new("kubernetes", Class::Bug, "WrongExecutor", message));
        }
    }
    Ok(None)
}

/// An owner that takes its Secrets along.
pub(crate) fn owner<K: Resource<DynamicType = ()>>(object: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

async fn write_secret(
    context: &Context,
    owner: &OwnerReference,
    (namespace, name): (&str, &str),
    create: bool,
    data: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".into()),
        data: Some(
            data.iter()
                .map(|(key, value)| (key.clone(), k8s_openapi::ByteString(value.clone().into_bytes())))
                .collect(),
        ),
        ..Secret::default()
    };
    if create {
        // Create and not apply: a Secret that somebody made in between is not ours to change.
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        api.create(&parameters, &secret).await.map_err(Error::kube("create the Secret"))?;
    } else {
        // Our own from here on: data is replaced, so that a variable of a group no longer asked for goes away.
        let patch = serde_json::json!([
            {"op": "test", "path": "/metadata/labels", "value": labels},
            {"op": "add", "path": "/data", "value": secret.data},
        ]);
        let patch =
            serde_json::from_value(patch).map_err(|source| Error::Serialize { what: "Secret patch", source })?;
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        api.patch(name, &parameters, &Patch::<()>::Json(patch)).await.map_err(Error::kube("update the Secret"))?;
    }
    Ok(())
}
