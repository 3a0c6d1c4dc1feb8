//! Amounts of money as users write them, exactly: decimal USD in text, whole micro-USD inside.
//!
//! Never a float: prices, budgets and charges add up without rounding, and what status shows is what a spec said. The
//! form is narrow on purpose (no sign, no exponent, no thousands separators), so that nobody reads a figure differently
//! from how it is counted.

use std::fmt;
use std::str::FromStr;

use aigw_contract::limits::usd;
use thiserror::Error;

/// Micro-USD in one USD.
const MICRO: i64 = 1_000_000;

/// Digits after the point: a micro-USD is the smallest amount.
const DECIMALS: usize = 6;

/// Most USD an amount may have. Beyond any real budget, and far below where sums of 64 bits overflow.
const MAX_USD: i64 = 1_000_000_000;

/// An amount in micro-USD; not negative where it was parsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroUsd(pub i64);

/// Why a text is no amount of USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Something else than digits with at most one point between them.
    #[error("must be an amount of USD in digits, such as \"12.5\": no sign, no exponent, no separators")]
    NotDecimal,
    /// Finer than a micro-USD.
    #[error("must have at most {DECIMALS} digits after the point, because the smallest amount is USD 0.000001")]
    TooFine,
    /// More than [`MAX_USD`].
    #[error("must be at most USD {MAX_USD}")]
    TooLarge,
}

impl FromStr for MicroUsd {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return Err(MoneyError::NotDecimal),
            None => (text, ""),
        };
        if !is_digits(whole) {
            return Err(MoneyError::NotDecimal);
        }
        if fraction.len() > DECIMALS {
            return Err(MoneyError::TooFine);
        }
        // Only digits are left, so what does not parse is too long.
        let usd: i64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let micro: i64 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| MoneyError::NotDecimal)?;
        let sum = usd.checked_mul(MICRO).and_then(|whole| whole.checked_add(micro)).ok_or(MoneyError::TooLarge)?;
        if sum > MAX_USD * MICRO { Err(MoneyError::TooLarge) } else { Ok(Self(sum)) }
    }
}

impl fmt::Display for MicroUsd {
    /// Decimal USD without trailing zeros, for example `12.5`, `0.000001`, `0`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&usd(self.0))
    }
}

/// Whether `text` is one or more ASCII digits.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_exact() {
        let cases = [
            ("0", 0),
            ("0.000001", 1),
            ("00.10", 100_000),
            ("3", 3_000_000),
            ("12.345678", 12_345_678),
            ("0.06", 60_000),
            ("1000000000", 1_000_000_000_000_000),
            ("1000000000.000000", 1_000_000_000_000_000),
        ];
        for (text, micro) in cases {
            assert_eq!(text.parse(), Ok(MicroUsd(micro)), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let not_decimal =
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1_000", " 1", "1 ", "1.2.3", "0x1", "١", "$1", "1.-5"];
        for text in not_decimal {
            assert_eq!(text.parse::<MicroUsd>(), Err(MoneyError::NotDecimal), "{text}");
        }
        assert_eq!("1.0000000".parse::<MicroUsd>(), Err(MoneyError::TooFine));
        let too_large = ["1000000000.000001", "1000000001", "9223372036854775807", "99999999999999999999999999"];
        for text in too_large {
            assert_eq!(text.parse::<MicroUsd>(), Err(MoneyError::TooLarge), "{text}");
        }
    }

    #[test]
    fn what_is_shown_has_no_idle_zeros() {
        let cases =
            [(0, "0"), (1, "0.000001"), (500_000, "0.5"), (3_000_000, "3"), (120_000_000, "120"), (-1_500_000, "-1.5")];
        for (micro, text) in cases {
            assert_eq!(MicroUsd(micro).to_string(), text);
        }
        assert_eq!(MicroUsd(i64::MIN).to_string(), "-9223372036854.775808");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_what_was_parsed(micro in 0..=MAX_USD * MICRO) {
            prop_assert_eq!(MicroUsd(micro).to_string().parse(), Ok(MicroUsd(micro)));
        }

        #[test]
        fn no_text_panics(text in "[0-9.+e-]{0,24}") {
            if let Ok(amount) = text.parse::<MicroUsd>() {
                prop_assert!((0..=MAX_USD * MICRO).contains(&amount.0));
            }
        }
    }
}
