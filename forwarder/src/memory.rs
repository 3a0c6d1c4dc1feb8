//! Allocator thresholds.
//!
//! By default glibc gives large buffers back to the kernel after every call and faults them in again for the next:
//! a third of the CPU of a 1 MB request. Raised thresholds keep them; an environment serves one call at a time, so
//! what it holds is bounded by its largest event.

/// Thresholds to try, largest first: some glibc versions refuse more than 32 MB for the first parameter.
#[cfg(target_env = "gnu")]
const MMAP_THRESHOLDS: [libc::c_int; 2] = [64 << 20, 32 << 20];
#[cfg(target_env = "gnu")]
const TRIM_THRESHOLD: libc::c_int = 256 << 20;

/// Raises the thresholds. Returns whether the allocator accepted; nothing depends on it but speed.
#[cfg(target_env = "gnu")]
pub fn keep_large_buffers() -> bool {
    let accepted = |parameter, value| {
        // SAFETY: mallopt takes two integers and changes the allocator's own state only, under the allocator's lock.
        unsafe { libc::mallopt(parameter, value) == 1 }
    };
    let mmap = MMAP_THRESHOLDS.into_iter().any(|value| accepted(libc::M_MMAP_THRESHOLD, value));
    mmap && accepted(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD)
}

/// Other C libraries have no such thresholds.
#[cfg(not(target_env = "gnu"))]
pub fn keep_large_buffers() -> bool {
    false
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    #[test]
    fn this_glibc_accepts_the_thresholds() {
        assert!(super::keep_large_buffers());
    }
}
