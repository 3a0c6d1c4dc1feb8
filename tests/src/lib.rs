//! What the suites share: a harness, a look at the workspace, and the means to drive a whole local environment.
//!
//! A test should read like the sentence it is named after; everything longer than that is here. Calls block: a test is a
//! sequence of steps, and the environment's servers run on a runtime of their own.

pub mod calls;
pub mod charts;
pub mod clients;
pub mod cluster;
pub mod figures;
pub mod function_zip;
pub mod graph;
pub mod harness;
pub mod iam;
pub mod installation;
pub mod inventory;
pub mod manifests;
pub mod markdown;
pub mod names;
pub mod program;
pub mod reference;
pub mod repository;
pub mod secrets;
pub mod shared;
pub mod simulation;
pub mod streams;
pub mod tools;
pub mod usage;
pub mod wait;
pub mod weather;
pub mod world;

use libtest_mimic::Failed;

/// What tests and their helpers return. Any error that can be shown becomes a failure with `?`.
pub type Outcome<T = ()> = Result<T, Failed>;

/// Fails with a message unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+).into());
        }
    };
}

/// Fails unless both values are equal; shows both.
#[macro_export]
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $($message:tt)+) => {{
        let (left, right) = (&$left, &$right);
        if left != right {
            return Err(format!("{}: {left:?}, expected {right:?}", format!($($message)+)).into());
        }
    }};
}
