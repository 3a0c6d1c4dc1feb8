//! Creates that AWS does not recognise when they are repeated: REST APIs and usage plans, which take no token and whose
//! names need not be unique.
//!
//! Look-up by tag comes before each, but API Gateway's lists may lag behind its creates, and an answer may be lost. So
//! what this process made is remembered with its id and believed in although a list lacks it, and after anything that
//! may have made one unseen (an unclear answer, a pass that was cut off, another process before this one) nothing is
//! made until the lists have had time to show it. Losing this memory costs that wait and nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aigw_cloud::CloudError;
use aigw_plan::Class;
use aigw_plan::gateway::observed::{ObservedGateway, ObservedUsagePlan};
use aigw_plan::gateway::step::{GatewayStep, UsagePlanSpec};
use tokio::time::Instant;

/// How long a create may stay out of API Gateway's lists. AWS names no bound; what is seen is below two seconds.
pub(crate) const LAG: Duration = Duration::from_secs(5);
/// How long a usage plan we made is believed in although the list lacks it.
const BELIEVED: Duration = Duration::from_mins(1);

/// What is remembered of one gateway.
#[derive(Default)]
struct Made {
    rest_api: Option<String>,
    usage_plans: Vec<(Instant, ObservedUsagePlan)>,
    /// When something was last made, or may have been, whose id is not known.
    unclear: Option<Instant>,
}

/// Creates of this process, by UID of the gateway.
pub(crate) struct Creations {
    began: Instant,
    gateways: Mutex<HashMap<String, Made>>,
}

impl Default for Creations {
    fn default() -> Self {
        Self { began: Instant::now(), gateways: Mutex::default() }
    }
}

impl Creations {
    /// The REST API made for a gateway. A hint: it is used after it was seen to carry our tag.
    pub(super) fn rest_api(&self, uid: &str) -> Option<String> {
        self.lock().get(uid)?.rest_api.clone()
    }

    /// The usage plan lately made for a tier of a gateway.
    pub(crate) fn usage_plan(&self, uid: &str, tier: &str) -> Option<String> {
        let gateways = self.lock();
        let mut lately = gateways.get(uid)?.usage_plans.iter().filter(|(at, _)| at.elapsed() < BELIEVED);
        lately.find(|(_, plan)| plan.tier == tier).map(|(_, plan)| plan.id.clone())
    }

    /// How long nothing may be made for a gateway; `None` for not at all.
    pub(super) fn hold(&self, uid: &str) -> Option<Duration> {
        let unclear = self.lock().get(uid).and_then(|made| made.unclear);
        let since = unclear.map_or(self.began, |unclear| unclear.max(self.began));
        LAG.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
    }

    /// Adds to what was observed the usage plans that a list may not show yet.
    pub(super) fn complete(&self, uid: &str, observed: &mut ObservedGateway) {
        let mut gateways = self.lock();
        let Some(made) = gateways.get_mut(uid) else { return };
        made.usage_plans.retain(|(at, _)| at.elapsed() < BELIEVED);
        for (_, plan) in &made.usage_plans {
            if !observed.usage_plans.iter().any(|listed| listed.id == plan.id) {
                observed.usage_plans.push(plan.clone());
                observed.usage_plans_in_account += 1;
            }
        }
    }

    /// A step is about to be executed. Noted before it, because the pass may be cut off in the middle of it.
    pub(super) fn begin(&self, uid: &str, step: &GatewayStep) {
        if step.is_unrepeatable() {
            self.lock().entry(uid.to_owned()).or_default().unclear = Some(Instant::now());
        }
    }

    /// A step was executed; `made` is the id AWS gave.
    pub(super) fn end(&self, uid: &str, step: &GatewayStep, result: Result<Option<&str>, &CloudError>) {
        let mut gateways = self.lock();
        match (step, result) {
            (GatewayStep::CreateRestApi { .. }, Ok(Some(id))) => {
                let made = gateways.entry(uid.to_owned()).or_default();
                (made.rest_api, made.unclear) = (Some(id.to_owned()), None);
            }
            (GatewayStep::CreateUsagePlan(spec), Ok(Some(id))) => {
                let made = gateways.entry(uid.to_owned()).or_default();
                made.usage_plans.push((Instant::now(), as_listed(id, spec)));
                made.unclear = None;
            }
            (GatewayStep::DeleteUsagePlan { id, .. }, _) => {
                if let Some(made) = gateways.get_mut(uid) {
                    made.usage_plans.retain(|(_, plan)| plan.id != *id);
                }
            }
            (step, Err(error)) if step.is_unrepeatable() && error.class != Class::Transient => {
                // AWS said no.
                if let Some(made) = gateways.get_mut(uid) {
                    made.unclear = None;
                }
            }
            _ => {}
        }
    }

    /// Forgets a gateway that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Made>> {
        self.gateways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn as_listed(id: &str, spec: &UsagePlanSpec) -> ObservedUsagePlan {
    let UsagePlanSpec { tier, name, rate_limit, burst_limit, api_stages, tags } = spec;
    ObservedUsagePlan {
        id: id.to_owned(),
        name: name.clone(),
        tier: tier.clone(),
        rate_limit: Some(f64::from(*rate_limit)),
        burst_limit: Some(*burst_limit),
        api_stages: api_stages.clone(),
        tags: tags.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create_api() -> GatewayStep {
        GatewayStep::CreateRestApi {
            name: "n".into(),
            endpoint_type: "REGIONAL".into(),
            vpc_endpoint_ids: Vec::new(),
            tags: aigw_plan::gateway::observed::Tags::new(),
        }
    }

    fn error(class: Class) -> CloudError {
        CloudError::new("apigateway:CreateRestApi", class, "Code", "")
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_made_until_what_may_be_there_would_show() {
        let creations = Creations::default();
        assert_eq!(creations.hold("u"), Some(LAG), "another process may just have been at work");
        tokio::time::advance(LAG).await;
        assert_eq!(creations.hold("u"), None);
        creations.begin("u", &create_api());
        assert_eq!(creations.hold("u"), Some(LAG), "the pass may be cut off here");
        creations.end("u", &create_api(), Err(&error(Class::Transient)));
        tokio::time::advance(LAG / 2).await;
        assert_eq!((creations.hold("u"), creations.hold("other")), (Some(LAG / 2), None));
        creations.end("u", &create_api(), Err(&error(Class::Throttled)));
        assert_eq!(creations.hold("u"), None, "a refused create made nothing");
        creations.begin("u", &create_api());
        creations.end("u", &create_api(), Ok(Some("api1")));
        assert_eq!((creations.hold("u"), creations.rest_api("u")), (None, Some("api1".into())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_usage_plan_that_the_list_lacks_is_there_all_the_same() {
        let creations = Creations::default();
        let spec = UsagePlanSpec {
            tier: "bronze".into(),
            name: "n".into(),
            rate_limit: 1,
            burst_limit: 2,
            api_stages: Vec::new(),
            tags: aigw_plan::gateway::observed::Tags::new(),
        };
        creations.end("u", &GatewayStep::CreateUsagePlan(spec), Ok(Some("p1")));
        let mut observed = ObservedGateway::default();
        creations.complete("u", &mut observed);
        creations.complete("u", &mut observed);
        assert_eq!(observed.usage_plans.iter().map(|plan| plan.id.as_str()).collect::<Vec<_>>(), ["p1"]);
        tokio::time::advance(BELIEVED).await;
        let mut observed = ObservedGateway::default();
        creations.complete("u", &mut observed);
        assert!(observed.usage_plans.is_empty(), "it was deleted by hand");
    }
}
