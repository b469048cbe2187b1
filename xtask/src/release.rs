//! `cargo xtask release-check`: what can be known of the crates before they are published, in a line for each check.
//!
//! It builds as docs.rs does, by tch's feature `doc-only`: libtorch and its C++ are not needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use illia_setup::output;

use crate::packages::{
    CRATES, Outcome, entry, features_of_docs, keys, manifest, quiet, read, without_libtorch,
};
use crate::process::{cargo, root};
use crate::{Failure, Result, semver};

/// What may lie beside the folders.
const FILES: [&str; 9] = [
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "build.rs",
];

const FIELDS: [&str; 5] = ["description", "license", "readme", "keywords", "categories"];

/// In bytes, compressed.
const LARGEST: u64 = 1_000_000;

/// `cargo xtask release-check [--verify]`.
pub fn command(arguments: &[String]) -> Result<()> {
    let [verify] = crate::flags("release-check", arguments, ["--verify"])?;
    let mut checks = Checks::default();
    let workspace = read("Cargo.toml");
    let version = entry(&workspace, "workspace.package", "version").unwrap_or_default();

    checks.run("version", || of_one_version(version));
    checks.run("oldest Rust", || oldest_rust(&workspace));
    // From here on nothing is downloaded, but for the oldest dependencies.
    checks.run("dependencies", dependencies);
    for (name, folders) in CRATES {
        checks.run(&format!("fields of {name}"), || fields(&read(manifest(name))));
        checks.run(&format!("files of {name}"), || files(name, folders));
    }
    checks.run("packages", || package(verify));
    for (name, _) in CRATES {
        checks.run(&format!("size of {name}"), || size(name, version));
    }
    for (name, _) in CRATES {
        // docs.rs documents libraries alone.
        if name != "cargo-illia" {
            checks.run(&format!("documentation of {name}"), || document(name));
        }
    }
    let core = read(manifest("illia-core"));
    checks.run("without features", || with_feature(""));
    for feature in keys(&core, "features").filter(|name| *name != "default") {
        checks.run(&format!("with {feature} alone"), || with_feature(feature));
    }
    checks.run("oldest dependencies", oldest_dependencies);
    if has("deny") {
        let deny = |what: &[&str]| {
            let checked = quiet(cargo().args(["deny", "check"]).args(what));
            checked.map(|_| "cargo deny is content".to_owned())
        };
        checks.run("licences", || deny(&["licenses", "bans", "sources"]));
        // They are downloaded.
        checks.run("advisories", || deny(&["advisories"]));
    } else {
        println!("left out  licences and advisories: there is no cargo-deny");
    }
    if output(Command::new("actionlint").arg("-version")).is_some() {
        checks.run("workflows", || {
            quiet(Command::new("actionlint").current_dir(root())).map(|_| "actionlint is content".to_owned())
        });
    } else {
        println!("left out  workflows: there is no actionlint");
    }
    match output(Command::new("git").args(["describe", "--tags", "--abbrev=0"]).current_dir(root())) {
        _ if !has("semver-checks") => println!("left out  semver: there is no cargo-semver-checks"),
        None => println!("left out  semver: there is no tag to compare with"),
        Some(tag) => checks.run("semver", || semver::check(tag.trim())),
    }
    checks.verdict()
}

/// Runs one check after the other, whatever became of the one before.
#[derive(Default)]
struct Checks {
    failed: Vec<String>,
}

impl Checks {
    fn run(&mut self, name: &str, check: impl FnOnce() -> Outcome) {
        let start = Instant::now();
        let outcome = check();
        let took = start.elapsed().as_secs_f64();
        let (verdict, found) = match &outcome {
            Ok(found) => ("passed", found),
            Err(why) => ("FAILED", why),
        };
        println!("{verdict}  {name}: {found} ({took:.1} s)");
        if outcome.is_err() {
            self.failed.push(name.to_owned());
        }
    }

    fn verdict(self) -> Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("not ready to be published: {}", self.failed.join(", "))))
    }
}

