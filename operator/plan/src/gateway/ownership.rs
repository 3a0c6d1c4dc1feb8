//! Whether this object may act on the gateway it is named after.
//!
//! Identity is the name in an installation, so a second cluster with the same installation finds the same AWS objects.
//! The ownership record tells whether its writer is alive: then the newcomer keeps away; if it is not, or is this very
//! cluster, the newcomer adopts.

use std::time::Duration;

use aigw_contract::table::OwnerRecord;

use super::observed::Document;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant<'a> {
    /// UID of a namespace of the asking cluster that stands for it.
    pub cluster_uid: &'a str,
    /// UID of the asking AIGateway.
    pub object_uid: &'a str,
    /// Value of the take-over annotation: the object UID that may be overridden.
    pub take_over: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub now: i64,
    /// How often an owner writes its heartbeat; an owner silent for three times as long is gone.
    pub heartbeat: Duration,
}

/// What the record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// Ours, heartbeat recent.
    Ours,
    /// Write this record, under the condition that the counter is `expected`, then act.
    Claim {
        /// Counter of the record read; `None` for none.
        expected: Option<i64>,
        /// Record to write.
        record: OwnerRecord,
        /// Whether the record changes hands, as opposed to a heartbeat.
        adopts: bool,
    },
    /// Somebody else is alive: keep away.
    Elsewhere {
        /// UID of the other object, to be named in the take-over annotation.
        object_uid: String,
        /// UID of the other cluster.
        cluster_uid: String,
    },
}

/// Decides.
pub fn decide(record: Option<&Document<OwnerRecord>>, claimant: &Claimant<'_>) -> Ownership {
    let claim = |expected, epoch, adopts| Ownership::Claim {
        expected,
        adopts,
        record: OwnerRecord {
            cluster_uid: claimant.cluster_uid.into(),
            object_uid: claimant.object_uid.into(),
            epoch,
            heartbeat: claimant.now,
        },
    };
    let Some(Document { version, content }) = record else { return claim(None, 1, false) };
    let every = i64::try_from(claimant.heartbeat.as_secs()).unwrap_or(i64::MAX);
    let silent = claimant.now.saturating_sub(content.heartbeat);
    if content.object_uid == claimant.object_uid {
        return if silent < every { Ownership::Ours } else { claim(Some(*version), content.epoch, false) };
    }
    // In one cluster a name belongs to one object at a time, and that object is the one asking.
    let same_cluster = content.cluster_uid == claimant.cluster_uid;
    let gone = silent >= every.saturating_mul(3);
    let overridden = claimant.take_over == Some(content.object_uid.as_str());
    if same_cluster || gone || overridden {
        claim(Some(*version), content.epoch + 1, true)
    } else {
        Ownership::Elsewhere { object_uid: content.object_uid.clone(), cluster_uid: content.cluster_uid.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cluster: &str, object: &str, heartbeat: i64) -> Document<OwnerRecord> {
        let content = OwnerRecord { cluster_uid: cluster.into(), object_uid: object.into(), epoch: 4, heartbeat };
        Document { version: 7, content }
    }

    fn claimant(take_over: Option<&str>) -> Claimant<'_> {
        Claimant { cluster_uid: "c1", object_uid: "o1", take_over, now: 10_000, heartbeat: Duration::from_mins(5) }
    }

    #[test]
    fn table_of_decisions() {
        let epoch = |ownership: &Ownership| match ownership {
            Ownership::Claim { record, expected, adopts } => Some((record.epoch, *expected, *adopts)),
            _ => None,
        };
        assert_eq!(epoch(&decide(None, &claimant(None))), Some((1, None, false)));
        assert_eq!(decide(Some(&record("c1", "o1", 9_900)), &claimant(None)), Ownership::Ours);
        assert_eq!(epoch(&decide(Some(&record("c1", "o1", 9_700)), &claimant(None))), Some((4, Some(7), false)));
        assert_eq!(epoch(&decide(Some(&record("c1", "old", 9_999)), &claimant(None))), Some((5, Some(7), true)));
        assert_eq!(epoch(&decide(Some(&record("c2", "o2", 9_100)), &claimant(None))), Some((5, Some(7), true)));
        assert_eq!(epoch(&decide(Some(&record("c2", "o2", 9_999)), &claimant(Some("o2")))), Some((5, Some(7), true)));
        let elsewhere = Ownership::Elsewhere { object_uid: "o2".into(), cluster_uid: "c2".into() };
        assert_eq!(decide(Some(&record("c2", "o2", 9_101)), &claimant(Some("other"))), elsewhere);
    }
}
