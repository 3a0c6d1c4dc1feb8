//! Model rules: the refusals, in words.

use aigw_contract::access::{ModelDenial, ModelRules};
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::GatewayConfig;

use crate::denial::Denial;

/// Patterns a message lists before it says how many more there are.
const LISTED: usize = 5;
/// Characters of a model id that a message repeats: a client can send thousands.
const SHOWN: usize = 200;

/// Judges one model that `what` names, an operation.
pub(super) fn check(
    model: &str,
    what: &str,
    policy: &TenantPolicy,
    rules: &ModelRules,
    config: &GatewayConfig,
) -> Result<(), Denial> {
    let Err(denial) = rules.check(model, config.place()) else { return Ok(()) };
    let model: String = model.chars().take(SHOWN).collect();
    let tenant = format_args!("{}/{}", policy.namespace, policy.name);
    let rule = &rules.rule;
    Err(match denial {
        ModelDenial::Malformed => Denial::invalid(format!("{what} names {model:?}, which is no id or ARN of a model")),
        ModelDenial::NotGranted => Denial::forbidden(format!(
            "{what} of model {model} is not allowed for tenant {tenant}: rule {rule:?} of the gateway allows {}; the \
             platform team can add it to allow.models of that rule in spec.tenants.rules of the AIGateway",
            list(&rules.granted)
        )),
        ModelDenial::Excluded(pattern) => Denial::forbidden(format!(
            "{what} of model {model} is not allowed for tenant {tenant}: its own spec.models.deny has {pattern:?}; \
             whoever may edit the Tenant can change this"
        )),
        ModelDenial::NotListed => Denial::forbidden(format!(
            "{what} of model {model} is not allowed for tenant {tenant}: its own spec.models.allow has only {}; \
             whoever may edit the Tenant can change this",
            list(&rules.allow)
        )),
        ModelDenial::Elsewhere(residency) => Denial::forbidden(format!(
            "{what} of model {model} is not allowed for tenant {tenant}: spec.models.residency of the Tenant is \
             {residency}, and this model may be answered elsewhere; use a profile or Region of that residency, or list \
             an ARN whose place you know in spec.models.allow"
        )),
    })
}

fn list(patterns: &[String]) -> String {
    if patterns.is_empty() {
        return "models that have a name: anything else, such as an application inference profile, has to be listed by \
                its ARN"
            .into();
    }
    let shown = patterns.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match patterns.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
