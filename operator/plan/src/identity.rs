//! Who an object is in AWS: `installation / kind / namespace / name`, and the names derived from it.
//!
//! Not the UID: the cluster is cattle and Git is the truth, so a gateway re-applied in a new cluster must be the same
//! gateway. Physical names carry a short hash of the identity; they are never parsed back.

use sha2::{Digest, Sha256};

/// Tag with the identity of the owning object; the key every look-up uses.
pub const TAG_ID: &str = "aigateway.dev/id";
/// Tag with the UID of the owning object: a guard, not a key.
pub const TAG_OWNER_UID: &str = "aigateway.dev/owner-uid";
/// Tag with the installation, so that a sweep finds everything of one installation.
pub const TAG_INSTALLATION: &str = "aigateway.dev/installation";
/// Tag on a usage plan with the tier it implements.
pub const TAG_TIER: &str = "aigateway.dev/tier";
/// Tag on an API key with the id of the tenant it belongs to.
pub const TAG_TENANT_ID: &str = "aigateway.dev/tenant-id";

/// AWS takes no longer tag values.
const LONGEST_TAG_VALUE: usize = 256;
/// Characters of a name that is too long for a tag: with the longest installation (40), the longest namespace (63) and
/// a hash they fit.
const KEPT_OF_A_LONG_NAME: usize = 100;

/// Name of the operator's probe where tenants have that of their object. No object can have it.
pub const PROBE_NAME: &str = "(probe)";

/// Path of every IAM role the operator makes, so that its own rights can be limited to it.
pub const ROLE_PATH: &str = "/aigw/";

/// Lower-case letters and digits that cannot be mistaken for each other or spell words (no vowels, no `l`, no `y`).
const HASH_ALPHABET: &[u8; 29] = b"0123456789bcdfghjkmnpqrstvwxz";

/// First part of the names of access logs' groups, beside which AWS's own for API Gateway stand.
pub const ACCESS_LOG_PREFIX: &str = "/aws/apigateway/";

/// Identity of an `AIGateway`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayIdentity {
    /// The installation of the operator, a Helm value that is stable across clusters.
    pub installation: String,
    /// Namespace of the AIGateway.
    pub namespace: String,
    /// Name of the AIGateway.
    pub name: String,
}

impl GatewayIdentity {
    /// The value of [`TAG_ID`].
    pub fn id(&self) -> String {
        let Self { installation, namespace, name } = self;
        let whole = format!("{installation}/AIGateway/{namespace}/{name}");
        if whole.len() <= LONGEST_TAG_VALUE {
            return whole;
        }
        // No name has a '=', so this is nobody else's id. Names are ASCII.
        let (begin, hash) = (&name[..KEPT_OF_A_LONG_NAME.min(name.len())], short_hash(&whole, 20));
        format!("{installation}/AIGateway/{namespace}/{begin}={hash}")
    }

    /// The identity whose [`Self::id`] this is, if it is one.
    pub fn from_id(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id.split('/').collect();
        match parts[..] {
            [installation, "AIGateway", namespace, name]
                if [installation, namespace, name].iter().all(|part| !part.is_empty()) =>
            {
                Some(Self { installation: installation.into(), namespace: namespace.into(), name: name.into() })
            }
            _ => None,
        }
    }

    /// Name shared by the gateway's AWS objects, `aigw-` and ten characters: table, and prefix of all else.
    pub fn physical_name(&self) -> String {
        format!("aigw-{}", short_hash(&self.id(), 10))
    }

    /// Name of a function, its role and (with a prefix) its log group.
    pub fn function_name(&self, function: Function) -> String {
        format!("{}-{}", self.physical_name(), function.as_str())
    }

    /// Log group of the access log.
    pub fn access_log_group(&self) -> String {
        format!("{ACCESS_LOG_PREFIX}{}", self.physical_name())
    }

    /// Id of a tenant of this gateway: `t` and fifteen characters. Survives deletion and re-creation of the Tenant.
    pub fn tenant_id(&self, namespace: &str, name: &str) -> String {
        format!("t{}", short_hash(&format!("{}\n{namespace}\n{name}", self.id()), 15))
    }

    /// Id of the operator's probe, which is to the data plane a tenant of the gateway.
    pub fn probe_id(&self) -> String {
        self.tenant_id(&self.namespace, PROBE_NAME)
    }

    /// First characters of the names of this gateway's internal API keys.
    pub fn api_key_prefix(&self) -> String {
        format!("{}-", self.physical_name())
    }
}

/// The two functions of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Signs and streams calls to Bedrock.
    Forwarder,
    /// Turns a credential into a tenant.
    Authorizer,
}

impl Function {
    /// Both, in the order they are made.
    pub const ALL: [Self; 2] = [Self::Forwarder, Self::Authorizer];

    /// Name in file names, AWS names and status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forwarder => "forwarder",
            Self::Authorizer => "authorizer",
        }
    }
}

/// Lower-case hex SHA-256 of `text`.
pub fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// `length` characters of the alphabet above, drawn from a SHA-256; at most 32.
pub fn short_hash(text: &str, length: usize) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(length)
        .map(|byte| char::from(HASH_ALPHABET[usize::from(*byte) % HASH_ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(namespace: &str, name: &str) -> GatewayIdentity {
        GatewayIdentity { installation: "prod-eu".into(), namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn names_are_stable_and_fit_aws_limits() {
        let identity = gateway("ai-platform", "prod");
        assert_eq!(identity.id(), "prod-eu/AIGateway/ai-platform/prod");
        assert_eq!(identity.physical_name(), identity.clone().physical_name());
        assert!(identity.function_name(Function::Authorizer).len() <= 64);
        assert!(identity.tenant_id("team", "search").len() <= 32);
    }

    #[test]
    fn an_id_names_one_gateway_and_other_texts_none() {
        let identity = gateway("ai-platform", "prod");
        assert_eq!(GatewayIdentity::from_id(&identity.id()), Some(identity));
        for text in
            ["", "prod-eu", "prod-eu/Tenant/a/b", "prod-eu/AIGateway/a", "prod-eu/AIGateway//b", "a/AIGateway/b/c/d"]
        {
            assert_eq!(GatewayIdentity::from_id(text), None, "{text}");
        }
    }

    #[test]
    fn moving_the_boundary_between_namespace_and_name_makes_another_identity() {
        assert_ne!(gateway("a", "b-c").physical_name(), gateway("a-b", "c").physical_name());
        let identity = gateway("a", "b");
        assert_ne!(identity.tenant_id("x", "yz"), identity.tenant_id("xy", "z"));
    }
}

#[cfg(test)]
#[path = "identity_properties.rs"]
mod properties;
