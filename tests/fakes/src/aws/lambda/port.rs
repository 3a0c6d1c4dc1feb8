//! The port to functions: the same calls as the adapter's.

use aigw_cloud::{CloudError, FunctionCode, Functions};
use aigw_plan::Class;
use aigw_plan::gateway::observed::{ObservedCanary, ObservedFunction, Tags};
use aigw_plan::gateway::step::{AliasTarget, FunctionSpec};
use async_trait::async_trait;

use super::{Alias, rules};
use crate::aws::client::{Absence, Port};

/// Functions.
pub(crate) struct FunctionsPort(pub Port);

#[async_trait]
impl Functions for FunctionsPort {
    async fn get(&self, name: &str) -> Result<Option<ObservedFunction>, CloudError> {
        let port = &self.0;
        let function = port.call("lambda:GetFunction", name, |state, context| rules::get(state, context, name)).await;
        let Some(mut function) = function.absent_as_none()? else { return Ok(None) };
        let versions = port
            .call("lambda:ListVersionsByFunction", name, |state, context| rules::versions(state, context, name))
            .await;
        function.versions = versions.absent_as_none()?.unwrap_or_default();
        let live = port.call("lambda:GetAlias", name, |state, context| rules::live(state, context, name)).await;
        if let Some(Alias { version, canary, description, permissions: _ }) = live.absent_as_none()? {
            let canary = canary.map(|(version, percent)| ObservedCanary { version: version.to_string(), percent });
            (function.live_version, function.canary) = (Some(version.to_string()), canary);
            function.release_note = description;
        }
        if function.live_version.is_some() {
            let permissions =
                port.call("lambda:GetPolicy", name, |state, context| rules::permissions(state, context, name)).await;
            function.permissions = permissions.absent_as_none()?.unwrap_or_default();
        }
        Ok(Some(function))
    }

    async fn create(&self, function: &FunctionSpec, code: &FunctionCode) -> Result<(), CloudError> {
        let (spec, sha256) = (function.clone(), code.sha256.clone());
        self.0
            .call("lambda:CreateFunction", &function.name, |state, context| rules::create(state, context, spec, sha256))
            .await
    }

    async fn update_configuration(&self, function: &FunctionSpec, revision_id: Option<&str>) -> Result<(), CloudError> {
        let spec = function.clone();
        self.0
            .call("lambda:UpdateFunctionConfiguration", &function.name, |state, context| {
                rules::update_configuration(state, context, spec, revision_id)
            })
            .await
    }

    async fn update_code(
        &self,
        function: &FunctionSpec,
        code: &FunctionCode,
        revision_id: Option<&str>,
    ) -> Result<(), CloudError> {
        let code = (function.name.as_str(), function.architecture.clone(), code.sha256.clone());
        self.0
            .call("lambda:UpdateFunctionCode", &function.name, |state, context| {
                rules::update_code(state, context, code, revision_id)
            })
            .await
    }

    async fn publish(&self, name: &str, code_sha256: &str, description: &str) -> Result<String, CloudError> {
        let request = (name, code_sha256, description.to_owned());
        self.0.call("lambda:PublishVersion", name, |state, context| rules::publish(state, context, request)).await
    }

    async fn point_alias(&self, name: &str, target: &AliasTarget, create: bool) -> Result<(), CloudError> {
        if create {
            self.0
                .call("lambda:CreateAlias", name, |state, context| rules::create_alias(state, context, name, target))
                .await
        } else {
            self.0
                .call("lambda:UpdateAlias", name, |state, context| rules::update_alias(state, context, name, target))
                .await
        }
    }

    async fn add_permission(&self, name: &str, statement_id: &str, source_arn: &str) -> Result<(), CloudError> {
        let statement = (statement_id.to_owned(), source_arn.to_owned());
        let added = self
            .0
            .call("lambda:AddPermission", name, |state, context| rules::add_permission(state, context, name, statement))
            .await;
        match added {
            Err(error) if error.code == "ResourceConflictException" && error.class == Class::Conflict => Ok(()),
            other => other,
        }
    }

    async fn remove_permission(&self, name: &str, statement_id: &str) -> Result<(), CloudError> {
        self.0
            .call("lambda:RemovePermission", name, |state, context| {
                rules::remove_permission(state, context, name, statement_id)
            })
            .await
            .absent_is_done()
    }

    async fn delete_version(&self, name: &str, version: &str) -> Result<(), CloudError> {
        self.0
            .call("lambda:DeleteFunction", &format!("{name}:{version}"), |state, context| {
                rules::delete_version(state, context, name, version)
            })
            .await
            .absent_is_done()
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.0
            .call("lambda:DeleteFunction", name, |state, context| rules::delete(state, context, name))
            .await
            .absent_is_done()
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0.call("lambda:TagResource", arn, |state, context| rules::tag(state, context, arn, tags)).await
    }
}
