use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

fn sh(dir: &TempDir, script: &str) -> Process {
    Spec::new("sh", "/bin/sh", dir.path().join("log"))
        .args(["-c", script])
        .env("PATH", "/usr/bin:/bin")
        .spawn()
        .unwrap()
}

/// The number the script prints, once it is there.
async fn printed_pid(dir: &TempDir) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let text = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok()) {
            return pid;
        }
        assert!(Instant::now() < deadline, "no pid in {text:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn gone(identity: &Identity) -> bool {
    for _ in 0..300 {
        if !identity.is_alive() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn kill_reaches_grandchildren() {
    let dir = TempDir::new().unwrap();
    let process = sh(&dir, "sleep 1000 & echo $!; wait");
    let grandchild = Identity::of(printed_pid(&dir).await).unwrap();
    assert!(grandchild.is_alive());
    process.kill().await;
    assert!(gone(&grandchild).await);
}

#[tokio::test]
async fn drop_reaches_grandchildren() {
    let dir = TempDir::new().unwrap();
    let process = sh(&dir, "sleep 1000 & echo $!; wait");
    let grandchild = Identity::of(printed_pid(&dir).await).unwrap();
    let child = process.identity().unwrap().clone();
    drop(process);
    assert!(!child.is_alive(), "drop waits");
    assert!(gone(&grandchild).await);
}

#[tokio::test]
async fn what_a_leader_leaves_behind_is_killed() {
    let dir = TempDir::new().unwrap();
    let process = sh(&dir, "sleep 1000 & echo $!; sleep 0.5; exit 7");
    let grandchild = Identity::of(printed_pid(&dir).await).unwrap();
    assert_eq!(process.wait().await.code(), Some(7));
    assert!(gone(&grandchild).await);
    assert!(!process.signal(Signal::Kill), "no signal to a number that may be somebody else's");
}

#[tokio::test]
async fn stop_is_polite_first_and_firm_then() {
    let dir = TempDir::new().unwrap();
    let polite = sh(&dir, "trap 'exit 5' TERM; echo 1; while :; do sleep 0.01; done");
    printed_pid(&dir).await;
    assert_eq!(polite.stop(Duration::from_secs(5)).await.code(), Some(5));
    let deaf = sh(&dir, "trap '' TERM; echo 1; while :; do sleep 0.01; done");
    printed_pid(&dir).await;
    assert_eq!(deaf.stop(Duration::from_millis(200)).await.code(), None);
}

/// Not a test by itself: the process the next one kills. It starts a child and waits to be killed.
#[tokio::test]
async fn parent_to_be_killed() {
    let Some(dir) = std::env::var_os("AIGW_TEST_PARENT_DIR") else {
        return;
    };
    let _child = Spec::new("sh", "/bin/sh", Path::new(&dir).join("log"))
        .args(["-c", "echo $$; exec sleep 1000"])
        .env("PATH", "/usr/bin:/bin")
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1000)).await;
}

#[tokio::test]
async fn children_die_when_the_supervisor_is_killed() {
    let dir = TempDir::new().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::tests::parent_to_be_killed"])
        .env("AIGW_TEST_PARENT_DIR", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = Identity::of(printed_pid(&dir).await).unwrap();
    assert!(child.is_alive());
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(gone(&child).await);
}

#[tokio::test]
async fn the_environment_starts_empty() {
    let dir = TempDir::new().unwrap();
    let process = Spec::new("env", "/usr/bin/env", dir.path().join("log")).env("A", "b").spawn().unwrap();
    process.wait().await;
    assert_eq!(fs::read_to_string(dir.path().join("log")).unwrap(), "A=b\n");
}

#[tokio::test]
async fn an_ended_process_is_reported_with_its_last_words() {
    let dir = TempDir::new().unwrap();
    let process = sh(&dir, "echo first; echo last words; exit 3");
    process.wait().await;
    let message = process.check().unwrap_err().to_string();
    assert!(message.contains("sh ended (exit status: 3)"), "{message}");
    assert!(message.ends_with("first\nlast words"), "{message}");
}

#[test]
fn an_identity_is_more_than_a_number() {
    let own = Identity::own().unwrap();
    assert!(own.is_alive());
    let earlier = Identity { start: own.start - 1, ..own.clone() };
    assert!(!earlier.is_alive());
    assert!(!earlier.signal(Signal::Cont, false));
    let other_boot = Identity { boot: "another".to_owned(), ..own };
    assert!(!other_boot.is_alive());
}
