//! Lambda's rules: one change at a time, versions that freeze, an alias that points at one of them.

use std::collections::BTreeMap;

use aigw_contract::Partition;
use aigw_plan::gateway::observed::{FunctionState, ObservedFunction, ObservedPermission, ObservedVersion, Tags};
use aigw_plan::gateway::step::{AliasTarget, FunctionSpec};

use super::{Alias, Configuration, Function, Version};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::{AccountState, RegionState};

fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", message)
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "ResourceConflictException", message)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValueException", message)
}

fn arn(context: &Context<'_>, name: &str) -> String {
    let partition = Partition::of(context.region).id;
    format!("arn:{partition}:lambda:{}:{}:function:{name}", context.region, context.account_id)
}

fn function<'a>(region: &'a mut RegionState, context: &Context<'_>, name: &str) -> Answer<&'a mut Function> {
    let absent = || not_found(format!("Function not found: {}", arn(context, name)));
    region.functions.get_mut(name).ok_or_else(absent)
}

fn alias<'a>(region: &'a mut RegionState, context: &Context<'_>, name: &str) -> Answer<&'a mut Alias> {
    let absent = || not_found(format!("Cannot find alias arn: {}:live", arn(context, name)));
    function(region, context, name)?.live.as_mut().ok_or_else(absent)
}

impl Function {
    /// What `GetFunction` shows; versions and alias have calls of their own.
    fn observed(&self) -> ObservedFunction {
        let Configuration {
            code_sha256,
            role_arn,
            architecture,
            memory_mib,
            timeout_seconds,
            environment,
            log_group: _,
        } = self.configuration.clone();
        let state = match &self.failed {
            _ if self.pending_reads > 0 => FunctionState::Pending,
            Some(reason) => FunctionState::Failed(reason.clone()),
            None => FunctionState::Ready,
        };
        ObservedFunction {
            arn: self.arn.clone(),
            state,
            role_arn,
            architecture,
            memory_mib,
            timeout_seconds,
            environment,
            code_sha256,
            revision_id: Some(self.revision_id()),
            tags: self.tags.clone(),
            versions: Vec::new(),
            live_version: None,
            canary: None,
            release_note: String::new(),
            permissions: Vec::new(),
        }
    }

    fn revision_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.revision)
    }

    /// A change is refused while another is under way, or when it was decided on an older look.
    fn check_changeable(&self, revision_id: Option<&str>) -> Answer {
        if self.pending_reads > 0 {
            let message = "The operation cannot be performed at this time. An update is in progress for resource";
            return Err(conflict(format!("{message}: {}", self.arn)));
        }
        if revision_id.is_some_and(|id| id != self.revision_id()) {
            let message = "The Revision Id provided does not match the latest Revision Id. Call the \
                GetFunction/GetAlias API to retrieve the latest Revision Id";
            return Err(Refusal::new(412, "PreconditionFailedException", message));
        }
        Ok(())
    }

    fn changed(&mut self, context: &Context<'_>) {
        self.revision += 1;
        self.failed = None;
        self.pending_reads = context.behaviour.function_pending_reads;
    }
}

/// A role can be assumed once it is old enough, and if its trust policy names Lambda.
fn check_role(state: &AccountState, context: &Context<'_>, arn: &str) -> Answer {
    let assumable = state.roles.values().any(|role| {
        let old_enough = context.now.saturating_sub(role.created) >= context.behaviour.role_assumable_after;
        role.arn == arn && old_enough && role.trust.to_string().contains("lambda.amazonaws.com")
    });
    if assumable { Ok(()) } else { Err(invalid("The role defined for the function cannot be assumed by Lambda.")) }
}

fn check_limits(spec: &FunctionSpec) -> Answer {
    let size: usize = spec.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > 4096 {
        return Err(invalid(
            "Lambda was unable to configure your environment variables because they exceeded the 4KB limit",
        ));
    }
    if !(128..=10_240).contains(&spec.memory_mib) || !(1..=900).contains(&spec.timeout_seconds) {
        return Err(Refusal::new(400, "ValidationException", "MemorySize or Timeout is out of range"));
    }
    Ok(())
}

