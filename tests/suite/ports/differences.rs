//! Where the emulator is not as AWS, case by case.

/// One difference.
pub struct Difference {
    /// The case that shows it.
    pub case: &'static str,
    /// What AWS does.
    pub aws: &'static str,
    /// Where that is known from.
    pub source: &'static str,
    /// What the emulator does.
    pub emulator: &'static str,
    /// Why it stays.
    pub reason: &'static str,
    /// Part of the message the case fails with on the emulator.
    pub shows: &'static str,
}

/// All of them, sorted by case.
pub const DIFFERENCES: &[Difference] = &[];

impl Difference {
    /// The line of the table in `docs/emulator-differences.md`.
    pub fn row(&self) -> String {
        let Self { case, aws, source, emulator, reason, shows: _ } = self;
        format!("| `{case}` | {aws} | {source} | {emulator} | {reason} |")
    }
}