/// The changelog and the citation speak of the version that Cargo.toml has.
fn of_one_version(version: &str) -> Outcome {
    let dated = format!("\n## [{version}] - 20");
    if !read("CHANGELOG.md").contains(&dated) {
        return Err(format!("CHANGELOG.md has no dated heading for {version}"));
    }
    if !read("CITATION.cff").contains(&format!("\nversion: {version}\n")) {
        return Err(format!("CITATION.cff is of another version than {version}"));
    }
    Ok(version.to_owned())
}

/// The tests run with the oldest Rust that is promised: a newer one would not notice what the older lacks.
fn oldest_rust(workspace: &str) -> Outcome {
    let promised = entry(workspace, "workspace.package", "rust-version").unwrap_or_default();
    let toolchain = read("rust-toolchain.toml");
    let tested = entry(&toolchain, "toolchain", "channel").unwrap_or_default();
    if tested != promised && tested.strip_suffix(".0") != Some(promised) {
        return Err(format!("{promised} is promised, and the tests run with {tested}"));
    }
    Ok(format!("{promised}, which the tests run with"))
}

/// Downloads them, those of the fuzz targets and of the compile-fail tests too, whose files the workspace's commands don't look at.
fn dependencies() -> Outcome {
    for folder in [".", "fuzz", "tests/ui-tests"] {
        quiet(cargo().args(["fetch", "--locked"]).current_dir(root().join(folder)))
            .map_err(|said| format!("{folder}: {said}"))?;
    }
    Ok("as each Cargo.lock has them".to_owned())
}

fn fields(manifest: &str) -> Outcome {
    let set = |field: &&str| {
        entry(manifest, "package", field).is_some()
            || entry(manifest, "package", &format!("{field}.workspace")).is_some()
    };
    let missing: Vec<_> = FIELDS.into_iter().filter(|field| !set(field)).collect();
    if missing.is_empty() {
        return Ok(FIELDS.join(", "));
    }
    Err(format!("there is no {}", missing.join(", no ")))
}

fn files(name: &str, folders: &[&str]) -> Outcome {
    let list =
        quiet(cargo().args(["package", "--offline", "--allow-dirty", "--no-verify", "--list", "-p", name]))?;
    let strange = strange(&list, folders);
    if strange.is_empty() {
        return Ok(list.lines().count().to_string());
    }
    Err(format!("these do not belong there: {}", strange.join(", ")))
}

/// The paths of a package that nothing in the table above accounts for.
fn strange<'a>(list: &'a str, folders: &[&str]) -> Vec<&'a str> {
    let belongs = |path: &&str| {
        path.starts_with("src/")
            || FILES.contains(path)
            || folders.iter().any(|folder| path.starts_with(folder))
    };
    list.lines().map(str::trim).filter(|path| !path.is_empty() && !belongs(path)).collect()
}

/// Makes all packages at once: each is taken by the next from there, as none of them need be published yet. To verify is to
/// build each from its package alone.
fn package(verify: bool) -> Outcome {
    let mut command = cargo();
    command.args(["package", "--offline", "--allow-dirty", "--features", "tch/doc-only"]);
    if !verify {
        command.arg("--no-verify");
    }
    for (name, _) in CRATES {
        command.args(["-p", name]);
    }
    let built = if verify { "built from their files alone" } else { "not built (--verify does that)" };
    quiet(without_libtorch(&mut command)).map(|_| built.to_owned())
}

fn size(name: &str, version: &str) -> Outcome {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let file = target.join("package").join(format!("{name}-{version}.crate"));
    let bytes = fs::metadata(&file).map_err(|e| format!("{}: {e}", file.display()))?.len();
    if bytes > LARGEST {
        return Err(format!("{bytes} bytes compressed, and {LARGEST} are allowed"));
    }
    Ok(format!("{} kB compressed", bytes.div_ceil(1000)))
}

