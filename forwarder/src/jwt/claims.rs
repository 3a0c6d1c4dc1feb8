//! The claims every token must have, and what they must be.

use serde_json::Value;

use super::{Refused, Trust};

/// How far ahead an issuer's clock may be, in seconds. An end is an end: `exp` has no leeway.
const LEEWAY: f64 = 30.0;
/// Numbers from here on are not exact, and no time either.
const LARGEST_TIME: f64 = 9_007_199_254_740_991.0;
/// Longest subject. OpenID Connect allows 255 characters.
const MAX_SUBJECT: usize = 1_024;

/// What a verified token says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claims<'a> {
    /// `sub`.
    pub subject: &'a str,
    /// `exp`, in whole seconds since the Unix epoch: refuse the token from then on.
    pub expires: i64,
    all: &'a Value,
}

impl<'a> Claims<'a> {
    /// The texts of a claim, which may be one or a list; `claim` is a name, or a JSON pointer if it begins with `/`.
    /// What is no text is passed over: it cannot be what anybody was granted.
    pub fn texts(&self, claim: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let found = if claim.starts_with('/') { self.all.pointer(claim) } else { self.all.get(claim) };
        let list = found.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        found.into_iter().chain(list).filter_map(Value::as_str)
    }
}

/// Checks the claims of a token whose signature is good.
pub(super) fn verify<'a>(all: &'a Value, trust: &Trust<'_>, now: i64) -> Result<Claims<'a>, Refused> {
    let invalid = Refused::Invalid;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
    let now = now as f64;
    let expires = time(all, "exp")?.ok_or(invalid("no exp"))?;
    if now >= expires {
        return Err(invalid("expired"));
    }
    if time(all, "nbf")?.is_some_and(|begins| begins > now + LEEWAY) {
        return Err(invalid("not valid yet"));
    }
    time(all, "iat")?;
    if !is_for(all.get("aud"), trust.audiences) {
        return Err(invalid("for another audience, or none"));
    }
    let subject = all.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
    let subject = subject.filter(|subject| subject.len() <= MAX_SUBJECT).ok_or(invalid("no usable sub"))?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded by LARGEST_TIME")]
    let expires = expires.floor() as i64;
    Ok(Claims { subject, expires, all })
}

/// A time claim; one that is there and no time is an error.
fn time(all: &Value, name: &str) -> Result<Option<f64>, Refused> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let time = value.as_f64().filter(|time| (0.0..=LARGEST_TIME).contains(time));
    time.map(Some).ok_or(Refused::Invalid("a time claim is no time"))
}

/// Whether `aud`, one text or a list of nothing but texts, names one of ours.
fn is_for(audience: Option<&Value>, ours: &[String]) -> bool {
    let is_ours = |name: &str| ours.iter().any(|own| own == name);
    match audience {
        Some(Value::String(name)) => is_ours(name),
        Some(Value::Array(names)) => {
            names.iter().all(Value::is_string) && names.iter().filter_map(Value::as_str).any(is_ours)
        }
        _ => false,
    }
}
