//! What is published, and what its manifests say.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::root;

/// The crates in the order in which they are published, each with the folders that belong to it beside `src`.
pub const CRATES: [(&str, &[&str]); 7] = [
    ("illia-shape", &[]),
    ("illia-setup", &[]),
    ("illia-macros", &[]),
    ("illia-core", &[]),
    ("illia-distributed", &["cpp/"]),
    ("illia", &["docs/"]),
    ("cargo-illia", &["templates/"]),
];

/// What a check found, or why it failed.
pub type Outcome = std::result::Result<String, String>;

pub fn manifest(name: &str) -> String {
    if name == "illia" { "Cargo.toml".to_owned() } else { format!("{name}/Cargo.toml") }
}

/// A file of the checkout; empty where there is none, which fails the check that reads it.
pub fn read(file: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

/// The lines of a table of a TOML file that set something.
fn lines<'a>(toml: &'a str, table: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let head = format!("[{table}]");
    let rest = toml.lines().skip_while(move |line| *line != head).skip(1);
    rest.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim(), value.trim()))
    })
}

/// What a table sets, without the quotes of a string.
pub fn entry<'a>(toml: &'a str, table: &str, key: &str) -> Option<&'a str> {
    lines(toml, table).find(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('"'))
}

pub fn keys<'a>(toml: &'a str, table: &str) -> impl Iterator<Item = &'a str> {
    lines(toml, table).map(|(name, _)| name)
}

/// The features that docs.rs is asked for, with spaces between them.
pub fn features_of_docs(manifest: &str) -> String {
    let features = entry(manifest, "package.metadata.docs.rs", "features").unwrap_or_default();
    features.replace(['[', ']', '"', ','], " ").trim().to_owned()
}

pub fn without_libtorch(command: &mut Command) -> &mut Command {
    command.env("LIBTORCH", root().join("target/no-libtorch"))
}

/// What the program prints; where it fails, what it says of that.
pub fn quiet(command: &mut Command) -> Outcome {
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = if output.stderr.is_empty() { output.stdout } else { output.stderr };
    Err(String::from_utf8_lossy(&said).trim().to_owned())
}
