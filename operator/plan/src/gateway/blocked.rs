//! Why a gateway has no next step: a person has to decide, or to make room.

use std::collections::BTreeSet;

use aigw_api::conditions::reason;

use crate::class::Class;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// More than one object carries the identity; deleting the wrong one would be worse than standing still.
    #[error("{count} {what} carry the tag of this gateway: {ids}; delete all but one")]
    Duplicate {
        /// Kind of object.
        what: &'static str,
        /// How many.
        count: usize,
        /// Their ids.
        ids: String,
    },
    /// The endpoint type in AWS cannot be changed by an import.
    #[error("the REST API {id} is {actual}, not {wanted}; endpoint.type cannot change")]
    EndpointType {
        /// REST API.
        id: String,
        /// Type in AWS.
        actual: String,
        /// Type in the spec.
        wanted: String,
    },
    /// A quota of the account would certainly be hit; the message says which, and what to do.
    #[error("{0}")]
    NoRoom(String),
}

impl Blocked {
    /// Condition reason.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } | Self::EndpointType { .. } => reason::DUPLICATE_EXTERNAL,
            Self::NoRoom(_) => self.class().reason(),
        }
    }

    /// What kind of trouble it is: decides when to look again.
    pub const fn class(&self) -> Class {
        match self {
            Self::Duplicate { .. } | Self::EndpointType { .. } => Class::Invalid,
            Self::NoRoom(_) => Class::Quota,
        }
    }

    /// Several objects where there may be one.
    pub(super) fn duplicate<'a>(what: &'static str, ids: impl Iterator<Item = &'a str>) -> Self {
        // Sorted: the message ends in a condition, and AWS lists in no fixed order.
        let ids: BTreeSet<&str> = ids.collect();
        Self::Duplicate { what, count: ids.len(), ids: ids.into_iter().collect::<Vec<_>>().join(", ") }
    }
}
