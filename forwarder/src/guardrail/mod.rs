//! The guardrail that the platform has every call carry: it is written over whatever the client sent.
//!
//! InvokeModel and Chat Completions take it as headers, Converse as a member of the body, which is replaced or added while
//! every other byte stays as it was. What cannot carry one is refused ([`reach`]), and so is a body that narrows what the
//! guardrail looks at, or that two readers could take for different ones ([`body`]). What a guardrail does not look at by
//! AWS's own word is no business of this module, and listed in docs/security.md. Pure: no I/O, no clock.
//!
//! Sources: Bedrock API reference, InvokeModel (headers), `GuardrailStreamConfiguration`; user guide, "Include a guardrail
//! with the Converse API", "Chat Completions API: include a guardrail", and the limitations in "Enforce the use of specific
//! guardrails in model inference requests".

mod body;
mod reach;

use aigw_contract::guardrail::Guardrail;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::amount::object::{Object, edited, ends};
use crate::denial::{BodyProblem, Denial};
use crate::rules::Call;
use reach::Way;

const IDENTIFIER: HeaderName = HeaderName::from_static("x-amzn-bedrock-guardrailidentifier");
const VERSION: HeaderName = HeaderName::from_static("x-amzn-bedrock-guardrailversion");
/// Asks for what the guardrail found, which tells how to get around it.
const TRACE: HeaderName = HeaderName::from_static("x-amzn-bedrock-trace");
/// The member of Converse's body.
const CONFIGURATION: &str = "guardrailConfig";
const JSON: &str = "application/json";

/// A call that carries the guardrail, or has no need of it.
#[derive(Debug, Clone, Copy)]
pub struct Guarded<'a> {
    guardrail: &'a Guardrail,
    way: Way,
}

/// Has a call carry the guardrail, as far as its headers do.
///
/// # Errors
/// [`Denial`] where the operation cannot carry one.
pub fn guard<'a>(guardrail: &'a Guardrail, call: &Call<'_>, headers: &mut HeaderMap) -> Result<Guarded<'a>, Denial> {
    for name in [IDENTIFIER, VERSION, TRACE] {
        headers.remove(name);
    }
    let way = reach::way(call).map_err(|why| why.denial(call, guardrail))?;
    if way == Way::Headers {
        name_in(headers, guardrail)?;
    }
    Ok(Guarded { guardrail, way })
}

impl Guarded<'_> {
    /// The body to send for `body`. `headers` are the call's.
    ///
    /// # Errors
    /// [`Denial`] where the body could get around the guardrail, or cannot be read.
    pub fn body(self, call: &Call<'_>, headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Denial> {
        let Self { guardrail, way } = self;
        if way == Way::Free {
            return Ok(body.clone());
        }
        let operation = call.operation.map_or("this operation", |operation| operation.name);
        if call.encoded {
            return Err(Denial::invalid(format!(
                "calls carry a guardrail, so the gateway reads the body of {operation}; send it without content-encoding"
            )));
        }
        let blocks = way == Way::Converse || way == Way::ConverseStream;
        body::check(body, blocks).map_err(|problem| problem.denial(operation, guardrail))?;
        if blocks {
            return configured(guardrail, way, body).map_err(|problem| problem.denial(operation));
        }
        content_type(headers, operation)?;
        Ok(body.clone())
    }
}

/// Has the call these headers belong to carry the guardrail.
///
/// # Errors
/// [`Denial`] where its id or version is nothing a header can have.
pub fn name_in(headers: &mut HeaderMap, guardrail: &Guardrail) -> Result<(), Denial> {
    headers.insert(IDENTIFIER, value(&guardrail.id)?);
    headers.insert(VERSION, value(&guardrail.version)?);
    Ok(())
}

/// Bedrock refuses a guardrail on a body of any other type, and no type at all is this one (API reference, InvokeModel).
fn content_type(headers: &HeaderMap, operation: &str) -> Result<(), Denial> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(JSON) {
        return Ok(());
    }
    Err(Denial::invalid(format!("calls carry a guardrail, so the content-type of {operation} has to be {JSON}")))
}

/// The body with the guardrail in it, all other bytes as they were.
fn configured(guardrail: &Guardrail, way: Way, body: &[u8]) -> Result<Bytes, BodyProblem> {
    let (members, end) = Object::read(body, 0, &[CONFIGURATION])?;
    if !ends(body, end) {
        return Err(BodyProblem::Malformed);
    }
    let mut configuration = json!({ "guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version });
    if way == Way::ConverseStream {
        // The other mode sends words before they were looked at.
        configuration["streamProcessingMode"] = json!("sync");
    }
    let edit = members.set(CONFIGURATION, &configuration.to_string());
    Ok(edited(body, vec![edit]).into())
}

fn value(text: &str) -> Result<HeaderValue, Denial> {
    HeaderValue::from_str(text).map_err(|_| Denial::internal("the gateway's guardrail is not one that can be sent"))
}

#[cfg(test)]
mod tests;
