//! What the gateway itself offers a tenant, beside Bedrock: `GET /.aigw/usage`. No family can have such a path.
//!
//! It costs the tenant nothing, counts as no call, and is answered while the tenant is suspended: a team must see why.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

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
        if request.method != Method::GET || request.path != USAGE {
            return Err(Denial::not_found("the gateway itself offers GET /.aigw/usage and nothing else").into());
        }
        let standing = self.admission.standing(caller).await?;
        let (policy, now) = (&standing.policy.content, unix_seconds());
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(Answer {
            status: StatusCode::OK,
            headers,
            body: AnswerBody::Own(ledger::usage(policy, &standing.counts, now).to_string().into()),
            target: Target::default(),
            cause: None,
            account: Account::default(),
        })
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
