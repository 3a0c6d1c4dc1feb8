//! Allocator thresholds, for a process that is small most of the time.
//!
//! glibc's own grow with use: a pool of memory per core, none of which gives back what another could use, and lists of a
//! megabyte that stay part of a pool once they were in it. An operator of thousands of tenants lists, parses and
//! forgets all day, so it would keep the size of its busiest moment for ever.

/// One pool for all threads: the operator waits far more than it works.
#[cfg(target_env = "gnu")]
const ARENAS: libc::c_int = 1;
/// Larger blocks go back to the kernel when they are freed. glibc's initial value; set, it no longer grows.
#[cfg(target_env = "gnu")]
const MMAP_THRESHOLD: libc::c_int = 128 << 10;
/// Free memory at the end of the pool beyond this goes back. glibc's initial value, which would grow too.
#[cfg(target_env = "gnu")]
const TRIM_THRESHOLD: libc::c_int = 128 << 10;

/// Sets the thresholds; before the first thread. Returns whether the allocator accepted; nothing depends on it but size.
#[cfg(target_env = "gnu")]
pub fn stay_small() -> bool {
    let accepted = |parameter, value| {
        // SAFETY: mallopt takes two integers and changes the allocator's own state only, under the allocator's lock.
        unsafe { libc::mallopt(parameter, value) == 1 }
    };
    let parameters = [
        (libc::M_ARENA_MAX, ARENAS),
        (libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD),
        (libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD),
    ];
    parameters.into_iter().all(|(parameter, value)| accepted(parameter, value))
}

/// Other C libraries have no such thresholds.
#[cfg(not(target_env = "gnu"))]
pub fn stay_small() -> bool {
    false
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    #[test]
    fn this_glibc_accepts_the_thresholds() {
        assert!(super::stay_small());
    }
}