/// As docs.rs does it: with the features that the manifest asks for there, without libtorch and without a network.
fn document(name: &str) -> Outcome {
    let mut command = cargo();
    command.args(["doc", "--offline", "--no-deps", "--lib", "-p", name, "--features"]);
    command.arg(features_of_docs(&read(manifest(name))));
    command.env("RUSTDOCFLAGS", "--cfg docsrs -D warnings").env("DOCS_RS", "1");
    quiet(without_libtorch(&mut command)).map(|_| "without a warning".to_owned())
}

/// Clippy on the library and its facade with one feature, or none where it is empty.
fn with_feature(feature: &str) -> Outcome {
    let mut command = cargo();
    command.args([
        "clippy",
        "--offline",
        "--lib",
        "-p",
        "illia",
        "-p",
        "illia-core",
        "--no-default-features",
    ]);
    command.args(["--features", &format!("tch/doc-only {feature}"), "--", "-D", "warnings"]);
    quiet(without_libtorch(&mut command)).map(|_| "without a warning".to_owned())
}

/// Whether what the manifests ask of other crates is enough: all crates with the oldest versions that they allow, compiled by the
/// oldest Rust. In a copy of the checkout, since it has a `Cargo.lock` of its own.
fn oldest_dependencies() -> Outcome {
    let folder = root().join("target/oldest");
    let checkout = folder.join("checkout");
    copy(&checkout)?;
    let oldest = || {
        let mut command = cargo();
        command.current_dir(&checkout).env("CARGO_TARGET_DIR", folder.join("target"));
        command
    };
    // Cargo's own oldest-version rule is not stable yet.
    quiet(oldest().args(["generate-lockfile", "-Z", "direct-minimal-versions"]).env("RUSTC_BOOTSTRAP", "1"))?;
    let mut check = oldest();
    check.args(["check", "--locked", "--lib", "--bins", "--features", "tch/doc-only images"]);
    for (name, _) in CRATES {
        check.args(["-p", name]);
    }
    quiet(without_libtorch(&mut check)).map(|_| "all crates compile with them".to_owned())
}

/// Copies what git has of the checkout, or would take, in the place of what was in the folder.
fn copy(to: &Path) -> std::result::Result<(), String> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let list = quiet(Command::new("git").args(list).current_dir(root()))?;
    let said = |e: std::io::Error| format!("{}: {e}", to.display());
    if to.exists() {
        fs::remove_dir_all(to).map_err(said)?;
    }
    for file in list.split('\0').filter(|file| root().join(file).is_file()) {
        let path = to.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(said)?;
        fs::copy(root().join(file), path).map_err(said)?;
    }
    Ok(())
}

fn has(subcommand: &str) -> bool {
    output(cargo().args([subcommand, "--version"])).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
[package]
name = \"it\"
description = \"a = b\"
license.workspace = true

[features]
default = [\"one\"]
# two = []
one = []
";

    #[test]
    fn entries_are_those_of_their_table() {
        assert_eq!(entry(MANIFEST, "package", "description"), Some("a = b"));
        assert_eq!(entry(MANIFEST, "package", "one"), None);
        assert_eq!(keys(MANIFEST, "features").collect::<Vec<_>>(), ["default", "one"]);
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(fields(MANIFEST), Err("there is no readme, no keywords, no categories".to_owned()));
    }

    #[test]
    fn what_does_not_belong_into_a_package_is_named() {
        let list =
            "Cargo.toml\nsrc/lib.rs\ncpp/group.cpp\ndocs/pictures/overview.png\ntests/golden/a.safetensors\n";
        assert_eq!(strange(list, &["cpp/"]), ["docs/pictures/overview.png", "tests/golden/a.safetensors"]);
    }

    #[test]
    fn every_member_that_can_be_published_is_checked() {
        let workspace = read("Cargo.toml");
        let (_, members) = workspace.split_once("members = [").expect("the workspace has members");
        let (members, _) = members.split_once(']').expect("the list ends");
        for member in members.split(',').map(|member| member.trim().trim_matches('"')) {
            let published = !read(format!("{member}/Cargo.toml")).contains("\npublish = false\n");
            let checked = CRATES.iter().any(|(name, _)| *name == member);
            assert_eq!(published, checked, "{member}");
        }
    }
}
