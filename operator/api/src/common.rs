//! Names shared by both kinds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// API group of both kinds.
pub const GROUP: &str = "aigateway.dev";
/// The served and stored version.
pub const VERSION: &str = "v1alpha1";

/// Annotations a user may set.
pub mod annotations {
    /// On an AIGateway that is being deleted while tenants are attached: its own name, to delete it all the same.
    pub const CONFIRM_DELETE: &str = "aigateway.dev/confirm-delete";
    /// On an AIGateway another owner keeps alive: that owner's object UID, to take the gateway over from it.
    pub const TAKE_OVER: &str = "aigateway.dev/take-over";
    /// On a Tenant, any new value: replace its credential once. Which values were acted on is remembered with the tenant
    /// in AWS, so one that comes back, with a restore or from Git, does nothing.
    pub const ROTATE: &str = "aigateway.dev/rotate";
    /// On an AIGateway, versions such as `forwarder/12,authorizer/9`: let each take all calls now, also after it was sent back.
    pub const PROMOTE: &str = "aigateway.dev/promote-release";
    /// On an AIGateway, versions such as `forwarder/12`: send back each that is being rolled out.
    pub const ABORT: &str = "aigateway.dev/abort-release";
    /// Any new value asks for a reconcile now.
    pub const RECONCILE_REQUESTED_AT: &str = "aigateway.dev/reconcile-requested-at";
}

/// Labels the operator sets.
pub mod labels {
    /// Standard label: which tool made the object.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// Value of [`MANAGED_BY`] on everything the operator makes.
    pub const MANAGER: &str = "aigw-operator";
    /// Id of the tenant a Secret belongs to: the mark without which the operator never touches a Secret.
    pub const TENANT_ID: &str = "aigateway.dev/tenant-id";
}

/// A namespaced object by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct NamedObject {
    /// Namespace of the object.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
