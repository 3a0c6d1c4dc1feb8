//! Checks the SigV4 signature of a request the way AWS does: from the bytes that arrived.
//!
//! The signature is computed again over exactly the headers the client says it signed, with `%` of the path encoded a
//! second time. Refusals carry AWS's error types and texts, in the order AWS checks. Pure: the clock is an argument.

use std::collections::HashMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SessionTokenMode, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::error::AwsError;

/// What a known access key signs with.
#[derive(Clone, Debug, Default)]
pub struct Secret {
    /// The secret access key.
    pub secret_key: String,
    /// The session token that has to come with it.
    pub session_token: Option<String>,
}

/// What a request is checked against.
#[derive(Debug)]
pub struct Check<'a> {
    /// Known access keys.
    pub secrets: &'a HashMap<String, Secret>,
    /// The region the credential scope must name.
    pub region: &'a str,
    /// The service the credential scope must name.
    pub service: &'a str,
    /// The clock.
    pub now: Timestamp,
    /// How far the date of a request may be off.
    pub max_skew: Duration,
}

/// The parts of an `Authorization: AWS4-HMAC-SHA256 …` header.
#[derive(Debug)]
struct Authorization<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
    AWS Secret Access Key and signing method. Consult the service documentation for details.";
const INVALID_TOKEN: &str = "The security token included in the request is invalid.";

impl Check<'_> {
    /// Checks a request and gives the access key it was signed with.
    pub fn verify(&self, parts: &Parts, body: &[u8]) -> Result<String, AwsError> {
        let header = single(parts, "authorization")?.ok_or_else(|| {
            AwsError::forbidden("MissingAuthenticationTokenException", "Missing Authentication Token")
        })?;
        let authorization = parse(header)?;
        let secret = self
            .secrets
            .get(authorization.access_key)
            .ok_or_else(|| AwsError::forbidden("UnrecognizedClientException", INVALID_TOKEN))?;
        if single(parts, "x-amz-security-token")? != secret.session_token.as_deref() {
            return Err(AwsError::forbidden("UnrecognizedClientException", INVALID_TOKEN));
        }
        self.check_scope(&authorization)?;
        let signed_at = self.check_date(parts, &authorization)?;
        let expected = self.signature(parts, body, &authorization, secret, signed_at)?;
        if expected != authorization.signature {
            return Err(invalid(MISMATCH));
        }
        Ok(authorization.access_key.to_owned())
    }

    fn check_scope(&self, authorization: &Authorization<'_>) -> Result<(), AwsError> {
        if authorization.region != self.region {
            return Err(invalid(format!(
                "Credential should be scoped to a valid region, not '{}'. ",
                authorization.region
            )));
        }
        if authorization.service != self.service {
            return Err(invalid(format!("Credential should be scoped to correct service: '{}'. ", self.service)));
        }
        Ok(())
    }

    fn check_date(&self, parts: &Parts, authorization: &Authorization<'_>) -> Result<Timestamp, AwsError> {
        let text = single(parts, "x-amz-date")?.ok_or_else(|| {
            incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        })?;
        let signed_at = DateTime::strptime("%Y%m%dT%H%M%SZ", text)
            .and_then(|date| date.to_zoned(TimeZone::UTC))
            .map_err(|_| incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{text}'.")))?
            .timestamp();
        if text.get(..8) != Some(authorization.date) {
            return Err(invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{text}'.",
                authorization.date
            )));
        }
        let age = self.now.duration_since(signed_at);
        if age.unsigned_abs() <= self.max_skew {
            return Ok(signed_at);
        }
        let now = self.now.strftime("%Y%m%dT%H%M%SZ");
        let minutes = self.max_skew.as_secs() / 60;
        Err(invalid(if age.is_positive() {
            let limit = (self.now - self.max_skew).strftime("%Y%m%dT%H%M%SZ");
            format!("Signature expired: {text} is now earlier than {limit} ({now} - {minutes} min.)")
        } else {
            let limit = (self.now + self.max_skew).strftime("%Y%m%dT%H%M%SZ");
            format!("Signature not yet current: {text} is still later than {limit} ({now} + {minutes} min.)")
        }))
    }

    fn signature(
        &self,
        parts: &Parts,
        body: &[u8],
        authorization: &Authorization<'_>,
        secret: &Secret,
        signed_at: Timestamp,
    ) -> Result<String, AwsError> {
        let signed = &authorization.signed_headers;
        if !signed.contains(&"host") || !signed.contains(&"x-amz-date") {
            return Err(invalid(
                "'Host' or ':authority' and 'X-Amz-Date' must be 'SignedHeaders' in the AWS Authorization.",
            ));
        }
        let identity = Credentials::new(
            authorization.access_key,
            secret.secret_key.as_str(),
            secret.session_token.clone(),
            None,
            "stub",
        )
        .into();
        let mut settings = SigningSettings::default();
        // The client's list decides, also where the SDKs would leave a header out.
        settings.excluded_headers = None;
        if !signed.contains(&"x-amz-security-token") {
            settings.session_token_mode = SessionTokenMode::Exclude;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(signed_at.into())
            .settings(settings)
            .build()
            .map_err(|error| invalid(error.to_string()))?
            .into();
        let headers = signed_headers(parts, signed)?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let request = SignableRequest::new(
            parts.method.as_str(),
            // The signed host comes from the header list; the authority only makes the address complete.
            format!("http://host.invalid{target}"),
            headers.into_iter(),
            SignableBody::Bytes(body),
        )
        .map_err(|error| invalid(error.to_string()))?;
        let output = sign(request, &params).map_err(|error| invalid(error.to_string()))?;
        Ok(output.signature().to_owned())
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::forbidden("InvalidSignatureException", message)
}

fn incomplete(message: impl Into<String>) -> AwsError {
    AwsError::forbidden("IncompleteSignatureException", message)
}

/// The value of a header that may come only once.
fn single<'a>(parts: &'a Parts, name: &str) -> Result<Option<&'a str>, AwsError> {
    let mut values = parts.headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(incomplete(format!("more than one '{name}' header")));
    }
    first.map(|value| value.to_str().map_err(|_| incomplete(format!("'{name}' is not ASCII text")))).transpose()
}

