//! What the tests share: the conformance data beside the project, where it is present.
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and reports on stderr"
)]

use std::path::PathBuf;

/// A file or folder of the shared conformance data: below `$ELKHOUND_SHARED`, else `../shared`.
///
/// `None`, said on stderr, where the data is absent; with `CI=true` its absence fails the test.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ELKHOUND_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no conformance data at {}", file.display());
    // Past the capture of the test harness, so that a skipped suite is seen.
    std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no conformance data\n").ok();
    None
}

/// The JSON lines of a shared file; empty where the data is absent.
pub fn shared_lines(path: &str) -> Vec<serde_json::Value> {
    let Some(file) = shared(path) else { return Vec::new() };
    let text = std::fs::read_to_string(&file).unwrap();
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}
