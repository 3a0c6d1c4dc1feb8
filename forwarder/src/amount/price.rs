//! What tokens of a model cost: its entry in the price list, what the request adds to it, and the sums.
//!
//! All in integers, in micro-USD per million tokens; every product is rounded up on its own. A class without a price of
//! its own costs what the list says it then costs, and a model without one is unknown, never free.

use aigw_contract::glob;
use aigw_contract::model::{ModelId, Named};
use aigw_contract::price::{LongContext, ModelPrice, PriceList};

use crate::meter::Usage;

const MILLION: u128 = 1_000_000;
const PERCENT: u128 = 100;
/// What rounding can add to the cost of a prompt that turns out to be of four classes and was reserved as one.
const ROUNDING: i64 = 3;

/// The first entry that fits a model: its name with or without the geography, the exact text of an opaque id.
pub(super) fn find<'a>(list: &'a PriceList, model: ModelId<'_>) -> Option<&'a ModelPrice> {
    list.models.iter().find(|entry| match model {
        ModelId::Named(Named { id, model, geography: _ }) => {
            glob::matches(&entry.pattern, id) || glob::matches(&entry.pattern, model)
        }
        ModelId::Opaque(text) => entry.pattern == text,
    })
}

/// Prices of every class of tokens, and what they are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates {
    input: i64,
    output: i64,
    cache_read: i64,
    cache_write: i64,
    cache_write_1h: i64,
    long_context: Option<LongContext>,
    /// Factors of service tier and latency mode, in percent.
    factors: [i64; 2],
    /// Whether entries that live for an hour were asked for: what is written for an unknown time costs so much then.
    hour: bool,
}

impl Rates {
    /// Of one entry, `None` where it leaves out what the model needs. `answers` says whether there is output at all.
    pub fn of(entry: &ModelPrice, answers: bool) -> Option<Self> {
        let known = |price: Option<i64>| price.filter(|price| *price >= 0);
        let input = known(entry.input)?;
        let output = if answers { known(entry.output)? } else { known(entry.output).unwrap_or(0) };
        Some(Self {
            input,
            output,
            cache_read: known(entry.cache_read).unwrap_or(input),
            cache_write: known(entry.cache_write).unwrap_or(input),
            cache_write_1h: known(entry.cache_write_1h).unwrap_or(input.saturating_mul(2)),
            long_context: entry.long_context,
            factors: [100; 2],
            hour: false,
        })
    }

    /// The highest price in the list of each class, whatever the length; `None` where there are none.
    pub fn highest(list: &PriceList) -> Option<Self> {
        let all = list.models.iter().filter_map(|entry| Self::of(entry, false));
        let raised = all.map(|rates| {
            let Some(long) = rates.long_context else { return rates };
            let times = |price: i64, percent: i64| at_percent(price, percent.max(100));
            Self {
                input: times(rates.input, long.input_percent),
                output: times(rates.output, long.output_percent),
                cache_read: times(rates.cache_read, long.input_percent),
                cache_write: times(rates.cache_write, long.input_percent),
                cache_write_1h: times(rates.cache_write_1h, long.input_percent),
                long_context: None,
                ..rates
            }
        });
        let highest = raised.reduce(|one, other| Self {
            input: one.input.max(other.input),
            output: one.output.max(other.output),
            cache_read: one.cache_read.max(other.cache_read),
            cache_write: one.cache_write.max(other.cache_write),
            cache_write_1h: one.cache_write_1h.max(other.cache_write_1h),
            ..one
        });
        // A list of embeddings only knows nothing of what output costs.
        highest.filter(|rates| rates.output > 0)
    }

    /// With a factor, in percent, of the service tier and of the latency mode, and with entries that live for an hour.
    pub fn with(self, factors: [i64; 2], hour: bool) -> Self {
        Self { factors: factors.map(|factor| factor.max(0)), hour, ..self }
    }

    /// The prompt length, in tokens, above which more is charged.
    pub fn bracket(&self) -> Option<i64> {
        self.long_context.map(|long| long.above_tokens)
    }

    /// The most that so many tokens of input and output can cost, in micro-USD; `cached` says whether the input may be
    /// written to a cache.
    pub fn most(&self, input: i64, output: i64, cached: bool) -> i64 {
        let mut price = self.input.max(self.cache_read);
        if cached || self.hour {
            price = price.max(self.cache_write);
        }
        if self.hour {
            price = price.max(self.cache_write_1h);
        }
        let (input_percent, output_percent) = self.percents(input, true);
        let input = self.cost(input, price, input_percent);
        input.saturating_add(self.cost(output, self.output, output_percent)).saturating_add(ROUNDING)
    }

    /// What a call cost that used this.
    pub fn exactly(&self, usage: &Usage) -> i64 {
        let count = |tokens: Option<u64>| i64::try_from(tokens.unwrap_or(0)).unwrap_or(i64::MAX);
        let written = count(usage.cache_write);
        let hour = match usage.cache_write_1h {
            Some(hour) => count(Some(hour)).min(written),
            None if self.hour => written,
            None => 0,
        };
        let (input, read) = (count(usage.input), count(usage.cache_read));
        let prompt = input.saturating_add(read).saturating_add(written);
        let (input_percent, output_percent) = self.percents(prompt, false);
        [
            self.cost(input, self.input, input_percent),
            self.cost(read, self.cache_read, input_percent),
            self.cost(written - hour, self.cache_write, input_percent),
            self.cost(hour, self.cache_write_1h, input_percent),
            self.cost(count(usage.output), self.output, output_percent),
        ]
        .into_iter()
        .fold(0, i64::saturating_add)
    }

    /// Factors of input and output of a prompt of this length; `most` is of one of at most this length.
    fn percents(&self, prompt: i64, most: bool) -> (i64, i64) {
        match self.long_context {
            Some(long) if prompt > long.above_tokens => {
                // A shorter prompt than the longest costs the usual.
                let least = if most { 100 } else { 0 };
                (long.input_percent.max(least), long.output_percent.max(least))
            }
            _ => (100, 100),
        }
    }

    /// Micro-USD, rounded up.
    fn cost(&self, tokens: i64, price: i64, percent: i64) -> i64 {
        let [tier, latency] = self.factors;
        let whole = [tokens, price, percent, tier, latency];
        let product = whole.iter().fold(1, |product: u128, factor| product.saturating_mul(positive(*factor)));
        i64::try_from(product.div_ceil(MILLION * PERCENT * PERCENT * PERCENT)).unwrap_or(i64::MAX)
    }
}

/// A price times a factor in percent, rounded up.
fn at_percent(price: i64, percent: i64) -> i64 {
    let product = positive(price).saturating_mul(positive(percent)).div_ceil(PERCENT);
    i64::try_from(product).unwrap_or(i64::MAX)
}

fn positive(number: i64) -> u128 {
    u128::try_from(number).unwrap_or(0)
}
