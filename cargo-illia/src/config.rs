//! What tells cargo where a project's libtorch is.
//!
//! Only cargo's own configuration can: torch-sys's build script reads the environment, which no dependency can set, and an
//! rpath stands in a program only if its own package or the configuration says so. docs/setup.md says what else was tried.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, Result};

/// How a file that may be replaced begins.
const OURS: &str = "# Written by `cargo illia` for this machine";

/// Whose configuration the project has.
#[derive(Debug, PartialEq)]
pub enum Written {
    /// The one that was written now.
    Ours,
    /// One that somebody else wrote, which says where libtorch is.
    Theirs,
}

/// Where a project's configuration is.
pub fn file(root: &Path) -> PathBuf {
    root.join(".cargo/config.toml")
}

/// Tells the project in `root` where its libtorch is.
///
/// # Errors
/// Where the project has a configuration of somebody else's that says nothing of libtorch, and where nothing can be written.
pub fn write(root: &Path, libtorch: &Path) -> Result<Written> {
    let (path, text) = (file(root), text(libtorch)?);
    match fs::read_to_string(&path) {
        Ok(found) if found.starts_with(OURS) => {}
        Ok(found) if found.contains("LIBTORCH") => return Ok(Written::Theirs),
        Ok(_) => {
            let shown = path.display();
            return Err(Failure(format!(
                "{shown} is there and is not of `cargo illia`: add these lines to it\n\n{text}"
            )));
        }
        Err(_) => {}
    }
    let unwritable = |e| Failure(format!("cannot write {}: {e}", path.display()));
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(unwritable)?;
    fs::write(&path, text).map_err(unwritable)?;
    Ok(Written::Ours)
}

/// The folder of libtorch that a configuration of ours names.
pub fn libtorch_of(text: &str) -> Option<PathBuf> {
    let value = text.lines().find_map(|line| line.strip_prefix("LIBTORCH = "))?;
    serde_json::from_str(value).ok()
}

/// The configuration.
fn text(libtorch: &Path) -> Result<String> {
    let libtorch = libtorch.to_str().ok_or_else(|| {
        Failure(format!(
            "the folder {} is not UTF-8, which cargo cannot take: set XDG_CACHE_HOME",
            libtorch.display()
        ))
    })?;
    // Strings of JSON are strings of TOML.
    let quoted = |text: &str| serde_json::to_string(text);
    let mut lines = format!(
        "{OURS}; `cargo illia setup` writes it anew. Not for git.\n[env]\nLIBTORCH = {}\n",
        quoted(libtorch)?
    );
    let beside = match std::env::consts::OS {
        "linux" => "$ORIGIN/lib",
        "macos" => "@executable_path/lib",
        // Windows has no such paths in programs.
        _ => return Ok(lines),
    };
    let arguments = [beside.to_owned(), format!("{libtorch}/lib")]
        .map(|path| quoted(&format!("-Clink-arg=-Wl,-rpath,{path}")));
    let [beside, cache] = arguments;
    lines.push_str(&format!(
        "\n# Where a program looks for libtorch when it runs: in `lib` beside itself, then there.\n\
         [target.'cfg({})']\nrustflags = [{}, {}]\n",
        std::env::consts::FAMILY,
        beside?,
        cache?
    ));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_comes_back_as_it_went_in() {
        for folder in ["/home/you/.cache/illia/torch", "/a b/\"c\"/é\\d"] {
            let text = text(Path::new(folder)).unwrap();
            assert_eq!(libtorch_of(&text), Some(PathBuf::from(folder)), "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn cargo_is_told_of_libtorch_and_of_the_path_in_the_program() {
        let text = text(Path::new("/cache/torch")).unwrap();
        assert!(text.contains("\nLIBTORCH = \"/cache/torch\"\n"), "{text}");
        let flags = r#"["-Clink-arg=-Wl,-rpath,$ORIGIN/lib", "-Clink-arg=-Wl,-rpath,/cache/torch/lib"]"#;
        assert!(text.contains(flags), "{text}");
    }

    #[test]
    fn only_our_own_file_is_replaced() {
        let root = std::env::temp_dir().join(format!("illia-config-{}", std::process::id()));
        let read = || fs::read_to_string(file(&root)).unwrap();
        assert_eq!(write(&root, Path::new("/first")).unwrap(), Written::Ours);
        assert_eq!(write(&root, Path::new("/second")).unwrap(), Written::Ours);
        assert!(read().contains("/second") && !read().contains("/first"));
        fs::write(file(&root), "[env]\nLIBTORCH = \"/other\"\n").unwrap();
        assert_eq!(write(&root, Path::new("/third")).unwrap(), Written::Theirs);
        fs::write(file(&root), "[build]\njobs = 1\n").unwrap();
        let refused = write(&root, Path::new("/third")).unwrap_err().0;
        assert!(refused.contains("LIBTORCH = \"/third\""), "{refused}");
        assert_eq!(read(), "[build]\njobs = 1\n");
        fs::remove_dir_all(&root).unwrap();
    }
}
