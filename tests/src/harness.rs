//! Runs suites one after another, each as a libtest-mimic run of its own, and says at the end what ran and what did not.
//!
//! A suite that cannot run is never counted as passed: it is in the table with its reason and makes the exit code one.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{Outcome, figures, world};

/// Leaves out the suites that need the local environment, without counting that as a failure.
pub const SKIP: &str = "AIGW_SKIP_E2E";

/// One suite.
pub struct Suite {
    /// Name; every test's name begins with it.
    pub name: &'static str,
    /// The tests, in the order they run.
    pub tests: Vec<Trial>,
    /// What has to work before the first test; an error is why the suite does not run.
    pub prepare: fn() -> Result<(), String>,
    /// Whether it needs the local environment. Its tests then run one after another.
    pub environment: bool,
    /// Tests that mean nothing as things are, by name, with the reason. Not run, and never counted as passed.
    pub left_out: Vec<(String, &'static str)>,
}

impl Suite {
    /// A suite that needs nothing.
    pub fn new(name: &'static str, tests: Vec<Trial>) -> Self {
        Self { name, tests, prepare: || Ok(()), environment: false, left_out: Vec::new() }
    }

    /// A suite of the local environment.
    pub fn in_environment(name: &'static str, tests: Vec<Trial>) -> Self {
        Self { name, tests, prepare: world::prepare, environment: true, left_out: Vec::new() }
    }

    /// With something that has to work before the first test.
    #[must_use]
    pub fn needs(self, prepare: fn() -> Result<(), String>) -> Self {
        Self { prepare, ..self }
    }

    /// Without the tests that `reason` gives a reason for leaving out, by name.
    #[must_use]
    pub fn without(mut self, reason: impl Fn(&str) -> Option<&'static str>) -> Self {
        let named: Vec<_> = self.tests.iter().map(|test| test.name().to_owned()).collect();
        self.left_out = named.into_iter().filter_map(|name| Some((name.clone(), reason(&name)?))).collect();
        self.tests.retain(|test| reason(test.name()).is_none());
        self
    }

    fn selected(&self, arguments: &Arguments) -> bool {
        self.tests.iter().any(|test| !arguments.is_filtered_out(test))
    }
}

/// A test of a suite: `module` is the caller's `module_path!()`, so that the name says where to look.
pub fn test(module: &str, name: &str, run: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    // suite::e2e::drift → e2e::drift
    let place = module.split_once("::").map_or(module, |(_, rest)| rest);
    Trial::test(format!("{place}::{name}"), run)
}

/// A test of the local environment: prints how long it took, and on failure what a person would look at first.
pub fn environment_test(module: &str, name: &str, run: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    test(module, name, move || {
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_text(&*panic).into()));
        let outcome = outcome.and_then(|()| world::check());
        print!("({:.1} s) ", started.elapsed().as_secs_f64());
        if outcome.is_err() {
            world::explain();
        }
        outcome
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("(no message)"))
}

/// How a suite ended.
enum Row {
    Ran { passed: u64, failed: u64, ignored: u64, left_out: usize, took: Duration },
    NotRun { reason: String, wanted: bool },
}

impl Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ran { passed, failed, ignored, left_out, took } => {
                write!(formatter, "{:>4} ran, {passed} passed, {failed} failed", passed + failed)?;
                if *ignored > 0 {
                    write!(formatter, ", {ignored} ignored")?;
                }
                if *left_out > 0 {
                    write!(formatter, ", {left_out} NOT RUN")?;
                }
                write!(formatter, " ({:.1} s)", took.as_secs_f64())
            }
            Self::NotRun { reason, .. } => write!(formatter, " NOT RUN: {reason}"),
        }
    }
}

/// Runs what the arguments select, takes the environment down, prints the table.
pub fn run(suites: Vec<Suite>) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut rows = Vec::new();
    for suite in suites {
        if arguments.list {
            let _ = libtest_mimic::run(&arguments, suite.tests);
        } else if suite.selected(&arguments) {
            let name = suite.name;
            rows.push((name, run_one(&arguments, suite)));
        }
    }
    if arguments.list {
        return ExitCode::SUCCESS;
    }
    if let Err(error) = world::down() {
        rows.push(("take-down", Row::NotRun { reason: error, wanted: true }));
    }
    figures::print();
    summary(&rows)
}

fn run_one(arguments: &Arguments, suite: Suite) -> Row {
    // As cargo announces a test program, for scripts that count by program.
    println!("\n     Running suite (aigw-tests::{})", suite.name);
    let left_out = suite.environment && std::env::var_os(SKIP).is_some_and(|value| value == "1");
    let ready = if left_out { Err(format!("left out by {SKIP}=1")) } else { (suite.prepare)() };
    if let Err(reason) = ready {
        println!("NOT RUN: {reason}");
        return Row::NotRun { reason, wanted: !left_out };
    }
    let arguments = Arguments {
        test_threads: if suite.environment { Some(1) } else { arguments.test_threads },
        ..arguments.clone()
    };
    for (name, reason) in &suite.left_out {
        println!("NOT RUN: {name}: {reason}");
    }
    let started = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, suite.tests);
    Row::Ran {
        passed: conclusion.num_passed,
        failed: conclusion.num_failed,
        ignored: conclusion.num_ignored,
        left_out: suite.left_out.len(),
        took: started.elapsed(),
    }
}

fn summary(rows: &[(&'static str, Row)]) -> ExitCode {
    println!("suites:");
    let (mut passed, mut failed, mut skipped, mut fine) = (0, 0, 0, true);
    for (name, row) in rows {
        println!("  {name:<14} {row}");
        match row {
            Row::Ran { passed: good, failed: bad, ignored, .. } => {
                passed += good;
                failed += bad;
                skipped += ignored;
                fine &= *bad == 0;
            }
            Row::NotRun { wanted, .. } => fine &= !wanted,
        }
    }
    println!(
        "{passed} passed, {failed} failed{}",
        if skipped > 0 { format!(", {skipped} skipped") } else { String::new() }
    );
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The text of a failure.
pub fn text(failed: &Failed) -> &str {
    failed.message().unwrap_or("failed without a message")
}
