//! The zips of the Lambda functions are what Lambda's `provided.al2023` can run, and the same at every build.

use std::path::Path;

use aigw_tests::function_zip::{self, built, entries, highest_glibc};
use aigw_tests::harness::{Suite, test};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, repository};

/// What the image of `provided.al2023` has.
const GLIBC: (u32, u32) = (2, 34);
/// Loading time grows with size.
const LARGEST: usize = 3_000_000;
/// 1980-01-01 00:00:00, the first moment a zip can name.
const FIXED_TIME: usize = 0x0021_0000;
const ELF_MACHINES: [(&str, u8); 2] = [("x86_64", 62), ("arm64", 183)];

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "a_zip_holds_one_executable_called_bootstrap", one_executable),
        test(module_path!(), "a_bootstrap_is_for_its_architecture", right_architecture),
        test(module_path!(), "a_bootstrap_needs_no_newer_glibc_than_lambda_has", old_enough_glibc),
        test(module_path!(), "a_bootstrap_is_small", small),
        test(module_path!(), "a_zip_says_nothing_of_when_it_was_made", no_timestamp),
        test(module_path!(), "a_zip_says_nothing_of_where_it_was_made", no_place),
        test(module_path!(), "a_bootstrap_packed_again_elsewhere_is_the_same_zip", packed_again),
    ];
    Suite::new("functions", tests).needs(function_zip::prepare)
}

/// Panic messages name sources, and must not name the builder's folders: cargo's, and that of this checkout.
fn no_place() -> Outcome {
    let cargo = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"))?;
    let folders = [format!("{cargo}/registry/"), format!("{}/", repository::root().display())];
    each(|_, entry| {
        let content = String::from_utf8_lossy(&entry.content);
        for folder in &folders {
            ensure!(!content.contains(folder.as_str()), "names {folder}");
        }
        // Else the folders may be there in a form that is not looked for.
        ensure!(content.contains("/cargo/registry/"), "no message names the source of a library");
        Ok(())
    })
}

fn packed_again() -> Outcome {
    for zip in built()? {
        let again = function_zip::pack_again(&zip)?;
        ensure!(again == std::fs::read(&zip)?, "{}: packed again it has other bytes", zip.display());
    }
    Ok(())
}

fn each(check: impl Fn(&Path, &function_zip::Entry) -> Outcome) -> Outcome {
    for zip in built()? {
        for entry in entries(&zip)? {
            check(&zip, &entry).map_err(|error| format!("{}: {}", zip.display(), aigw_tests::harness::text(&error)))?;
        }
    }
    Ok(())
}

fn one_executable() -> Outcome {
    for zip in built()? {
        let found: Vec<_> = entries(&zip)?.into_iter().map(|entry| (entry.name, entry.mode)).collect();
        ensure_eq!(found, [("bootstrap".to_owned(), 0o100_755)], "{}", zip.display());
    }
    Ok(())
}

fn right_architecture() -> Outcome {
    each(|zip, entry| {
        let folder = zip.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let machine = ELF_MACHINES.iter().find(|(name, _)| *name == folder).map(|(_, machine)| *machine);
        ensure!(entry.content.starts_with(b"\x7fELF\x02\x01"), "not a 64-bit ELF program");
        ensure_eq!(entry.content.get(18).copied(), machine, "machine of the ELF header");
        Ok(())
    })
}

fn old_enough_glibc() -> Outcome {
    each(|_, entry| {
        let highest = highest_glibc(&entry.content);
        ensure!(highest.is_some_and(|version| version <= GLIBC), "needs glibc {highest:?}, Lambda has {GLIBC:?}");
        Ok(())
    })
}

fn small() -> Outcome {
    let mut sizes = Vec::new();
    for zip in built()? {
        let size: usize = entries(&zip)?.iter().map(|entry| entry.content.len()).sum();
        let name = zip.iter().rev().take(2).map(|part| part.to_string_lossy()).collect::<Vec<_>>();
        sizes.push(format!("{}/{}: {size} bytes unpacked", name[1], name[0]));
        ensure!(size < LARGEST, "{} has {size} bytes, the limit is {LARGEST}", zip.display());
    }
    figures::note("size of the functions", sizes.join("\n"));
    Ok(())
}

fn no_timestamp() -> Outcome {
    each(|_, entry| {
        ensure_eq!(entry.modified, FIXED_TIME, "time of the entry");
        Ok(())
    })
}