fn configuration(spec: FunctionSpec, code_sha256: String) -> Configuration {
    let FunctionSpec {
        function: _,
        name: _,
        role_arn,
        architecture,
        memory_mib,
        timeout_seconds,
        environment,
        code_sha256: _,
        log_group,
        tags: _,
    } = spec;
    Configuration { code_sha256, role_arn, architecture, memory_mib, timeout_seconds, environment, log_group }
}

/// Every look brings a change under way nearer to its end.
pub(super) fn get(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer<ObservedFunction> {
    let function = function(state.region(context.region), context, name)?;
    let observed = function.observed();
    function.pending_reads = function.pending_reads.saturating_sub(1);
    Ok(observed)
}

pub(super) fn versions(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer<Vec<ObservedVersion>> {
    let function = function(state.region(context.region), context, name)?;
    let of = |(number, version): (&u64, &Version)| ObservedVersion {
        version: number.to_string(),
        description: version.description.clone(),
        code_sha256: version.configuration.code_sha256.clone(),
        role_arn: version.configuration.role_arn.clone(),
        published: version.published,
    };
    Ok(function.versions.iter().map(of).collect())
}

pub(super) fn live(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer<Alias> {
    Ok(alias(state.region(context.region), context, name)?.clone())
}

/// An alias without statements has no policy.
pub(super) fn permissions(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
) -> Answer<Vec<ObservedPermission>> {
    let permissions = &alias(state.region(context.region), context, name)?.permissions;
    if permissions.is_empty() {
        return Err(not_found("The resource you requested does not exist."));
    }
    let of = |(statement_id, source_arn): (&String, &String)| ObservedPermission {
        statement_id: statement_id.clone(),
        source_arn: source_arn.clone(),
    };
    Ok(permissions.iter().map(of).collect())
}

pub(super) fn create(
    state: &mut AccountState,
    context: &Context<'_>,
    spec: FunctionSpec,
    code_sha256: String,
) -> Answer {
    check_limits(&spec)?;
    check_role(state, context, &spec.role_arn)?;
    let functions = &mut state.region(context.region).functions;
    if functions.contains_key(&spec.name) {
        return Err(conflict(format!("Function already exist: {}", spec.name)));
    }
    let (name, tags) = (spec.name.clone(), spec.tags.clone());
    let mut function = Function {
        arn: arn(context, &name),
        configuration: configuration(spec, code_sha256),
        tags,
        revision: 0,
        pending_reads: 0,
        failed: None,
        versions: BTreeMap::new(),
        last_version: 0,
        live: None,
    };
    function.changed(context);
    functions.insert(name, function);
    Ok(())
}

pub(super) fn update_configuration(
    state: &mut AccountState,
    context: &Context<'_>,
    spec: FunctionSpec,
    revision_id: Option<&str>,
) -> Answer {
    check_limits(&spec)?;
    let name = spec.name.clone();
    function(state.region(context.region), context, &name)?.check_changeable(revision_id)?;
    check_role(state, context, &spec.role_arn)?;
    let function = function(state.region(context.region), context, &name)?;
    let old = &function.configuration;
    let (code_sha256, architecture) = (old.code_sha256.clone(), old.architecture.clone());
    // The architecture belongs to the code.
    function.configuration = Configuration { architecture, ..configuration(spec, code_sha256) };
    function.changed(context);
    Ok(())
}

pub(super) fn update_code(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, architecture, code_sha256): (&str, String, String),
    revision_id: Option<&str>,
) -> Answer {
    let function = function(state.region(context.region), context, name)?;
    function.check_changeable(revision_id)?;
    (function.configuration.architecture, function.configuration.code_sha256) = (architecture, code_sha256);
    function.changed(context);
    Ok(())
}

/// Publishing what the last version already is gives that version again.
pub(super) fn publish(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, code_sha256, description): (&str, &str, String),
) -> Answer<String> {
    let function = function(state.region(context.region), context, name)?;
    function.check_changeable(None)?;
    let current = &function.configuration.code_sha256;
    if current != code_sha256 {
        let message = format!("CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST ({current})");
        return Err(invalid(message));
    }
    let last = function.versions.get(&function.last_version);
    if last.is_none_or(|last| last.configuration != function.configuration) {
        function.last_version += 1;
        let published = context.unix_time();
        let version = Version { description, configuration: function.configuration.clone(), published };
        function.versions.insert(function.last_version, version);
    }
    Ok(function.last_version.to_string())
}

fn published(function: &Function, version: &str) -> Answer<u64> {
    let number = version.parse().ok().filter(|number| function.versions.contains_key(number));
    number.ok_or_else(|| not_found(format!("Function not found: {}:{version}", function.arn)))
}

/// What an alias is to lead to: versions that exist, two at most, of one role (Lambda guide, "Lambda alias routing").
fn led(function: &Function, target: &AliasTarget) -> Answer<(u64, Option<(u64, u8)>)> {
    let version = published(function, &target.version)?;
    let Some(canary) = &target.canary else { return Ok((version, None)) };
    let second = published(function, &canary.version)?;
    if second == version {
        let message = format!(
            "Invalid function version {version}. Function version {version} is already included in routing configuration."
        );
        return Err(invalid(message));
    }
    if canary.percent > 100 {
        return Err(Refusal::new(400, "ValidationException", "Member must have value less than or equal to 1.0"));
    }
    let role = |version: &u64| &function.versions[version].configuration.role_arn;
    if role(&version) != role(&second) {
        return Err(invalid("The versions of an alias must have the same execution role"));
    }
    Ok((version, Some((second, canary.percent))))
}

pub(super) fn create_alias(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
    target: &AliasTarget,
) -> Answer {
    let function = function(state.region(context.region), context, name)?;
    let (version, canary) = led(function, target)?;
    if function.live.is_some() {
        return Err(conflict(format!("Alias already exists: {}:live", function.arn)));
    }
    function.live = Some(Alias { version, canary, description: target.note.clone(), permissions: BTreeMap::new() });
    Ok(())
}

pub(super) fn update_alias(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
    target: &AliasTarget,
) -> Answer {
    let (version, canary) = led(function(state.region(context.region), context, name)?, target)?;
    let alias = alias(state.region(context.region), context, name)?;
    (alias.version, alias.canary) = (version, canary);
    alias.description.clone_from(&target.note);
    Ok(())
}

pub(super) fn add_permission(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
    (statement_id, source_arn): (String, String),
) -> Answer {
    let alias = alias(state.region(context.region), context, name)?;
    if alias.permissions.contains_key(&statement_id) {
        let message = "already exists. Please provide a new statement id, or remove the existing statement.";
        return Err(conflict(format!("The statement id ({statement_id}) provided {message}")));
    }
    alias.permissions.insert(statement_id, source_arn);
    Ok(())
}

pub(super) fn remove_permission(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
    statement_id: &str,
) -> Answer {
    let removed = alias(state.region(context.region), context, name)?.permissions.remove(statement_id);
    let absent = || not_found(format!("Statement {statement_id} is not found in resource policy."));
    removed.map(drop).ok_or_else(absent)
}

pub(super) fn delete_version(state: &mut AccountState, context: &Context<'_>, name: &str, version: &str) -> Answer {
    let function = function(state.region(context.region), context, name)?;
    let number = published(function, version)?;
    let leads_to = |alias: &Alias| alias.version == number || alias.canary.is_some_and(|(second, _)| second == number);
    if function.live.as_ref().is_some_and(leads_to) {
        let message = "Unable to delete version because the following aliases reference it: [live]";
        return Err(conflict(message));
    }
    function.versions.remove(&number);
    Ok(())
}

pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer {
    let region = state.region(context.region);
    function(region, context, name)?;
    region.functions.remove(name);
    Ok(())
}

pub(super) fn tag(state: &mut AccountState, context: &Context<'_>, arn: &str, tags: Tags) -> Answer {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let function = function(state.region(context.region), context, name)?;
    if function.arn != arn {
        return Err(not_found(format!("The resource doesn't exist: {arn}")));
    }
    function.tags.extend(tags);
    Ok(())
}
