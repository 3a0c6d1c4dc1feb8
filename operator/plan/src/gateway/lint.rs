//! Invariants every gateway plan must keep. A finding is a defect of ours: the plan is not executed.

use super::observed::ObservedGateway;
use super::step::GatewayStep;

/// Everything wrong with `steps`; empty means they may be executed.
pub fn lint(steps: &[GatewayStep], observed: &ObservedGateway) -> Vec<String> {
    let mut findings = Vec::new();
    let mut verified: Option<&str> = None;
    let mut changed_functions: Vec<&str> = Vec::new();
    for step in steps {
        match step {
            GatewayStep::PutDocument { .. } => verified = None,
            GatewayStep::VerifyDocument { rest_api_id, .. } => verified = Some(rest_api_id),
            GatewayStep::CreateDeployment { rest_api_id, .. } if verified != Some(rest_api_id) => {
                findings.push(format!("{step}: the document was not verified first"));
            }
            GatewayStep::DeleteDeployment { deployment_id, .. }
                if observed.stages.values().any(|stage| stage.deployment_id == *deployment_id) =>
            {
                findings.push(format!("{step}: a stage serves it"));
            }
            GatewayStep::DeleteVersion { name, version } => {
                let live = observed.functions.values().any(|function| {
                    function.arn.ends_with(&format!(":{name}")) && function.live_version.as_ref() == Some(version)
                });
                if live {
                    findings.push(format!("{step}: the alias points at it"));
                }
            }
            GatewayStep::UpdateFunctionCode { function, .. }
            | GatewayStep::UpdateFunctionConfiguration { function, .. } => {
                if changed_functions.contains(&function.name.as_str()) {
                    findings.push(format!("{step}: second change of one function in one plan"));
                }
                changed_functions.push(&function.name);
            }
            GatewayStep::UpdateUsagePlan { rate_limit, burst_limit, .. } if *rate_limit <= 0 || *burst_limit <= 0 => {
                findings.push(format!("{step}: a limit of zero"));
            }
            _ => {}
        }
    }
    if steps.iter().filter(|step| matches!(step, GatewayStep::CreateDeployment { .. })).count() > 1 {
        findings.push("more than one deployment in one plan".into());
    }
    findings
}
