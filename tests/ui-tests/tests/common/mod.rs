//! Programs that do not compile, and what the compiler says of them.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MANIFEST: &str = r#"
[workspace]

[package]
name = "NAME"
version = "0.0.0"
edition = "2024"

[dependencies]
illia = { path = "ILLIA" }
tch = { version = "=0.26.0", features = ["doc-only"] }
"#;

/// The folder of these tests.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The errors in what the compiler printed, without its notes on its own workings.
pub fn errors(said: &str) -> String {
    let mut out = String::new();
    for paragraph in said.split("\n\n").filter(|paragraph| paragraph.starts_with("error")) {
        let lines = paragraph.lines().enumerate();
        let frame = lines.take_while(|(i, line)| {
            *i == 0
                || !(line.starts_with("help")
                    || line.starts_with("note")
                    || line.trim_start().starts_with("= "))
        });
        for (_, line) in frame {
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

/// The programs as one package of this name.
fn package(name: &str, programs: &BTreeMap<String, String>) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(package.join("src"));
    fs::create_dir_all(package.join("src/bin")).expect("a folder can be made");
    let illia = root().join("../..").canonicalize().expect("the library is there");
    let manifest =
        MANIFEST.replace("NAME", name).replace("ILLIA", &illia.to_string_lossy().replace('\\', "/"));
    fs::write(package.join("Cargo.toml"), manifest).expect("the manifest can be written");
    fs::copy(root().join("Cargo.lock"), package.join("Cargo.lock")).expect("the versions are pinned");
    for (program, text) in programs {
        let path = package.join("src/bin").join(program).with_extension("rs");
        fs::write(path, text).expect("a program can be written");
    }
    package
}

/// What the compiler says of each of these programs, error by error, in an incremental build.
pub fn said(name: &str, programs: &BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["check", "--bins", "--keep-going", "--message-format=json"])
        .current_dir(package(name, programs))
        .env("CARGO_INCREMENTAL", "1")
        // One for all packages, so that the library is compiled once.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("checked"))
        .output()
        .expect("cargo runs");
    let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let text = message["message"]["message"].as_str().unwrap_or_default();
        if message["message"]["level"] == "error" && !text.starts_with("aborting") {
            let program = message["target"]["name"].as_str().unwrap_or_default();
            let rendered = message["message"]["rendered"].as_str().unwrap_or_default();
            errors.entry(program.to_owned()).or_default().push(rendered.to_owned());
        }
    }
    assert!(!errors.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    errors
}
