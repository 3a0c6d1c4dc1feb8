//! What a tenant asks for about its credential: how often it is replaced, how long two are valid, and a rotation now.

use aigw_api::ApiKey;
use aigw_api::conditions::reason;

use crate::identity::sha256_hex;
use crate::time_span::{self, HOUR};
use crate::violation::Violation;

/// How long a replaced credential has to be unused before it ends, where the tenant does not say: longer than a weekend on
/// which a workload may have nothing to do.
pub const DEFAULT_OVERLAP: i64 = 72 * HOUR;
/// Characters of a request's digest that are remembered: enough to tell the requests of one tenant apart.
const DIGEST_LENGTH: usize = 16;
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
    time_span::read(text).filter(|seconds| bounds.contains(seconds)).ok_or_else(|| {
        let (least, most) = (time_span::written(*bounds.start()), time_span::written(*bounds.end()));
        let message = format!("{text:?} is no time span from {least} to {most}; write it as 36h or 1h30m");
        Violation::new(path, reason::INVALID, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
