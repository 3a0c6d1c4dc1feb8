//! Ways a request asks for a higher price: service tier, latency mode, lifetime of cache entries, long prompts.
//!
//! A tenant with a budget may use those it was granted. Names are those of botocore 1.44's bedrock-runtime: `serviceTier`
//! and `performanceConfig` of Converse's body, the headers of InvokeModel; `service_tier` of a body is OpenAI's and, by
//! the user guide's "Service tiers", InvokeModel's. All are read whatever the API: one that it ignores costs nothing.
//! Discounts (`flex`) are not: what is charged may be too much, never too little.

use aigw_contract::limits::Premium;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::price::{ModelPrice, PriceList, UnknownPrice};
use http::HeaderMap;

use super::Question;
use super::content::Content;
use super::price::Rates;
use super::request::Request;
use crate::denial::{BodyProblem, Denial, shown};

const SERVICE_TIER: &str = "x-amzn-bedrock-service-tier";
const LATENCY: &str = "x-amzn-bedrock-performanceconfig-latency";
/// Tiers at the usual price or below. `reserved` was paid for beforehand; `auto` is what no tier at all is.
const USUAL_TIERS: &[&str] = &["default", "standard", "standard_only", "auto", "flex", "reserved"];
const PRIORITY: &str = "priority";
const OPTIMIZED: &str = "optimized";
const USUAL_LATENCY: &str = "standard";

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked {
    priority: bool,
    optimized: bool,
    hour: bool,
}

impl Asked {
    /// Reads it from headers and body.
    pub fn read(question: &Question<'_>, request: &Request<'_>, content: &Content) -> Result<Self, Denial> {
        let denial = |problem: BodyProblem| problem.denial(question.operation());
        let tiers = values(question.headers, SERVICE_TIER).chain(request.service_tiers().map_err(denial)?);
        let latencies = values(question.headers, LATENCY).chain(request.latencies().map_err(denial)?);
        let priority = any(tiers, PRIORITY, USUAL_TIERS, "service tier")?;
        let optimized = any(latencies, OPTIMIZED, &[USUAL_LATENCY], "latency mode")?;
        Ok(Self { priority, optimized, hour: content.hour })
    }

    /// Refuses what was not granted.
    pub fn check(self, policy: &TenantPolicy, model: &str) -> Result<(), Denial> {
        let Self { priority, optimized, hour } = self;
        let asked =
            [(priority, Premium::PriorityTier), (optimized, Premium::OptimizedLatency), (hour, Premium::HourCache)];
        asked.into_iter().filter(|(asked, _)| *asked).try_for_each(|(_, premium)| require(policy, premium, model))
    }

    /// The prices of a call that asks for this. `entry` is the model's, where it has one.
    pub fn raise(self, rates: Rates, entry: Option<&ModelPrice>, question: &Question<'_>) -> Result<Rates, Denial> {
        let factor = |asked: bool, of: fn(&ModelPrice) -> Option<i64>, what: &str| {
            if !asked {
                return Ok(100);
            }
            let known = entry.and_then(of).or_else(|| highest(question, of));
            known.ok_or_else(|| unknown(question, &format!("{what} of ")))
        };
        let tier = factor(self.priority, |entry| entry.priority_percent, "service tier priority")?;
        let latency = factor(self.optimized, |entry| entry.optimized_percent, "latency-optimized inference")?;
        Ok(rates.with([tier, latency], self.hour))
    }
}

/// Refuses a premium that was not granted.
pub(super) fn require(policy: &TenantPolicy, premium: Premium, model: &str) -> Result<(), Denial> {
    if policy.premiums.contains(&premium) {
        return Ok(());
    }
    let (what, instead) = match premium {
        Premium::PriorityTier => ("service tier priority", "ask for no service tier"),
        Premium::OptimizedLatency => ("latency-optimized inference", "ask for no latency mode"),
        Premium::HourCache => ("cache entries that live longer than five minutes", "leave out their ttl"),
        Premium::LongContext => ("prompts above the length from which on the model charges more", "send a shorter one"),
    };
    let rule = policy.models.as_ref().map_or("", |rules| &rules.rule);
    Err(Denial::forbidden(format!(
        "{what} of model {} costs more than the usual price, tenant {} has a budget, and rule {rule:?} of the gateway does \
         not grant it {premium:?}; {instead}, or let the platform team add {premium:?} to allow.premiums of that rule in \
         spec.tenants.rules of the AIGateway",
        shown(model),
        policy.tenant()
    )))
}

/// The price of something of the model is not known.
pub(super) fn unknown(question: &Question<'_>, what: &str) -> Denial {
    Denial::forbidden(format!(
        "the price of {what}model {} is not known to this gateway, and tenant {} has a budget; the platform team can add \
         it to spec.models.prices of the AIGateway, or have such calls charged at the highest price there is with \
         spec.models.unknownPrice: ChargeMaximum",
        shown(&question.model()),
        question.policy.tenant()
    ))
}

/// The highest factor in the list, where an unknown one is charged at that.
fn highest(question: &Question<'_>, of: fn(&ModelPrice) -> Option<i64>) -> Option<i64> {
    let list: &PriceList = question.prices?;
    (question.config.unknown_price == UnknownPrice::ChargeMaximum)
        .then(|| list.models.iter().filter_map(of).max())
        .flatten()
}

/// Values of a header, `?` for what is not text.
fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = String> + 'a {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?").to_owned())
}

/// Whether one of the values is the dear one; none may be unknown.
fn any(values: impl Iterator<Item = String>, dear: &str, usual: &[&str], what: &str) -> Result<bool, Denial> {
    let mut asked = false;
    for value in values {
        if value.trim().eq_ignore_ascii_case(dear) {
            asked = true;
        } else if !usual.iter().any(|known| value.trim().eq_ignore_ascii_case(known)) {
            return Err(Denial::invalid(format!(
                "the {what} {:?} is none whose price is known; use {dear} or {}",
                shown(&value),
                usual.join(", ")
            )));
        }
    }
    Ok(asked)
}
