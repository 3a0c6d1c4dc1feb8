//! The simulation's Lambda: one change of `$LATEST` at a time, versions, the alias `live` and its permissions.

use aigw_contract::Partition;

use super::{MISROUTED, Place, SimulatedGateway, absent, function_of, holds};
use crate::gateway::observed::{FunctionState, ObservedFunction, ObservedPermission, ObservedVersion};
use crate::gateway::step::{AliasTarget, FunctionSpec, GatewayStep};
use crate::identity::ROLE_PATH;

impl SimulatedGateway {
    pub(super) fn settle_functions(&mut self) {
        for function in self.aws.functions.values_mut().filter(|function| function.state == FunctionState::Pending) {
            function.state = FunctionState::Ready;
        }
    }

    pub(super) fn apply_function(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateFunction(spec) => self.create_function(&spec)?,
            S::UpdateFunctionConfiguration { function: spec, revision_id: _ } => {
                let actual = self.changeable(&spec.name)?;
                actual.role_arn.clone_from(&spec.role_arn);
                actual.memory_mib = spec.memory_mib;
                actual.timeout_seconds = spec.timeout_seconds;
                actual.environment.clone_from(&spec.environment);
                actual.state = FunctionState::Pending;
            }
            S::UpdateFunctionCode { function: spec, revision_id: _ } => {
                let actual = self.changeable(&spec.name)?;
                actual.code_sha256.clone_from(&spec.code_sha256);
                actual.architecture.clone_from(&spec.architecture);
                actual.state = FunctionState::Pending;
            }
            S::PublishVersion { name, code_sha256, description } => {
                let (version, published) = (self.next_id("version"), self.aws.observed_at);
                let actual = self.changeable(&name)?;
                holds(actual.code_sha256 == code_sha256, "the code is another")?;
                let role_arn = actual.role_arn.clone();
                actual.versions.push(ObservedVersion { version, description, code_sha256, role_arn, published });
            }
            S::PointAlias { name, target: AliasTarget { version, canary, note }, create } => {
                let actual = self.function(&name)?;
                holds(create == actual.live_version.is_none(), "the alias exists, or does not")?;
                let role = |number: &String| {
                    let known = actual.versions.iter().find(|known| known.version == *number);
                    known.map(|known| &known.role_arn).ok_or("there is no such version")
                };
                if let Some(canary) = &canary {
                    holds(canary.version != version, "the version has the calls already")?;
                    holds(role(&canary.version)? == role(&version)?, "the versions have different roles")?;
                }
                role(&version)?;
                (actual.live_version, actual.canary, actual.release_note) = (Some(version), canary, note);
            }
            S::DeleteVersion { name, version } => {
                let actual = self.function(&name)?;
                holds(!actual.uses(&version), "the alias points at this version")?;
                actual.versions.retain(|known| known.version != version);
            }
            S::AddPermission { name, statement_id, source_arn } => {
                let actual = self.function(&name)?;
                holds(actual.live_version.is_some(), "there is no alias")?;
                let twin = actual.permissions.iter().find(|known| known.statement_id == statement_id);
                absent(twin, "there is a statement of this id")?;
                actual.permissions.push(ObservedPermission { statement_id, source_arn });
            }
            S::RemovePermission { name, statement_id } => {
                self.function(&name)?.permissions.retain(|known| known.statement_id != statement_id);
            }
            S::DeleteFunction { name } => drop(self.aws.functions.remove(&function_of(&name)?)),
            _ => return Err(MISROUTED),
        }
        Ok(())
    }

    fn create_function(&mut self, spec: &FunctionSpec) -> Result<(), &'static str> {
        absent(self.aws.functions.get(&spec.function), "the function exists")?;
        let own_role = spec.role_arn.ends_with(&format!(":role{ROLE_PATH}{}", spec.name));
        holds(!own_role || self.aws.roles.contains_key(&spec.function), "there is no such role")?;
        let Place { region, account_id } = &self.place;
        let partition = Partition::of(region).id;
        let function = ObservedFunction {
            arn: format!("arn:{partition}:lambda:{region}:{account_id}:function:{}", spec.name),
            state: FunctionState::Pending,
            role_arn: spec.role_arn.clone(),
            architecture: spec.architecture.clone(),
            memory_mib: spec.memory_mib,
            timeout_seconds: spec.timeout_seconds,
            environment: spec.environment.clone(),
            code_sha256: spec.code_sha256.clone(),
            revision_id: None,
            tags: spec.tags.clone(),
            versions: Vec::new(),
            live_version: None,
            canary: None,
            release_note: String::new(),
            permissions: Vec::new(),
        };
        self.aws.functions.insert(spec.function, function);
        Ok(())
    }

    fn function(&mut self, name: &str) -> Result<&mut ObservedFunction, &'static str> {
        self.aws.functions.get_mut(&function_of(name)?).ok_or("there is no such function")
    }

    /// The function, if `$LATEST` can be changed and published now.
    fn changeable(&mut self, name: &str) -> Result<&mut ObservedFunction, &'static str> {
        let function = self.function(name)?;
        if function.state == FunctionState::Pending { Err("Lambda is working on the function") } else { Ok(function) }
    }
}
