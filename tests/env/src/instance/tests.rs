use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::process::{Identity, Spec};

fn write_record(dir: &Path, identities: &[Identity]) {
    fs::write(dir.join("processes.json"), serde_json::to_vec(identities).unwrap()).unwrap();
}

#[test]
fn a_folder_is_claimed_once_and_cleared() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("instance");
    assert!(!Folder::is_claimed(&dir).unwrap());
    let folder = Folder::claim(Some(&dir), false).unwrap();
    assert!(Folder::is_claimed(&dir).unwrap());
    assert!(matches!(Folder::claim(Some(&dir), false), Err(Error::InUse(_))));
    fs::write(dir.join("secret"), "").unwrap();
    fs::write(dir.join("logs/a.log"), "").unwrap();
    folder.remove().unwrap();
    assert!(!Folder::is_claimed(&dir).unwrap());
    assert!(!dir.join("secret").exists());
    assert!(dir.join("logs/a.log").exists(), "the logs of a named folder stay");
}

#[test]
fn a_temporary_folder_goes_with_its_owner() {
    let folder = Folder::claim(None, false).unwrap();
    let path = folder.path().to_owned();
    fs::create_dir(path.join("sub")).unwrap();
    drop(folder);
    assert!(!path.exists());
}

#[tokio::test]
async fn leftovers_are_ended_and_strangers_spared() {
    let dir = TempDir::new().unwrap();
    let spawn = |name: &str| Spec::new(name, "/bin/sleep", dir.path().join(name)).arg("1000").spawn().unwrap();
    let (left, stranger) = (spawn("left"), spawn("stranger"));
    let reused = Identity { start: 1, ..stranger.identity().unwrap().clone() };
    write_record(dir.path(), &[left.identity().unwrap().clone(), reused]);
    assert_eq!(end_leftovers(dir.path()), 1);
    left.wait().await;
    assert!(stranger.exit().is_none());
}

#[test]
fn a_broken_record_is_no_reason_to_fail() {
    let dir = TempDir::new().unwrap();
    assert_eq!(end_leftovers(dir.path()), 0);
    fs::write(dir.path().join("processes.json"), "{").unwrap();
    assert_eq!(end_leftovers(dir.path()), 0);
}

#[test]
fn the_env_file_survives_a_shell() {
    let dir = TempDir::new().unwrap();
    let nasty = "it's $HOME `x` \"y\" \\";
    let file = dir.path().join("env");
    fs::write(&file, env_file(&BTreeMap::from([("NASTY".to_owned(), nasty.to_owned())]))).unwrap();
    let output =
        Command::new("/bin/sh").args(["-euc", ". \"$1\"; printf %s \"$NASTY\"", "sh"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), nasty);
}
