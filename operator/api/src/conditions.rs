//! Condition types and reasons. A reason is part of the API: scripts and alerts match on it, so it is never renamed.

/// Types of conditions. kstatus (`Ready`, `Reconciling`, `Stalled`) plus ones that carry a meaning of their own.
pub mod kind {
    /// Everything asked for is in place and was observed. What `kubectl wait` should wait for.
    pub const READY: &str = "Ready";
    /// The operator is changing something or waiting for something that passes by itself.
    pub const RECONCILING: &str = "Reconciling";
    /// Nothing will change until a person does something.
    pub const STALLED: &str = "Stalled";
    /// The spec is valid and what it refers to exists and permits it.
    pub const ACCEPTED: &str = "Accepted";
    /// AWS was observed to match the spec.
    pub const PROGRAMMED: &str = "Programmed";
    /// The tenant's Secret holds a credential that the gateway accepts.
    pub const CREDENTIALS_READY: &str = "CredentialsReady";
    /// Calls are refused on purpose.
    pub const SUSPENDED: &str = "Suspended";
    /// The keys of every issuer of tokens were read lately.
    pub const ISSUERS_READY: &str = "IssuersReady";
    /// Every identity the tenant asks for is its own.
    pub const IDENTITIES_READY: &str = "IdentitiesReady";
    /// No budget of the tenant is exhausted. A tenant over its budget is healthy: `Ready` does not depend on it.
    pub const WITHIN_BUDGET: &str = "WithinBudget";
    /// A probe went the way a call goes, and got the answers it should. Unknown while none was made, or where the operator
    /// cannot reach the gateway's URL.
    pub const PROBED: &str = "Probed";
    /// Every call carries the gateway's guardrail, and Bedrock denies the forwarder's role any call without it. Only where
    /// the gateway has one.
    pub const GUARDRAILS_ENFORCED: &str = "GuardrailsEnforced";
    /// The custom domain leads to the gateway.
    pub const DOMAIN_READY: &str = "DomainReady";
    /// Both functions run the versions they should. Only where the gateway's releases are canaries. `Ready` does not depend on
    /// it: the old version serves.
    pub const ROLLED_OUT: &str = "RolledOut";
    /// API Gateway writes an access log. Only where the gateway asks for one; `Ready` does not depend on it, because calls
    /// are served without.
    pub const ACCESS_LOGS_READY: &str = "AccessLogsReady";
    /// The account's quotas leave room.
    pub const CAPACITY_OK: &str = "CapacityOK";
}

