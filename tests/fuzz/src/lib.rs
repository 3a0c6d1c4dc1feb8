//! Fuzz targets of the data plane: what it reads of strangers, and what must hold whatever they write.
//!
//! Each module of [`targets`] has `run`, which takes any bytes and panics where a promise is broken, and `seeds`, inputs
//! to begin with. The programs in `bin` hand `run` to libFuzzer.
//!
//! What the forwarder keeps to itself is not made public for this: its files are compiled a second time, as modules
//! of this crate, with the crate's public parts under the names they expect.

pub mod targets;

mod expected;
mod input;
mod request;

use aigw_forwarder::{denial, event_stream, sign};

#[path = "../../../forwarder/src/rules/body.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod body;
#[path = "../../../forwarder/src/lambda/event.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod event;
#[path = "../../../forwarder/src/meter/frames.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod frames;
#[path = "../../../forwarder/src/proxy/headers.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod headers;
#[path = "../../../forwarder/tests/data_plane/support/issuer.rs"]
#[allow(dead_code, missing_docs, clippy::unwrap_used, clippy::missing_panics_doc, reason = "a part of tests")]
mod issuer;
#[path = "../../../forwarder/src/proxy/path.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod path;
#[path = "../../../forwarder/src/query.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod query;
#[path = "../../../forwarder/src/meter/report.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod report;
#[path = "../../../forwarder/src/proxy/route.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod route;
#[path = "../../../forwarder/src/meter/scan.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod scan;
#[path = "../../../forwarder/src/meter/shape.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod shape;
#[path = "../../../forwarder/src/meter/sse.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod sse;
#[path = "../../../forwarder/src/meter/usage.rs"]
#[allow(dead_code, missing_docs, reason = "the forwarder uses more of it")]
mod usage;

/// Writes a target's seeds into the directory that `AIGW_FUZZ_SEEDS` names, if it is set. Called before libFuzzer
/// reads its corpora.
///
/// # Panics
/// Where they cannot be written.
pub fn write_seeds(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(directory) = std::env::var_os("AIGW_FUZZ_SEEDS") else { return };
    for (number, seed) in seeds().into_iter().enumerate() {
        let file = std::path::Path::new(&directory).join(format!("seed-{number:03}"));
        std::fs::write(&file, seed).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// A program for libFuzzer.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::write_seeds($crate::targets::$name::seeds),
            |data: &[u8]| $crate::targets::$name::run(data)
        );
    };
}
