//! What models cost: the list the operator brings along, the gateway's own prices before it, and the document of both
//! that the functions read.
//!
//! A list is for one Region: in-Region prices differ, and a call is billed by the Region it is made in, whatever Region
//! answers. Where sources differ, or a Region's price is not known but others' are, the bundled list has the highest of
//! them; a model no source has a price for is not in it. `bundled.json` says where its figures come from; docs/prices.md
//! says what is made of them.

mod overrides;

use std::sync::{LazyLock, Mutex, PoisonError};

use aigw_contract::Partition;
use aigw_contract::glob;
use aigw_contract::model::Geography;
use aigw_contract::price::{LongContext, ModelPrice, PriceList};
use serde::{Deserialize, Deserializer};

use crate::canonical;
use crate::identity::sha256_hex;
use crate::money::MicroUsd;

pub use overrides::{own_prices, usd_per_call};

/// Partition of the prices that name no Region: those of the commercial Regions, as the sources have them.
const COMMERCIAL: &str = "aws";

/// Digits of a list's hash that its revision has.
const REVISION_DIGITS: usize = 12;

static BUNDLED: LazyLock<Bundled> = LazyLock::new(|| {
    serde_json::from_str(include_str!("bundled.json")).expect("the bundled list is read by this crate's tests")
});

/// The lists that were made last, the latest at the end. Gateways are few, every pass over one or over one of its tenants
/// asks for the same list again, and its revision is a hash of all of it.
static LATEST: Mutex<Vec<Made>> = Mutex::new(Vec::new());

/// Most lists that are remembered.
const REMEMBERED: usize = 16;

/// A list, and what it was made of.
struct Made {
    region: String,
    own: Vec<ModelPrice>,
    list: PriceList,
}

/// The list the operator brings along.
#[derive(Debug, Deserialize)]
struct Bundled {
    date: String,
    models: Vec<BundledPrice>,
}

/// A line of it. The `note` of a line is for its readers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BundledPrice {
    #[serde(rename = "match")]
    pattern: String,
    /// Patterns of the Regions it is for. None: those of the commercial partition.
    #[serde(default)]
    regions: Vec<String>,
    #[serde(deserialize_with = "micro_usd")]
    input: Option<i64>,
    #[serde(default, deserialize_with = "micro_usd")]
    output: Option<i64>,
    #[serde(default, deserialize_with = "micro_usd")]
    cache_read: Option<i64>,
    #[serde(default, deserialize_with = "micro_usd")]
    cache_write: Option<i64>,
    #[serde(rename = "cacheWrite1h", default, deserialize_with = "micro_usd")]
    cache_write_1h: Option<i64>,
    priority_percent: Option<i64>,
    optimized_percent: Option<i64>,
    long_context: Option<LongContext>,
    context_tokens: Option<i64>,
    max_output_tokens: Option<i64>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

fn micro_usd<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let amount: MicroUsd = text.parse().map_err(serde::de::Error::custom)?;
    Ok(Some(amount.0))
}

impl BundledPrice {
    fn is_for(&self, region: &str) -> bool {
        if self.regions.is_empty() {
            return Partition::of(region).id == COMMERCIAL;
        }
        self.regions.iter().any(|pattern| glob::matches(pattern, region))
    }

    fn price(&self) -> ModelPrice {
        ModelPrice {
            pattern: self.pattern.clone(),
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            priority_percent: self.priority_percent,
            optimized_percent: self.optimized_percent,
            long_context: self.long_context,
            context_tokens: self.context_tokens,
            max_output_tokens: self.max_output_tokens,
        }
    }
}

/// Day the bundled list is of, for example `2026-08-21`.
pub fn bundled_date() -> &'static str {
    &BUNDLED.date
}

/// Ids and patterns of the bundled list that are for `region`, in its order.
pub fn bundled_patterns(region: &str) -> impl Iterator<Item = &'static str> {
    BUNDLED.models.iter().filter(move |bundled| bundled.is_for(region)).map(|bundled| bundled.pattern.as_str())
}

/// The price list of a gateway in `region`: its `own` prices, then the bundled ones, without those that a price before
/// them leaves no call.
pub fn price_list(region: &str, own: &[ModelPrice]) -> PriceList {
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = latest.iter().find(|made| made.region == region && made.own == own) {
        return made.list.clone();
    }
    let list = make(region, own);
    if latest.len() == REMEMBERED {
        latest.remove(0);
    }
    latest.push(Made { region: region.to_owned(), own: own.to_vec(), list: list.clone() });
    list
}

fn make(region: &str, own: &[ModelPrice]) -> PriceList {
    let mut models = own.to_vec();
    for bundled in BUNDLED.models.iter().filter(|bundled| bundled.is_for(region)) {
        // Among themselves, bundled prices only leave each other nothing where a Region's stands before the others'.
        let known = models.iter().any(|before| before.pattern == bundled.pattern);
        if !known && !own.iter().any(|own| shadows(&own.pattern, &bundled.pattern)) {
            models.push(bundled.price());
        }
    }
    let revision = revision(&models);
    PriceList { revision, models }
}

/// The bundled list's date, for people, and a hash of everything that decides: equal lists have equal revisions.
fn revision(models: &[ModelPrice]) -> String {
    // Numbers and texts only: this cannot fail, and a revision of nothing would still change with the date.
    let content = serde_json::to_value(models).unwrap_or_default();
    format!("{}-{}", bundled_date(), &sha256_hex(&canonical::text(&content))[..REVISION_DIGITS])
}

/// Whether all calls that fit the pattern `later` fit `earlier`. A pattern is compared with the id as it is called and
/// with the id without its geography.
fn shadows(earlier: &str, later: &str) -> bool {
    let without_geography =
        later.split_once('.').filter(|(label, _)| Geography::of_prefix(label).is_some()).map(|(_, model)| model);
    glob::covers(earlier, later) || without_geography.is_some_and(|model| glob::covers(earlier, model))
}

#[cfg(test)]
mod tests;
