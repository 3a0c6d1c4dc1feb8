//! Time spans as specs write them: Go's notation in whole hours, minutes and seconds, the largest first, such as `1h30m`.
//! The schema has the same form.

use std::fmt::Write as _;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;
const UNITS: [(char, i64); 3] = [('h', HOUR), ('m', MINUTE), ('s', 1)];

/// Seconds of a time span. `None` for what is none.
pub(crate) fn read(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0_i64);
    for (unit, seconds) in UNITS {
        if let Some((count, after)) = rest.split_once(unit) {
            total = total.checked_add(number(count)?.checked_mul(seconds)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

/// A number of seconds, zero or more, as a time span.
pub(crate) fn written(seconds: i64) -> String {
    let (mut text, mut rest) = (String::new(), seconds);
    for (unit, of) in UNITS {
        if rest >= of {
            let _ = write!(text, "{}{unit}", rest / of);
            rest %= of;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Digits only: `parse` takes a sign as well.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_go_does() {
        for (text, count) in [("72h", 259_200), ("1h30m", 5_400), ("90s", 90), ("0s", 0), ("2h0m5s", 7_205)] {
            assert_eq!(read(text), Some(count), "{text}");
            assert_eq!(read(&written(count)), Some(count));
        }
        for text in ["", "5", "h", "1d", "-1h", "+1h", "1.5h", "1h5", "1m1h", "1h1h", "99999999999999999999s"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("9223372036854775807h"), None);
        assert_eq!((written(5_400), written(0), written(61)), ("1h30m".into(), "0s".into(), "1m1s".into()));
    }
}
