//! Lambda functions, their versions, and the alias `live` with its permissions.

use aigw_cloud::{CloudError, FunctionCode, Functions};
use aigw_plan::Class;
use aigw_plan::gateway::observed::{
    FunctionState, ObservedCanary, ObservedFunction, ObservedPermission, ObservedVersion, Tags,
};
use aigw_plan::gateway::step::{AliasTarget, FunctionSpec};
use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Architecture, Environment, FunctionConfiguration, LastUpdateStatus, LogFormat,
    LoggingConfig, Runtime, State,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::service::{Absence, Service, incomplete};

/// The alias API Gateway calls.
const ALIAS: &str = "live";
/// The functions are plain executables.
const RUNTIME: Runtime = Runtime::Providedal2023;
/// Name of the executable in the zip.
const HANDLER: &str = "bootstrap";
/// The version that is always there and never served.
const LATEST: &str = "$LATEST";

/// Functions over the SDK.
pub struct LambdaFunctions {
    lambda: Service<Client>,
}

impl LambdaFunctions {
    pub fn new(lambda: Service<Client>) -> Self {
        Self { lambda }
    }

    /// Published versions, oldest first.
    async fn versions(&self, name: &str) -> Result<Vec<ObservedVersion>, CloudError> {
        let mut versions = Vec::new();
        let mut marker = None;
        loop {
            let page = self
                .lambda
                .call("lambda:ListVersionsByFunction", |lambda| {
                    lambda.list_versions_by_function().function_name(name).set_marker(marker.take()).send()
                })
                .await
                .absent_as_none()?;
            let Some(page) = page else { break };
            versions.extend(page.versions.unwrap_or_default().into_iter().filter_map(|version| {
                Some(ObservedVersion {
                    version: version.version.filter(|number| number != LATEST)?,
                    description: version.description.unwrap_or_default(),
                    code_sha256: version.code_sha256.unwrap_or_default(),
                    role_arn: version.role.unwrap_or_default(),
                    published: version.last_modified.as_deref().and_then(seconds).unwrap_or_default(),
                })
            }));
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                break;
            }
        }
        versions.sort_by_key(|version| version.version.parse::<u64>().unwrap_or_default());
        Ok(versions)
    }

    async fn alias(&self, name: &str) -> Result<Option<GetAliasOutput>, CloudError> {
        self.lambda
            .call("lambda:GetAlias", |lambda| lambda.get_alias().function_name(name).name(ALIAS).send())
            .await
            .absent_as_none()
    }

    async fn permissions(&self, name: &str) -> Result<Vec<ObservedPermission>, CloudError> {
        let policy = self
            .lambda
            .call("lambda:GetPolicy", |lambda| lambda.get_policy().function_name(name).qualifier(ALIAS).send())
            .await
            .absent_as_none()?;
        Ok(policy.and_then(|policy| policy.policy).map(|policy| statements(&policy)).unwrap_or_default())
    }
}

#[async_trait]
impl Functions for LambdaFunctions {
    async fn get(&self, name: &str) -> Result<Option<ObservedFunction>, CloudError> {
        const GET_FUNCTION: &str = "lambda:GetFunction";
        let answer = self
            .lambda
            .call(GET_FUNCTION, |lambda| lambda.get_function().function_name(name).send())
            .await
            .absent_as_none()?;
        let Some(answer) = answer else { return Ok(None) };
        let configuration = answer.configuration.ok_or_else(|| incomplete(GET_FUNCTION, "configuration"))?;
        let versions = self.versions(name).await?;
        let alias = self.alias(name).await?;
        // Without the alias there is no policy of the alias.
        let permissions = if alias.is_some() { self.permissions(name).await? } else { Vec::new() };
        let state = state(&configuration);
        Ok(Some(ObservedFunction {
            arn: configuration.function_arn.ok_or_else(|| incomplete(GET_FUNCTION, "ARN"))?,
            state,
            role_arn: configuration.role.unwrap_or_default(),
            architecture: configuration
                .architectures
                .and_then(|architectures| architectures.into_iter().next())
                .unwrap_or(Architecture::X8664)
                .as_str()
                .to_owned(),
            memory_mib: configuration.memory_size.unwrap_or_default(),
            timeout_seconds: configuration.timeout.unwrap_or_default(),
            environment: configuration
                .environment
                .and_then(|environment| environment.variables)
                .unwrap_or_default()
                .into_iter()
                .collect(),
            code_sha256: configuration.code_sha256.unwrap_or_default(),
            revision_id: configuration.revision_id,
            tags: answer.tags.unwrap_or_default().into_iter().collect(),
            versions,
            live_version: alias.as_ref().and_then(|alias| alias.function_version.clone()),
            canary: alias.as_ref().and_then(canary),
            release_note: alias.and_then(|alias| alias.description).unwrap_or_default(),
            permissions,
        }))
    }

