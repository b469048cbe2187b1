//! Most builds are incremental, and there the compiler tells one mistake once for each function in which it stands: the errors of each case
//! must be as many as they are without.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MANIFEST: &str = r#"
[workspace]

[package]
name = "incremental"
version = "0.0.0"
edition = "2024"

[dependencies]
illia = { path = "ILLIA" }
tch = { version = "=0.26.0", features = ["doc-only"] }
"#;

/// The cases as programs of one package.
fn package(root: &Path) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("incremental");
    let _ = fs::remove_dir_all(package.join("src"));
    fs::create_dir_all(package.join("src/bin")).expect("a folder can be made");
    let illia = root.join("../..").canonicalize().expect("the library is there");
    let manifest = MANIFEST.replace("ILLIA", &illia.to_string_lossy().replace('\\', "/"));
    fs::write(package.join("Cargo.toml"), manifest).expect("the manifest can be written");
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).expect("the versions are pinned");
    for case in fs::read_dir(root.join("cases")).expect("there are cases").flatten() {
        if case.path().extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(case.path()).expect("a case can be read");
            fs::write(package.join("src/bin").join(case.file_name()), text).expect("a case can be written");
        }
    }
    package
}

#[test]
fn one_mistake_is_one_error_in_an_incremental_build() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = Command::new(env!("CARGO"))
        .args(["check", "--bins", "--keep-going", "--message-format=json"])
        .current_dir(package(root))
        .env("CARGO_INCREMENTAL", "1")
        .output()
        .expect("cargo runs");
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let text = message["message"]["message"].as_str().unwrap_or_default();
        if message["message"]["level"] == "error" && !text.starts_with("aborting") {
            let case = message["target"]["name"].as_str().unwrap_or_default();
            *errors.entry(case.to_owned()).or_default() += 1;
        }
    }
    assert!(errors.len() > 150, "{}", String::from_utf8_lossy(&out.stderr));
    let mut wrong = Vec::new();
    for (case, found) in errors {
        let said =
            fs::read_to_string(root.join("cases").join(&case).with_extension("stderr")).unwrap_or_default();
        let wanted = said.lines().filter(|line| line.starts_with("error")).count();
        if found != wanted {
            wrong.push(format!("{case}: {found} errors, not {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
