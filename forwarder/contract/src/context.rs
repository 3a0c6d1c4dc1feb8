//! Keys of the authorizer's answer that the forwarder reads from `requestContext.authorizer`.
//!
//! API Gateway passes the context as a flat map of strings; these names are ours alone and a client cannot set them.

/// Id of the tenant the credential belongs to, for example `tk3v9…`. The forwarder refuses an event without it.
pub const TENANT: &str = "tenant";

/// Id of the credential that was presented, for example `k2`. The forwarder checks it against the policy in hand,
/// so a revoked key stops at once although the authorizer's answer is cached.
pub const CREDENTIAL: &str = "credential";

/// Who used the credential: for an API key the credential id again, for a token a hash of its subject.
pub const SUBJECT: &str = "subject";