fn signed_headers<'a>(parts: &'a Parts, signed: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, AwsError> {
    single(parts, "host")?.ok_or_else(|| invalid("the request has no Host header"))?;
    let mut headers = Vec::new();
    for name in signed {
        let before = headers.len();
        for value in parts.headers.get_all(*name) {
            let text = std::str::from_utf8(value.as_bytes()).map_err(|_| invalid(MISMATCH))?;
            headers.push((*name, text));
        }
        if headers.len() == before {
            return Err(invalid(format!("the signed header '{name}' is not in the request")));
        }
    }
    // Both are put in by the signer, from the date and the credentials that were checked.
    headers.retain(|(name, _)| !matches!(*name, "x-amz-date" | "x-amz-security-token"));
    Ok(headers)
}

fn parse(header: &str) -> Result<Authorization<'_>, AwsError> {
    let Some(fields) = header.strip_prefix("AWS4-HMAC-SHA256") else {
        return Err(AwsError::forbidden(
            "AccessDeniedException",
            "Authorization header is not of the AWS4-HMAC-SHA256 scheme; this stub knows no API keys.",
        ));
    };
    let field = |name: &str| {
        fields
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
            .ok_or_else(|| incomplete(format!("Authorization header requires '{name}' parameter.")))
    };
    let credential = field("Credential")?;
    let scope: Vec<&str> = credential.split('/').collect();
    let &[access_key, date, region, service, "aws4_request"] = scope.as_slice() else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'."
        )));
    };
    Ok(Authorization {
        access_key,
        date,
        region,
        service,
        signed_headers: field("SignedHeaders")?.split(';').collect(),
        signature: field("Signature")?,
    })
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
