//! The simulation's custom domains and their mappings.

use super::{MISROUTED, SimulatedGateway, absent, holds};
use crate::gateway::observed::{DomainState, ObservedDomain, ObservedMapping};
use crate::gateway::step::{DomainSpec, GatewayStep};

impl SimulatedGateway {
    pub(super) fn apply_domain(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateDomain(DomainSpec { name, certificate_arn, security_policy, tags }) => {
                absent(self.aws.domains.iter().find(|known| known.name == name), "the domain exists")?;
                self.aws.domains.push(ObservedDomain {
                    target: Some(format!(
                        "d-{}.execute-api.{}.amazonaws.com",
                        name.replace('.', "-"),
                        self.place.region
                    )),
                    target_hosted_zone_id: Some("ZONE".into()),
                    ours: true,
                    state: DomainState::Pending,
                    mappings: Vec::new(),
                    name,
                    certificate_arn,
                    security_policy,
                    tags,
                });
            }
            S::UpdateDomain { name, certificate_arn, security_policy } => {
                let domain = self.domain(&name)?;
                holds(domain.state != DomainState::Pending, "the domain is being changed")?;
                domain.certificate_arn = certificate_arn.unwrap_or_else(|| domain.certificate_arn.clone());
                domain.security_policy = security_policy.unwrap_or_else(|| domain.security_policy.clone());
                domain.state = DomainState::Pending;
            }
            S::DeleteDomain { name } => {
                holds(self.domain(&name)?.mappings.is_empty(), "a base path is still mapped")?;
                self.aws.domains.retain(|known| known.name != name);
            }
            S::CreateMapping { domain, base_path, rest_api_id, stage } => {
                holds(self.aws.stages.contains_key(&stage), "there is no such stage")?;
                self.rest_api(&rest_api_id)?;
                let mappings = &mut self.domain(&domain)?.mappings;
                absent(mappings.iter().find(|known| known.base_path == base_path), "the base path is mapped")?;
                mappings.push(ObservedMapping { base_path, rest_api_id, stage });
                mappings.sort();
            }
            S::UpdateMapping { domain, base_path, stage } => {
                let mut mappings = self.domain(&domain)?.mappings.iter_mut();
                let known = mappings.find(|known| known.base_path == base_path);
                known.ok_or("there is no such mapping")?.stage = stage;
            }
            S::DeleteMapping { domain, base_path } => {
                self.domain(&domain)?.mappings.retain(|known| known.base_path != base_path);
            }
            _ => return Err(MISROUTED),
        }
        Ok(())
    }

    pub(super) fn domain(&mut self, name: &str) -> Result<&mut ObservedDomain, &'static str> {
        let found = self.aws.domains.iter_mut().find(|known| known.name == name);
        found.filter(|known| known.ours).ok_or("there is no such domain of ours")
    }

    pub(super) fn settle_domains(&mut self) {
        for domain in self.aws.domains.iter_mut().filter(|domain| domain.state == DomainState::Pending) {
            domain.state = DomainState::Available;
        }
    }
}
