//! What a tenant asks for about its credential: how often it is replaced, how long two are valid, and a rotation now.

use aigw_api::ApiKey;
use aigw_api::conditions::reason;

use crate::identity::sha256_hex;
use crate::violation::Violation;

/// How long a replaced credential has to be unused before it ends, where the tenant does not say: longer than a weekend on
/// which a workload may have nothing to do.
pub const DEFAULT_OVERLAP: i64 = 72 * HOUR;
/// Characters of a request's digest that are remembered: enough to tell the requests of one tenant apart.
const DIGEST_LENGTH: usize = 16;
const HOUR: i64 = 3600;
const MINUTE: i64 = 60;
/// Shortest and longest `rotateEvery`, in seconds; the schema has the same.
const EVERY: std::ops::RangeInclusive<i64> = HOUR..=8760 * HOUR;
/// Shortest and longest `overlap`, in seconds; the schema has the same.
const OVERLAP: std::ops::RangeInclusive<i64> = 0..=168 * HOUR;

/// When a credential is to be replaced, and when the one before it may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Age in seconds at which the active credential is replaced.
    pub every: Option<i64>,
    /// Seconds that a replaced credential has to be unused before it ends.
    pub overlap: i64,
    /// Digest of the present request for a rotation, answered or not. A digest, because an annotation may be long.
    pub request: Option<String>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { every: None, overlap: DEFAULT_OVERLAP, request: None }
    }
}

/// What `api_key` and the value of the annotation, if there is one, ask for.
///
/// # Errors
/// A time span that is none, or out of bounds.
pub(super) fn rotation(api_key: &ApiKey, request: Option<&str>) -> Result<Rotation, Violation> {
    let every = api_key.rotate_every.as_deref();
    let overlap = api_key.overlap.as_deref();
    Ok(Rotation {
        every: every.map(|text| bounded("spec.apiKey.rotateEvery", text, &EVERY)).transpose()?,
        overlap: overlap.map_or(Ok(DEFAULT_OVERLAP), |text| bounded("spec.apiKey.overlap", text, &OVERLAP))?,
        request: request
            .filter(|request| !request.is_empty())
            .map(|request| sha256_hex(request)[..DIGEST_LENGTH].to_owned()),
    })
}

fn bounded(path: &str, text: &str, bounds: &std::ops::RangeInclusive<i64>) -> Result<i64, Violation> {
    seconds(text).filter(|seconds| bounds.contains(seconds)).ok_or_else(|| {
        let (least, most) = (span(*bounds.start()), span(*bounds.end()));
        let message = format!("{text:?} is no time span from {least} to {most}; write it as 36h or 1h30m");
        Violation::new(path, reason::INVALID, message)
    })
}

/// Seconds of a time span in Go's notation, of whole hours, minutes and seconds.
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0_i64, None::<i64>);
    for character in text.chars() {
        let unit = match character {
            'h' => HOUR,
            'm' => MINUTE,
            's' => 1,
            digit => {
                let digit = i64::from(digit.to_digit(10)?);
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
                continue;
            }
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then_some(total)
}

/// A time span as it is written in specs.
pub(super) fn span(seconds: i64) -> String {
    let parts = [(seconds / HOUR, 'h'), (seconds % HOUR / MINUTE, 'm'), (seconds % MINUTE, 's')];
    let text: String =
        parts.into_iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_go_does() {
        for (text, count) in [("72h", 259_200), ("1h30m", 5_400), ("90s", 90), ("0s", 0), ("2h0m5s", 7_205)] {
            assert_eq!(seconds(text), Some(count), "{text}");
            assert_eq!(seconds(&span(count)), Some(count));
        }
        for text in ["", "5", "h", "1d", "-1h", "1.5h", "1h5", "99999999999999999999s", "9223372036854775807h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!((span(5_400), span(0), span(61)), ("1h30m".into(), "0s".into(), "1m1s".into()));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_its_field() {
        let asked = |every: &str, overlap: &str| {
            let api_key =
                ApiKey { rotate_every: Some(every.into()), overlap: Some(overlap.into()), ..ApiKey::default() };
            rotation(&api_key, None)
        };
        assert_eq!(asked("1h", "0s").unwrap(), Rotation { every: Some(3_600), overlap: 0, request: None });
        assert!(asked("59m", "0s").unwrap_err().to_string().starts_with("spec.apiKey.rotateEvery: \"59m\" is no time"));
        assert_eq!(asked("1h", "169h").unwrap_err().path, "spec.apiKey.overlap");
    }

    #[test]
    fn a_request_is_known_by_its_digest_and_an_empty_one_is_none() {
        let request = |value| rotation(&ApiKey::default(), value).unwrap().request;
        assert_eq!(request(Some("")), None);
        assert_eq!(request(None), None);
        assert_eq!(request(Some("2026-11-25")).unwrap().len(), DIGEST_LENGTH);
        assert_ne!(request(Some("a")), request(Some("b")));
    }
}
