//! The zips that become Lambda functions: read byte by byte, so that what Lambda unpacks is what is checked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, repository};

const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL_HEADER: usize = 30;
const DEFLATED: usize = 8;

/// One entry of a zip.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path in the zip.
    pub name: String,
    /// Unix mode, type bits included.
    pub mode: usize,
    /// Time and date in DOS format.
    pub modified: usize,
    /// The content.
    pub content: Vec<u8>,
}

/// All zips that were built.
pub fn built() -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for architecture in ["arm64", "x86_64"] {
        for name in ["authorizer", "forwarder"] {
            let zip = repository::functions().join(architecture).join(format!("{name}.zip"));
            if zip.exists() {
                found.push(zip);
            }
        }
    }
    Ok(found)
}

/// The zips of this machine's architecture: authorizer and forwarder.
pub fn of_this_machine() -> [PathBuf; 2] {
    let folder = repository::functions().join(repository::architecture());
    ["authorizer", "forwarder"].map(|name| folder.join(format!("{name}.zip")))
}

/// Why the zips of this machine's architecture cannot be looked at.
pub fn prepare() -> Result<(), String> {
    if of_this_machine().iter().any(|zip| !zip.exists()) {
        let folder = repository::functions().join(repository::architecture());
        return Err(format!("no zips in {}; build them with `make functions`", folder.display()));
    }
    Ok(())
}

/// The bytes of a zip made anew of a built zip's bootstrap, in another folder and at another time.
pub fn pack_again(zip: &Path) -> Outcome<Vec<u8>> {
    let name = zip.file_stem().ok_or("no zip")?;
    let architecture = zip.parent().and_then(Path::file_name).ok_or("no folder of an architecture")?;
    let folder = std::env::temp_dir().join(format!("aigw-pack-{}", std::process::id()));
    let bootstrap = entries(zip)?.into_iter().next().ok_or("an empty zip")?.content;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bootstrap)?;
    let script = repository::path("forwarder/pack-functions.py");
    let mut program = Command::new("python3");
    // What may be needed is another test's to say.
    program.arg(script).args(["--glibc", "2.34", "--max-bytes", "100000000", "--machine"]).arg(architecture);
    let output = program.args([&folder, &folder]).arg(name).output();
    let packed = fs::read(folder.join(name).with_extension("zip"));
    fs::remove_dir_all(&folder)?;
    let output = output?;
    crate::ensure!(output.status.success(), "pack-functions.py: {}", String::from_utf8_lossy(&output.stderr));
    Ok(packed?)
}

/// The entries of a zip.
pub fn entries(zip: &Path) -> Outcome<Vec<Entry>> {
    let bytes = fs::read(zip)?;
    let end = find_last(&bytes, END_OF_DIRECTORY).ok_or("no end of the directory: not a zip")?;
    let count = number(&bytes, end + 10, 2)?;
    let mut at = number(&bytes, end + 16, 4)?;
    let mut found = Vec::new();
    for _ in 0..count {
        crate::ensure!(bytes.get(at..at + 4) == Some(DIRECTORY_ENTRY), "no directory entry at {at}");
        let lengths = [number(&bytes, at + 28, 2)?, number(&bytes, at + 30, 2)?, number(&bytes, at + 32, 2)?];
        found.push(Entry {
            name: String::from_utf8(slice(&bytes, at + 46, lengths[0])?.to_vec())?,
            mode: number(&bytes, at + 40, 2)?,
            modified: number(&bytes, at + 12, 4)?,
            content: content(&bytes, at)?,
        });
        at += 46 + lengths.iter().sum::<usize>();
    }
    Ok(found)
}

fn content(bytes: &[u8], entry: usize) -> Outcome<Vec<u8>> {
    let method = number(bytes, entry + 10, 2)?;
    let (packed, size) = (number(bytes, entry + 20, 4)?, number(bytes, entry + 24, 4)?);
    let local = number(bytes, entry + 42, 4)?;
    let start = local + LOCAL_HEADER + number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
    let data = slice(bytes, start, packed)?;
    if method != DEFLATED {
        return Ok(data.to_vec());
    }
    let unpacked = miniz_oxide::inflate::decompress_to_vec_with_limit(data, size);
    Ok(unpacked.map_err(|error| format!("cannot be unpacked: {error:?}"))?)
}

/// The highest version of glibc a program asks for, from the names of its symbol versions.
pub fn highest_glibc(program: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let starts = (0..program.len().saturating_sub(MARK.len())).filter(|&at| program[at..].starts_with(MARK));
    let versions = starts.filter_map(|at| {
        let rest = &program[at + MARK.len()..];
        let text = rest.split(|byte| *byte == 0).next()?;
        let (major, minor) = std::str::from_utf8(text).ok()?.split_once('.')?;
        // 2.2.5 and the like: the third number does not matter here.
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    });
    versions.max()
}

fn number(bytes: &[u8], at: usize, length: usize) -> Outcome<usize> {
    Ok(slice(bytes, at, length)?.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Outcome<&[u8]> {
    Ok(bytes.get(at..at + length).ok_or_else(|| format!("the zip ends before byte {}", at + length))?)
}

fn find_last(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}
