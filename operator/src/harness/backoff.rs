//! Failures in a row, per object. kube-runtime's own error policy learns nothing of successes and so cannot count.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts failures in a row by controller and object UID. A re-created object starts anew.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<(&'static str, String), u32>>);

impl Backoff {
    /// Counts a failure; gives how many in a row that makes, from 1.
    pub fn failure(&self, controller: &'static str, uid: &str) -> u32 {
        let mut counts = self.lock();
        let count = counts.entry((controller, uid.to_owned())).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    /// Forgets the failures of an object: it succeeded, or is gone.
    pub fn reset(&self, controller: &'static str, uid: &str) {
        self.lock().remove(&(controller, uid.to_owned()));
    }

    /// Failures in a row so far. For a report that stays quiet about the first few.
    pub fn failures(&self, controller: &'static str, uid: &str) -> u32 {
        self.lock().get(&(controller, uid.to_owned())).copied().unwrap_or(0)
    }

    /// Objects of `controller` that fail at present, and the longest series among them.
    pub fn failing(&self, controller: &'static str) -> (usize, u32) {
        let counts = self.lock();
        let failing = counts.iter().filter(|((name, _), _)| *name == controller);
        failing.fold((0, 0), |(objects, longest), (_, count)| (objects + 1, longest.max(*count)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(&'static str, String), u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_object_by_itself_and_forgets_on_success() {
        let backoff = Backoff::default();
        assert_eq!((backoff.failure("gateway", "a"), backoff.failure("gateway", "a")), (1, 2));
        assert_eq!(backoff.failure("tenant", "a"), 1);
        assert_eq!(backoff.failure("gateway", "b"), 1);
        assert_eq!(backoff.failing("gateway"), (2, 2));
        backoff.reset("gateway", "a");
        assert_eq!((backoff.failures("gateway", "a"), backoff.failures("tenant", "a")), (0, 1));
        assert_eq!(backoff.failure("gateway", "a"), 1);
    }
}
