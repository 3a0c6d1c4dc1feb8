//! Every duration of the harness, with its reason.

use std::time::Duration;

/// A reconcile that takes longer is cut off and counted as failed. kube retries a refused request for minutes on its
/// own, so without this an apiserver outage hides inside one silent reconcile. Long waits in AWS are never awaited.
pub const RECONCILE_DEADLINE: Duration = Duration::from_secs(90);

/// How long reconciles in flight may take to finish after SIGTERM. Below Kubernetes' grace period of 30 s, so that the
/// lease is released by us and not by expiry.
pub const DRAIN: Duration = Duration::from_secs(25);

/// An Event is worth this long and no longer: publishing must never hold up a reconcile.
pub const EVENT_PUBLISH: Duration = Duration::from_secs(5);

/// A watch stream with no sign of life for this long is broken. A healthy one gets a bookmark about each minute and is
/// renewed by kube-runtime after 295 s at the latest.
pub const WATCH_SILENCE: Duration = Duration::from_mins(10);

/// How long a holder of the lease may be silent before another takes it. This and the next two are client-go's values,
/// which clusters are operated by: short enough for a failover nobody waits for, long enough for an apiserver's restart.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);

/// A holder that could not renew for this long stops acting. The rest up to [`LEASE_DURATION`] is for what it has in
/// flight to end before another begins.
pub const LEASE_RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// Between attempts to take or renew the lease.
pub const LEASE_RETRY: Duration = Duration::from_secs(2);

/// Longest wait for an answer about the lease, so that one dead connection leaves time for another attempt before
/// [`LEASE_RENEW_DEADLINE`].
pub const LEASE_REQUEST: Duration = Duration::from_secs(4);

/// Between log lines about a lease that cannot be taken or renewed.
pub const LEASE_REMINDER: Duration = Duration::from_mins(1);

/// How long releasing the lease may take. With [`DRAIN`] still below the grace period.
pub const RELEASE: Duration = Duration::from_secs(3);

/// Between looks for the custom resource definitions at start.
pub const CRD_POLL: Duration = Duration::from_secs(5);

/// Between looks at the labels of a namespace where they cannot be watched. Rules select by them, and a namespace's team waits
/// for nothing longer than that; it costs one small read per namespace.
pub const NAMESPACE_POLL: Duration = Duration::from_secs(15);

/// Between log lines while waiting for the custom resource definitions.
pub const CRD_REMINDER: Duration = Duration::from_mins(1);

/// A connection to the health and metrics server may take this long to send its request head.
pub const HTTP_HEADER_READ: Duration = Duration::from_secs(10);

/// Pause after a connection to the health and metrics server could not be accepted.
pub const HTTP_ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Shortest time between looks at a gateway because of its tenants. A look costs some reads of the account's scarce rate,
/// and a thousand tenants applied at once should not mean a thousand looks.
pub const TENANT_NEWS: Duration = Duration::from_secs(15);

/// From taking the lease to the first sweep, and from a sweep that failed to the next. Whatever a restart or a restore
/// leaves half made has found its owner by then.
pub const SWEEP_FIRST: Duration = Duration::from_mins(10);

/// The sweeper judges nothing younger: what was just made may not be in the cluster's list yet, and a deletion may be
/// under way.
pub const SWEEP_FLOOR: Duration = Duration::from_mins(10);

/// Between looks for Regions to sweep: a gateway that comes and goes within this time in a Region of its own is missed.
pub const SWEEP_REGIONS: Duration = Duration::from_mins(1);