    async fn create(&self, function: &FunctionSpec, code: &FunctionCode) -> Result<(), CloudError> {
        const OPERATION: &str = "lambda:CreateFunction";
        let zip = zip(OPERATION, code)?;
        let code = aws_sdk_lambda::types::FunctionCode::builder().zip_file(zip).build();
        self.lambda
            .call(OPERATION, |lambda| {
                lambda
                    .create_function()
                    .function_name(&function.name)
                    .role(&function.role_arn)
                    .runtime(RUNTIME)
                    .handler(HANDLER)
                    .architectures(Architecture::from(function.architecture.as_str()))
                    .memory_size(function.memory_mib)
                    .timeout(function.timeout_seconds)
                    .environment(environment(function))
                    .logging_config(logging(function))
                    .set_tags(Some(function.tags.clone().into_iter().collect()))
                    .code(code)
                    .publish(false)
                    .send()
            })
            .await
            .map(drop)
    }

    async fn update_configuration(&self, function: &FunctionSpec, revision_id: Option<&str>) -> Result<(), CloudError> {
        self.lambda
            .call("lambda:UpdateFunctionConfiguration", |lambda| {
                lambda
                    .update_function_configuration()
                    .function_name(&function.name)
                    .role(&function.role_arn)
                    .runtime(RUNTIME)
                    .handler(HANDLER)
                    .memory_size(function.memory_mib)
                    .timeout(function.timeout_seconds)
                    .environment(environment(function))
                    .logging_config(logging(function))
                    .set_revision_id(revision_id.map(str::to_owned))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn update_code(
        &self,
        function: &FunctionSpec,
        code: &FunctionCode,
        revision_id: Option<&str>,
    ) -> Result<(), CloudError> {
        const OPERATION: &str = "lambda:UpdateFunctionCode";
        let zip = zip(OPERATION, code)?;
        self.lambda
            .call(OPERATION, |lambda| {
                lambda
                    .update_function_code()
                    .function_name(&function.name)
                    .architectures(Architecture::from(function.architecture.as_str()))
                    .zip_file(zip)
                    .publish(false)
                    .set_revision_id(revision_id.map(str::to_owned))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn publish(&self, name: &str, code_sha256: &str, description: &str) -> Result<String, CloudError> {
        const OPERATION: &str = "lambda:PublishVersion";
        let version = self
            .lambda
            .call(OPERATION, |lambda| {
                lambda.publish_version().function_name(name).code_sha256(code_sha256).description(description).send()
            })
            .await?;
        version.version.ok_or_else(|| incomplete(OPERATION, "version"))
    }

    async fn point_alias(&self, name: &str, target: &AliasTarget, create: bool) -> Result<(), CloudError> {
        let AliasTarget { version, canary, note } = target;
        // Always there, because to leave it out leaves the weights as they are.
        let weights = canary.iter().map(|canary| (canary.version.clone(), f64::from(canary.percent) / 100.0)).collect();
        let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
        if create {
            let created = self.lambda.call("lambda:CreateAlias", |lambda| {
                let alias = lambda.create_alias().function_name(name).name(ALIAS).function_version(version);
                alias.description(note).routing_config(routing).send()
            });
            created.await.map(drop)
        } else {
            let updated = self.lambda.call("lambda:UpdateAlias", |lambda| {
                let alias = lambda.update_alias().function_name(name).name(ALIAS).function_version(version);
                alias.description(note).routing_config(routing).send()
            });
            updated.await.map(drop)
        }
    }

    async fn add_permission(&self, name: &str, statement_id: &str, source_arn: &str) -> Result<(), CloudError> {
        let added = self
            .lambda
            .call("lambda:AddPermission", |lambda| {
                lambda
                    .add_permission()
                    .function_name(name)
                    .qualifier(ALIAS)
                    .statement_id(statement_id)
                    .action("lambda:InvokeFunction")
                    .principal("apigateway.amazonaws.com")
                    .source_arn(source_arn)
                    .send()
            })
            .await;
        match added {
            // The statement is there; if it names another source, the next observation shows that. The same code for a
            // function that is being updated has another class.
            Err(error) if error.code == "ResourceConflictException" && error.class == Class::Conflict => Ok(()),
            other => other.map(drop),
        }
    }

    async fn remove_permission(&self, name: &str, statement_id: &str) -> Result<(), CloudError> {
        self.lambda
            .call("lambda:RemovePermission", |lambda| {
                lambda.remove_permission().function_name(name).qualifier(ALIAS).statement_id(statement_id).send()
            })
            .await
            .absent_is_done()
    }

    async fn delete_version(&self, name: &str, version: &str) -> Result<(), CloudError> {
        self.lambda
            .call("lambda:DeleteFunction", |lambda| {
                lambda.delete_function().function_name(name).qualifier(version).send()
            })
            .await
            .absent_is_done()
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.lambda
            .call("lambda:DeleteFunction", |lambda| lambda.delete_function().function_name(name).send())
            .await
            .absent_is_done()
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone().into_iter().collect();
        self.lambda
            .call("lambda:TagResource", |lambda| lambda.tag_resource().resource(arn).set_tags(Some(tags)).send())
            .await
            .map(drop)
    }
}

/// The content of `code` for an upload.
fn zip(operation: &'static str, code: &FunctionCode) -> Result<Blob, CloudError> {
    let unreadable = |error: aigw_cloud::CodeError| {
        CloudError::new(operation, Class::Transient, "FunctionCodeUnreadable", error.to_string())
    };
    code.zip().map(Blob::new).map_err(unreadable)
}

fn environment(function: &FunctionSpec) -> Environment {
    Environment::builder().set_variables(Some(function.environment.clone().into_iter().collect())).build()
}

/// Text, although the functions write JSON lines: with format Text Lambda passes every line on as it was written, while
/// format JSON gives Lambda a say in our lines (level filter, wrapping of what it cannot parse).
fn logging(function: &FunctionSpec) -> LoggingConfig {
    LoggingConfig::builder().log_group(&function.log_group).log_format(LogFormat::Text).build()
}

/// The version that takes a share of an alias's calls: Lambda allows one.
fn canary(alias: &GetAliasOutput) -> Option<ObservedCanary> {
    let weights = alias.routing_config()?.additional_version_weights()?;
    let (version, weight) = weights.iter().next()?;
    Some(ObservedCanary { version: version.clone(), percent: percent(*weight) })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
fn percent(weight: f64) -> u8 {
    (weight * 100.0).round().clamp(0.0, 100.0) as u8
}

/// Seconds since the Unix epoch of a time as Lambda writes it, always in UTC: `2026-11-25T16:35:48.123+0000`.
fn seconds(text: &str) -> Option<i64> {
    let time: Timestamp = format!("{}Z", text.get(..19)?).parse().ok()?;
    Some(time.as_second())
}

/// A function that AWS put to sleep (`Inactive`) wakes up by itself and can be changed.
fn state(configuration: &FunctionConfiguration) -> FunctionState {
    match (&configuration.state, &configuration.last_update_status) {
        (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => FunctionState::Pending,
        (Some(State::Failed), _) => {
            let reason = configuration.state_reason_code.as_ref().map_or("Unknown", |code| code.as_str());
            FunctionState::Failed(reason.to_owned())
        }
        (_, Some(LastUpdateStatus::Failed)) => {
            let reason = configuration.last_update_status_reason_code.as_ref().map_or("Unknown", |code| code.as_str());
            FunctionState::Failed(reason.to_owned())
        }
        _ => FunctionState::Ready,
    }
}

/// Statements of a resource policy. One without a source gets an empty one, which is no wanted source.
fn statements(policy: &str) -> Vec<ObservedPermission> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    statements
        .iter()
        .filter_map(|statement| {
            let statement_id = statement["Sid"].as_str()?.to_owned();
            Some(ObservedPermission { statement_id, source_arn: source_arn(statement).unwrap_or_default().to_owned() })
        })
        .collect()
}

/// The source a statement demands, whatever the operator (`ArnLike`, `StringEquals`, …) and case of the key.
fn source_arn(statement: &Value) -> Option<&str> {
    let operators = statement["Condition"].as_object()?;
    let keys = operators.values().filter_map(Value::as_object).flatten();
    let (_, value) = keys.into_iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?;
    value.as_str()
}

#[cfg(test)]
#[path = "functions_tests.rs"]
mod tests;
