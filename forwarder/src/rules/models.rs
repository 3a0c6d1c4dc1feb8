//! Model rules: every model that a request names is held against them; the refusals, in words.

use std::borrow::Cow;

use aigw_contract::access::{ModelDenial, ModelRules};
use aigw_contract::model::Place;
use aigw_contract::policy::TenantPolicy;

use crate::denial::{Denial, shown};

/// Patterns a message lists before it says how many more there are.
const LISTED: usize = 5;

/// What models are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Models<'a> {
    /// The caller's policy.
    pub policy: &'a TenantPolicy,
    /// The rules in it.
    pub rules: &'a ModelRules,
    /// Where the gateway is, as far as it knows.
    pub place: Option<Place<'a>>,
}

impl Models<'_> {
    /// Judges every model that an operation, `what`, names at one site; returns the first.
    pub fn check(&self, what: &str, models: Vec<Cow<'_, str>>) -> Result<Option<String>, Denial> {
        for model in &models {
            self.rules.check(model, self.place).map_err(|denial| refusal(self, what, model, denial))?;
        }
        Ok(models.into_iter().next().map(Cow::into_owned))
    }
}

fn refusal(
    Models { policy, rules, place: _ }: &Models<'_>,
    what: &str,
    model: &str,
    denial: ModelDenial<'_>,
) -> Denial {
    let model = shown(model);
    let tenant = policy.tenant();
    let rule = &rules.rule;
    match denial {
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
    }
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
