//! Keys of the authorizer's answer that the forwarder reads from `requestContext.authorizer`.
//!
//! API Gateway passes the context as a flat map of strings; these names are ours alone and a client cannot set them.

/// Id of the tenant the credential belongs to, for example `tk3v9…`. The forwarder refuses an event without it.
pub const TENANT: &str = "tenant";

/// What was presented: for an API key its id, for example `k2`, for a token the hash of the identity it proves. The
/// forwarder checks it against the policy in hand, so a revoked key or identity stops at once although the
/// authorizer's answer is cached.
pub const CREDENTIAL: &str = "credential";

/// Who used the credential: for an API key the credential id again, for a token a hash of its subject.
pub const SUBJECT: &str = "subject";

/// When the token that was presented ends, in seconds since the Unix epoch; absent for an API key, which has no end of
/// its own. API Gateway reuses an answer for as long as the gateway's cache time whatever the token says, so the
/// forwarder looks again.
pub const EXPIRES: &str = "expires";
