//! What a call took in the end, told from its usage.

use super::Amount;
use super::price::Rates;
use crate::meter::{Metered, Reading, Usage};

/// How a call's use is priced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pricing {
    reserved: Amount,
    by: By,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum By {
    /// Nothing.
    #[default]
    Free,
    /// Money is of no matter; tokens are.
    Unpriced,
    /// The call, whatever it used.
    Call,
    /// Tokens.
    Tokens(Rates),
}

impl Pricing {
    pub(super) fn free() -> Self {
        Self::default()
    }

    pub(super) fn unpriced(reserved: Amount) -> Self {
        Self { reserved, by: By::Unpriced }
    }

    pub(super) fn by_call(reserved: Amount) -> Self {
        Self { reserved, by: By::Call }
    }

    pub(super) fn by_tokens(reserved: Amount, rates: Rates) -> Self {
        Self { reserved, by: By::Tokens(rates) }
    }

    /// What was reserved.
    pub fn reserved(&self) -> Amount {
        self.reserved
    }

    /// What the call really took. Of one that reported nothing, or a part, that is what was reserved, or the part if that is
    /// more; where the bound is not exact, a complete report may also come to more.
    pub fn actual(&self, metered: &Metered) -> Amount {
        let reported = Amount { tokens: tokens(&metered.usage), micro_usd: self.cost(&metered.usage) };
        match (metered.reading, self.by) {
            (_, By::Free) | (Reading::Free, _) => Amount::default(),
            (Reading::Complete, _) => reported,
            (Reading::Partial | Reading::Unknown, _) => Amount {
                tokens: self.reserved.tokens.max(reported.tokens),
                micro_usd: self.reserved.micro_usd.max(reported.micro_usd),
            },
        }
    }

    fn cost(&self, usage: &Usage) -> i64 {
        match &self.by {
            By::Free | By::Unpriced => 0,
            By::Call => self.reserved.micro_usd,
            By::Tokens(rates) => rates.exactly(usage),
        }
    }
}

/// Tokens of all kinds; `cache_write_1h` is a part of `cache_write`.
fn tokens(usage: &Usage) -> i64 {
    let Usage { input, output, cache_read, cache_write, cache_write_1h: _ } = *usage;
    let all = [input, output, cache_read, cache_write].into_iter().flatten().fold(0, u64::saturating_add);
    i64::try_from(all).unwrap_or(i64::MAX)
}
