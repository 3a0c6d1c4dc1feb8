//! Recognising a process from another one: a process id alone may have been given to somebody else since, so it is
//! recorded together with its start time and the boot it belongs to.

use std::fs;

use serde::{Deserialize, Serialize};

use super::Signal;

/// A process, unmistakably.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
    /// The boot the start time counts from.
    pub boot: String,
}

impl Identity {
    /// The identity of a process that exists now.
    pub fn of(pid: u32) -> Option<Self> {
        let (_, start) = stat(pid)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self { pid, start, boot: boot.trim().to_owned() })
    }

    /// The identity of this process.
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether that very process still runs.
    pub fn is_alive(&self) -> bool {
        let ended = matches!(stat(self.pid), None | Some(('Z' | 'X', _)));
        !ended && Self::of(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal to that very process, or to its group if it leads one; false when it is gone.
    pub fn signal(&self, signal: Signal, group: bool) -> bool {
        let Ok(pid) = libc::pid_t::try_from(self.pid) else {
            return false;
        };
        self.is_alive() && send(if group { -pid } else { pid }, signal)
    }
}

fn send(target: libc::pid_t, signal: Signal) -> bool {
    // SAFETY: kill takes no pointers.
    unsafe { libc::kill(target, signal.number()) == 0 }
}

/// State and start time from `/proc/PID/stat`.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses; what follows the last one is regular.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}
