//! A subject as the process it is: started on a core of its own, and what the kernel says it used.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;

/// Which core is whose. Both may be the same: waking another core is much of what a small call costs.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    /// Core of this program and its fakes.
    pub harness: usize,
    /// Core of the subject.
    pub subject: usize,
}

impl Placement {
    /// The first and the last core this program may use, or the first for both; moves this program to the first.
    ///
    /// # Errors
    /// Where the kernel does not let us choose.
    pub fn take(one_core: bool) -> Outcome<Self> {
        let allowed = sched_getaffinity(None)?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let (Some(&harness), Some(&last)) = (cores.first(), cores.last()) else {
            return Err("the kernel names no core this program may run on".into());
        };
        let subject = if one_core { harness } else { last };
        pin(harness)?;
        Ok(Self { harness, subject })
    }
}

fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A running subject; ended when dropped.
pub struct Process {
    child: Child,
    last_line: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command` on the subject's core, which a process inherits from the thread that starts it.
    ///
    /// Its standard output is a pipe that is read all the time, as in Lambda, so that what a subject logs costs it what
    /// logging costs.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn start(command: &mut Command, placement: Placement) -> Outcome<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        pin(placement.subject)?;
        let started = command.spawn();
        pin(placement.harness)?;
        let mut child =
            started.map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
        let last_line = Arc::default();
        if let Some(out) = child.stdout.take() {
            drain(out, Arc::clone(&last_line));
        }
        Ok(Self { child, last_line })
    }

    /// CPU time of all its threads so far. Threads that ended are not counted; none of the subjects ends any while it
    /// is measured.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn cpu(&self) -> Outcome<Duration> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(total))
    }

    /// Peak of its resident memory in KiB.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn peak_kib(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// The last line it wrote to standard output.
    pub fn last_line(&self) -> String {
        self.last_line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails if it ended by itself.
    ///
    /// # Errors
    /// How it ended.
    pub fn check(&mut self) -> Outcome<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("ended by itself: {status}").into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drain(out: ChildStdout, last_line: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            let Ok(line) = line else { return };
            *last_line.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    });
}
