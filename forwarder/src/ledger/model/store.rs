//! The table of the model: as DynamoDB is, or with a defect that has to be caught.

use crate::table::{Guard, Write};

/// How the table evaluates a reservation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// As DynamoDB does.
    Conditional,
    /// The mutation "check then write": the item is read, the decision made, and then written whatever happened since.
    CheckThenWrite,
    /// Without the guards on this attribute, of whatever slot.
    Without(&'static str),
}

impl Store {
    /// The write as this store evaluates it.
    pub(super) fn evaluated(self, write: &Write) -> Write {
        let kept = |guard: &&Guard| match self {
            Self::Conditional => true,
            Self::CheckThenWrite => false,
            Self::Without(name) => guarded(guard).replace(|letter: char| letter.is_ascii_digit(), "") != name,
        };
        Write { guards: write.guards.iter().filter(kept).cloned().collect(), changes: write.changes.clone() }
    }
}

fn guarded(guard: &Guard) -> &str {
    let (Guard::Is(name, _) | Guard::Absent(name) | Guard::AtMost(name, _) | Guard::Unset(name)) = guard;
    name
}
