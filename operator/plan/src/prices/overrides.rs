//! The gateway's own prices: from the spec's decimals to the contract's micro-USD.
//!
//! The schema's rules refuse what is no decimal; it is said again here because an object can be older than a rule.

use aigw_api::conditions::reason;
use aigw_api::{GatewayModels, LongContextPrice, PriceOverride, TokenPrices, Unmetered};
use aigw_contract::price::{LongContext, ModelPrice};

use super::shadows;
use crate::money::MicroUsd;
use crate::violation::Violation;

/// The gateway's own prices in the order of the spec.
///
/// # Errors
/// Amounts that are none, and prices that no call can ever meet.
pub fn own_prices(models: Option<&GatewayModels>) -> Result<Vec<ModelPrice>, Vec<Violation>> {
    let overrides = models.map_or(&[][..], |models| &models.prices);
    let mut violations = Vec::new();
    let mut prices: Vec<ModelPrice> = Vec::new();
    for (index, price) in overrides.iter().enumerate() {
        let path = format!("spec.models.prices[{index}]");
        if let Some(earlier) = prices.iter().position(|earlier| shadows(&earlier.pattern, &price.match_)) {
            let message = format!(
                "{:?} is never reached, because prices[{earlier}] ({}) comes first and fits the same calls; move it before that",
                price.match_, prices[earlier].pattern
            );
            violations.push(Violation::new(format!("{path}.match"), reason::INVALID, message));
        }
        prices.push(own_price(&path, price, &mut violations));
    }
    if violations.is_empty() { Ok(prices) } else { Err(violations) }
}

fn own_price(path: &str, price: &PriceOverride, violations: &mut Vec<Violation>) -> ModelPrice {
    // Exhaustive: a new field that is not carried over does not compile.
    let PriceOverride {
        match_,
        usd_per_million_tokens: TokenPrices { input, output, cache_read, cache_write, cache_write_1h },
        priority_percent,
        optimized_percent,
        long_context,
        context_tokens,
        max_output_tokens,
    } = price;
    let mut amount = |field: &str, text: Option<&String>| {
        amount(&format!("{path}.usdPerMillionTokens.{field}"), text.map(String::as_str), violations)
    };
    ModelPrice {
        pattern: match_.clone(),
        input: amount("input", Some(input)),
        output: amount("output", output.as_ref()),
        cache_read: amount("cacheRead", cache_read.as_ref()),
        cache_write: amount("cacheWrite", cache_write.as_ref()),
        cache_write_1h: amount("cacheWrite1h", cache_write_1h.as_ref()),
        priority_percent: priority_percent.map(i64::from),
        optimized_percent: optimized_percent.map(i64::from),
        long_context: long_context.as_ref().map(|long: &LongContextPrice| LongContext {
            above_tokens: long.above_tokens.into(),
            input_percent: long.input_percent.into(),
            output_percent: long.output_percent.into(),
        }),
        context_tokens: context_tokens.map(i64::from),
        max_output_tokens: max_output_tokens.map(i64::from),
    }
}

/// What a call that cannot be metered costs a tenant with a budget, in micro-USD; 0 where it costs nothing.
///
/// # Errors
/// An amount that is none.
pub fn usd_per_call(unmetered: Option<&Unmetered>) -> Result<i64, Vec<Violation>> {
    let mut violations = Vec::new();
    let text = unmetered.and_then(|unmetered| unmetered.usd_per_call.as_deref());
    let found = amount("spec.bedrock.unmetered.usdPerCall", text, &mut violations);
    if violations.is_empty() { Ok(found.unwrap_or(0)) } else { Err(violations) }
}

fn amount(path: &str, text: Option<&str>, violations: &mut Vec<Violation>) -> Option<i64> {
    match text?.parse() {
        Ok(MicroUsd(amount)) => Some(amount),
        Err(error) => {
            violations.push(Violation::new(path, reason::INVALID, format!("{:?} {error}", text.unwrap_or_default())));
            None
        }
    }
}
