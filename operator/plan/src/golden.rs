//! Test support: texts of plans, kept in files that a reviewer reads.

use std::path::Path;

/// Compares `actual` with the golden file; with `UPDATE_GOLDEN=1` in the environment it writes the file instead.
pub(crate) fn check(folder: &str, name: &str, actual: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder).join("golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        actual,
        golden,
        "\n{} differs; if that is meant: UPDATE_GOLDEN=1 cargo test -p aigw-plan",
        path.display()
    );
}