/// Reasons of conditions.
pub mod reason {
    /// Spec valid, references resolved.
    pub const ACCEPTED: &str = "Accepted";
    /// The spec breaks a rule that the schema cannot express.
    pub const INVALID: &str = "Invalid";
    /// AWS was read and matches.
    pub const IN_SYNC: &str = "InSync";
    /// Everything is ready.
    pub const READY: &str = "Ready";
    /// Changes are being made.
    pub const PROGRESSING: &str = "Progressing";
    /// Nothing to do.
    pub const IDLE: &str = "Idle";
    /// Waiting for something in AWS that passes by itself.
    pub const WAITING: &str = "Waiting";
    /// AWS limits how fast the control plane may be called.
    pub const THROTTLED: &str = "Throttled";
    /// A quota of the account is used up.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// AWS refused the operator's credentials or permissions.
    pub const ACCESS_DENIED: &str = "AccessDenied";
    /// `spec.accountId` is not the account the credentials belong to.
    pub const WRONG_ACCOUNT: &str = "WrongAccount";
    /// AWS refused a request of ours as invalid.
    pub const REJECTED_BY_AWS: &str = "RejectedByAWS";
    /// AWS failed repeatedly in a way that may pass.
    pub const CLOUD_ERROR: &str = "CloudError";
    /// A defect of the operator: an invariant did not hold, and nothing was changed.
    pub const INTERNAL_ERROR: &str = "InternalError";
    /// Another cluster or object keeps this gateway alive.
    pub const OWNED_ELSEWHERE: &str = "OwnedElsewhere";
    /// More than one AWS object carries this identity; none is touched.
    pub const DUPLICATE_EXTERNAL: &str = "DuplicateExternal";
    /// Deletion waits because tenants are attached.
    pub const TENANTS_ATTACHED: &str = "TenantsAttached";
    /// Being deleted.
    pub const DELETING: &str = "Deleting";
    /// The gateway named by `spec.gatewayRef` does not exist.
    pub const GATEWAY_NOT_FOUND: &str = "GatewayNotFound";
    /// The gateway exists but is not programmed yet.
    pub const GATEWAY_NOT_READY: &str = "GatewayNotReady";
    /// No rule of the gateway admits this tenant.
    pub const NOT_ALLOWED: &str = "NotAllowed";
    /// The namespace already holds as many tenants as its rule allows.
    pub const TOO_MANY_TENANTS: &str = "TooManyTenants";
    /// The tier does not exist or the rule does not allow it.
    pub const TIER_NOT_ALLOWED: &str = "TierNotAllowed";
    /// The rule does not allow a model pattern.
    pub const MODEL_NOT_ALLOWED: &str = "ModelNotAllowed";
    /// The rule does not allow a shared resource, or not for that access.
    pub const RESOURCE_NOT_ALLOWED: &str = "ResourceNotAllowed";
    /// A limit or budget is above what the rule, or the tier, allows.
    pub const LIMIT_NOT_ALLOWED: &str = "LimitNotAllowed";
    /// What is asked for is more than is left of what the tenants of a namespace may have together.
    pub const NAMESPACE_CEILING_REACHED: &str = "NamespaceCeilingReached";
    /// The rule does not allow `enforcement: Shadow`.
    pub const SHADOW_NOT_ALLOWED: &str = "ShadowNotAllowed";
    /// A Secret of that name exists and is not the operator's.
    pub const SECRET_NOT_OURS: &str = "SecretNotOurs";
    /// The credential was issued and is in the Secret.
    pub const ISSUED: &str = "Issued";
    /// A credential that was replaced is still being used.
    pub const OLD_KEY_IN_USE: &str = "OldKeyInUse";
    /// The Secret holds a new credential.
    pub const CREDENTIAL_ROTATED: &str = "CredentialRotated";
    /// API keys are switched off at the gateway.
    pub const API_KEYS_DISABLED: &str = "APIKeysDisabled";
    /// The keys of every issuer were read lately.
    pub const KEYS_MIRRORED: &str = "KeysMirrored";
    /// An issuer cannot be read, or what it answers is not usable.
    pub const ISSUER_UNREACHABLE: &str = "IssuerUnreachable";
    /// The identities are claimed for this tenant.
    pub const CLAIMED: &str = "Claimed";
    /// An identity is not one the gateway or the rule allows this tenant.
    pub const IDENTITY_NOT_ALLOWED: &str = "IdentityNotAllowed";
    /// An identity belongs to another tenant of the gateway.
    pub const IDENTITY_CONFLICT: &str = "IdentityConflict";
    /// Suspended by the platform team.
    pub const SUSPENDED_BY_PLATFORM: &str = "SuspendedByPlatform";
    /// Suspended by the tenant's own spec.
    pub const SUSPENDED_BY_TEAM: &str = "SuspendedByTeam";
    /// `spec.expiresAt` has passed.
    pub const EXPIRED: &str = "Expired";
    /// No budget has reached a percentage that is warned of.
    pub const WITHIN_BUDGET: &str = "WithinBudget";
    /// A budget has reached a percentage that is warned of.
    pub const BUDGET_WARNING: &str = "BudgetWarning";
    /// Less than a percent of a budget is left.
    pub const BUDGET_EXHAUSTED: &str = "BudgetExhausted";
    /// The probe got every answer it should.
    pub const PROBE_PASSED: &str = "ProbePassed";
    /// A probe is under way, or its answer was not clear and it is asked again.
    pub const PROBING: &str = "Probing";
    /// There is no API key to probe with.
    pub const NO_CREDENTIAL: &str = "NoCredential";
    /// The operator cannot reach the gateway's URL.
    pub const UNREACHABLE: &str = "Unreachable";
    /// The gateway does not let the operator's address in.
    pub const SOURCE_NOT_ALLOWED: &str = "SourceNotAllowed";
    /// API Gateway may not call one of the functions: its permission is missing.
    pub const PERMISSION_MISSING: &str = "PermissionMissing";
    /// The authorizer fails.
    pub const AUTHORIZER_FAILED: &str = "AuthorizerFailed";
    /// The authorizer refuses a credential that is good.
    pub const CREDENTIAL_REFUSED: &str = "CredentialRefused";
    /// The internal key is not in a usage plan of the stage.
    pub const PLAN_NOT_ATTACHED: &str = "PlanNotAttached";
    /// The forwarder fails, or does not answer as it should.
    pub const FORWARDER_FAILED: &str = "ForwarderFailed";
    /// The functions cannot reach the table.
    pub const TABLE_UNREACHABLE: &str = "TableUnreachable";
    /// The forwarder's role may not do what it has to.
    pub const ROLE_DENIED: &str = "RoleDenied";
    /// The account has no access to the model the probe asks for.
    pub const MODEL_DENIED: &str = "ModelDenied";
    /// Bedrock does not answer the forwarder.
    pub const BEDROCK_UNREACHABLE: &str = "BedrockUnreachable";
    /// Something that must be refused is not.
    pub const NOT_REFUSED: &str = "NotRefused";
    /// The role denies calls without the guardrail, by its policy or as a probe showed.
    pub const ENFORCED: &str = "Enforced";
    /// Bedrock lets the forwarder's role call without the guardrail.
    pub const GUARDRAIL_NOT_ENFORCED: &str = "GuardrailNotEnforced";
    /// The forwarder's role is not the operator's, and no probe has shown whether it denies calls without the guardrail.
    pub const NOT_SHOWN: &str = "NotShown";
    /// The gateway's own probe fails, so calls of its tenants would.
    pub const GATEWAY_PROBE_FAILED: &str = "GatewayProbeFailed";
    /// The custom domain leads to the gateway.
    pub const DOMAIN_SERVES: &str = "DomainServes";
    /// The custom domain is being made or changed in API Gateway.
    pub const DOMAIN_PENDING: &str = "DomainPending";
    /// API Gateway does not take the custom domain into service.
    pub const DOMAIN_FAILED: &str = "DomainFailed";
    /// The domain name exists in API Gateway and is not this installation's.
    pub const DOMAIN_NOT_OURS: &str = "DomainNotOurs";
    /// The base path leads to another API already.
    pub const BASE_PATH_TAKEN: &str = "BasePathTaken";
    /// Gateways that share a domain ask for different certificates or security policies.
    pub const DOMAIN_CONFLICT: &str = "DomainConflict";
    /// Calls through the custom domain do not come to the gateway: its DNS record is missing or leads elsewhere.
    pub const DOMAIN_NOT_REACHED: &str = "DomainNotReached";
    /// Every function runs the version it should.
    pub const ROLLED_OUT: &str = "RolledOut";
    /// A new version takes a share of the calls.
    pub const ROLLING_OUT: &str = "RollingOut";
    /// A new version waits for the roll-outs of other gateways that began before it.
    pub const AWAITING_TURN: &str = "AwaitingTurn";
    /// A new version was sent back: it failed too often, was too slow, or a person said so.
    pub const ROLLED_BACK: &str = "RolledBack";
    /// A new version is not begun with, because its code was sent back at another gateway.
    pub const HELD_BACK: &str = "HeldBack";
    /// How a new version does cannot be read, so its share of the calls stays as it is.
    pub const METRICS_UNREADABLE: &str = "MetricsUnreadable";
    /// API Gateway writes the access log.
    pub const LOGGING: &str = "Logging";
    /// The account has no role with which API Gateway may write logs.
    pub const LOG_ROLE_MISSING: &str = "LogRoleMissing";
    /// Not suspended.
    pub const ACTIVE: &str = "Active";
    /// Use is below the quota.
    pub const BELOW_QUOTA: &str = "BelowQuota";
    /// Use is close to or at the quota.
    pub const NEAR_QUOTA: &str = "NearQuota";
}
