//! What the gateway itself offers a tenant, beside Bedrock: `GET /.aigw/usage`. No family can have such a path. Beside it
//! there is what the operator's probe asks for ([`super::probe`]), which is nobody else's.
//!
//! It costs the tenant nothing, counts as no call, and is answered while the tenant is suspended: a team must see why.

use aigw_contract::probe::PROBE_PATH;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::{Answer, AnswerBody, Proxy, Request, Target};
use crate::admission::{Account, Caller};
use crate::clock::unix_seconds;
use crate::denial::{Denial, Refusal};
use crate::ledger;

/// First segment of the gateway's own paths.
const ROOT: &str = "/.aigw";
const USAGE: &str = "/.aigw/usage";

/// Whether a path is one of the gateway's own.
pub(super) fn is_own(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Proxy {
    /// Answers a request for the gateway itself.
    pub(super) async fn own(&self, request: &Request, caller: &Caller) -> Result<Answer, Refusal> {
        match (&request.method, request.path.as_str()) {
            (&Method::GET, USAGE) => self.usage(caller).await,
            (&Method::GET, PROBE_PATH) => self.probe(caller, request.deadline).await,
            _ => Err(nothing_else().into()),
        }
    }

    async fn usage(&self, caller: &Caller) -> Result<Answer, Refusal> {
        let standing = self.admission.standing(caller).await?;
        let (policy, now) = (&standing.policy.content, unix_seconds());
        Ok(answer(&ledger::usage(policy, &standing.counts, now)))
    }
}

/// What is not there.
pub(super) fn nothing_else() -> Denial {
    Denial::not_found("the gateway itself offers GET /.aigw/usage and nothing else")
}

/// An answer of the gateway's own, which is true at this moment only.
pub(super) fn answer(document: &Value) -> Answer {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer {
        status: StatusCode::OK,
        headers,
        body: AnswerBody::Own(document.to_string().into()),
        target: Target::default(),
        cause: None,
        account: Account::default(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn own_paths_are_told_from_all_others() {
        for (path, own) in [
            ("/.aigw/usage", true),
            ("/.aigw", true),
            ("/.aigw/", true),
            ("/.aigwx/usage", false),
            ("/bedrock-runtime/.aigw/usage", false),
        ] {
            assert_eq!(super::is_own(path), own, "{path}");
        }
    }
}
