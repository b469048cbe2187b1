//! What `cargo xtask release-check` asks cargo-semver-checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{CRATES, Outcome, features_of_docs, manifest, quiet, without_libtorch};
use crate::process::{cargo, root};

/// Whether what can be called has changed since the tag as the version says. cargo-semver-checks is handed what rustdoc says of both, since
/// by itself it would build libtorch's bindings.
pub fn check(tag: &str) -> Outcome {
    let folder = root().join("target/semver");
    let (before, archive) = (folder.join("before"), folder.join("before.tar"));
    let said = |e: std::io::Error| format!("{}: {e}", before.display());
    if before.exists() {
        fs::remove_dir_all(&before).map_err(said)?;
    }
    fs::create_dir_all(&before).map_err(said)?;
    quiet(Command::new("git").args(["archive", "-o"]).arg(&archive).arg(tag).current_dir(root()))?;
    quiet(Command::new("tar").arg("-xf").arg(&archive).current_dir(&before))?;
    let mut compared = 0;
    for (name, _) in CRATES {
        // Macros have no items that could be compared, programs no callers.
        let is_library = !["illia-macros", "cargo-illia"].contains(&name);
        if is_library && before.join(manifest(name)).is_file() {
            let earlier = items(&before, &folder.join("target-before"), name)?;
            let now = items(&root(), &folder.join("target"), name)?;
            let mut check = cargo();
            check
                .arg("semver-checks")
                .arg("--baseline-rustdoc")
                .arg(earlier)
                .arg("--current-rustdoc")
                .arg(now);
            quiet(&mut check).map_err(|said| format!("{name}: {said}"))?;
            compared += 1;
        }
    }
    Ok(format!("{compared} libraries since {tag}"))
}

/// The file in which rustdoc says what a library has; as docs.rs would, and with what only the compiler sees.
fn items(checkout: &Path, target: &Path, name: &str) -> std::result::Result<PathBuf, String> {
    let manifest = fs::read_to_string(checkout.join(manifest(name))).unwrap_or_default();
    let mut command = cargo();
    command.current_dir(checkout).env("CARGO_TARGET_DIR", target);
    command.args(["rustdoc", "--lib", "-p", name, "--features"]);
    command.arg(features_of_docs(&manifest));
    command.args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    command.args(["--document-private-items", "--document-hidden-items"]);
    // Rustdoc's JSON is not stable yet.
    quiet(without_libtorch(command.env("RUSTC_BOOTSTRAP", "1")))?;
    Ok(target.join("doc").join(name.replace('-', "_")).with_extension("json"))
}
