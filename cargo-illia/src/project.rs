//! Projects from templates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, Result, config};

/// A project to start from.
pub struct Template {
    pub name: &'static str,
    /// Paths in the project, and what is in them, beside what every project has.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! template {
    ($name:literal, $($file:literal),+) => {
        Template { name: $name, files: &[$(($file, include_str!(concat!("../templates/", $name, "/", $file)))),+] }
    };
}

const TEMPLATES: [Template; 4] = [
    template!("regression", "src/main.rs"),
    template!("tabular", "src/main.rs", "data/houses.csv"),
    template!("images", "src/main.rs"),
    template!("text", "src/main.rs"),
];

/// The program that `cargo illia report` runs.
pub const REPORT: Template = template!("report", "src/main.rs");

const MANIFEST: &str = include_str!("../templates/Cargo.toml.in");
const IGNORED: &str = include_str!("../templates/gitignore.in");

/// `cargo illia new`.
pub fn new(folder: &Path, template: &str, illia: Option<PathBuf>, cuda: bool) -> Result<()> {
    let template = TEMPLATES.iter().find(|t| t.name == template).ok_or_else(|| {
        let known = TEMPLATES.map(|t| t.name).join(", ");
        Failure(format!("there is no template `{template}`; there are {known}"))
    })?;
    let shown = folder.display();
    if folder.exists() {
        return Err(Failure(format!("{shown} is there already: take another name, or move it away")));
    }
    let illia = dependency(illia)?;
    // Before the download, so that a name that cannot be is no wasted time.
    let name = name(folder)?;
    let libtorch = crate::libtorch(cuda)?;
    write(template, folder, &name, &illia, &libtorch)?;
    println!("{shown} is a project with illia. To train its net:\n\n    cd {shown}\n    cargo run");
    Ok(())
}

/// Writes the project.
pub fn write(
    template: &Template,
    folder: &Path,
    name: &str,
    illia: &Dependency,
    libtorch: &Path,
) -> Result<()> {
    let manifest = MANIFEST.replace("{name}", name).replace("{illia}", &illia.text()?);
    let common = [("Cargo.toml", manifest.as_str()), (".gitignore", IGNORED)];
    for (file, text) in common.iter().chain(template.files) {
        let path = folder.join(file);
        let unwritable = |e| Failure(format!("cannot write {}: {e}", path.display()));
        // What has not changed is not compiled anew.
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(unwritable)?;
        fs::write(&path, text).map_err(unwritable)?;
    }
    if let Dependency::Checkout(checkout) = illia {
        // The versions that illia was tested with; cargo leaves out what the project does not need.
        let lock = folder.join("Cargo.lock");
        if !lock.exists() {
            fs::copy(checkout.join("Cargo.lock"), lock).ok();
        }
    }
    config::write(folder, libtorch).map(drop)
}

/// A folder's name as a package's.
fn name(folder: &Path) -> Result<String> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        // A crate of the same name as its dependency would be a circle.
        return match name {
            "illia" | "test" | "core" | "std" => {
                Err(Failure(format!("a project cannot be called `{name}`: take another name")))
            }
            _ => Ok(name.to_owned()),
        };
    }
    Err(Failure(format!("`{name}` is no name for a project: letters first, then digits, `-` and `_` too")))
}

/// Where a project gets illia from.
#[derive(Debug, PartialEq)]
pub enum Dependency {
    /// A folder with its sources.
    Checkout(PathBuf),
    /// The registry.
    Published,
}

impl Dependency {
    /// As it stands in a manifest.
    fn text(&self) -> Result<String> {
        let Self::Checkout(folder) = self else {
            return Ok(format!("\"{}\"", env!("CARGO_PKG_VERSION")));
        };
        let path = folder.to_str().ok_or_else(|| Failure(format!("{} is not UTF-8", folder.display())))?;
        Ok(format!("{{ path = {} }}", serde_json::to_string(path)?))
    }
}

/// The illia that is given, or the one that this program was built beside.
pub fn dependency(given: Option<PathBuf>) -> Result<Dependency> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo builds a published package in its folder of sources, where no other package of the checkout is.
    if given.is_none() && built.components().any(|part| part.as_os_str() == "registry") {
        return Ok(Dependency::Published);
    }
    let folder = given.as_deref().or(built.parent()).unwrap_or(built);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    if !manifest.lines().any(|line| line == "name = \"illia\"") {
        let shown = folder.display();
        return Err(Failure(format!(
            "there is no checkout of illia in {shown}: name its folder, --illia FOLDER"
        )));
    }
    let folder =
        folder.canonicalize().map_err(|e| Failure(format!("cannot open {}: {e}", folder.display())))?;
    Ok(Dependency::Checkout(folder))
}

/// The root of the project in whose folder the program runs, if it depends on illia.
pub fn here() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["locate-project", "--workspace", "--message-format", "plain"];
    let manifest = PathBuf::from(illia_setup::output(Command::new(cargo).args(words))?);
    fs::read_to_string(&manifest).ok()?.contains("illia").then(|| manifest.parent().map(Path::to_path_buf))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> Dependency {
        dependency(None).expect("the checkout that the tests are built in")
    }

    #[test]
    fn every_template_becomes_a_whole_project() {
        let root = std::env::temp_dir().join(format!("illia-new-{}", std::process::id()));
        for template in TEMPLATES.iter().chain([&REPORT]) {
            let folder = root.join(template.name);
            write(template, &folder, "mine", &checkout(), Path::new("/libtorch")).unwrap();
            let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
            let main = read("src/main.rs");
            for used in main.split("include_bytes!(\"../").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(folder.join(used).is_file(), "{}: {used}", template.name);
            }
            assert!(main.contains("#[test]"), "{}", template.name);
            assert!(!read("Cargo.toml").contains("{name}"));
            assert_eq!(config::libtorch_of(&read(".cargo/config.toml")), Some("/libtorch".into()));
            // Cargo itself takes the manifest for one, offline.
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let words = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
            let metadata = illia_setup::output(Command::new(cargo).args(words).current_dir(&folder)).unwrap();
            let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
            let package = &metadata["packages"][0];
            assert_eq!(
                (&package["name"], &package["dependencies"][0]["name"]),
                (&"mine".into(), &"illia".into())
            );
        }
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let root = std::env::temp_dir().join(format!("illia-there-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let sentence = new(&root, "regression", None, false).unwrap_err().0;
        assert!(sentence.contains("is there already"), "{sentence}");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
        fs::remove_dir_all(&root).unwrap();
        let sentence = new(&root, "sound", None, false).unwrap_err().0;
        assert!(sentence.contains("`sound`") && sentence.contains("tabular"), "{sentence}");
    }

    #[test]
    fn names_that_cargo_refuses_are_refused_before_anything_is_downloaded() {
        assert_eq!(name(Path::new("some/where/my-net_2")).unwrap(), "my-net_2");
        for refused in ["2nets", "my net", "illia", "..", "é"] {
            assert!(name(Path::new(refused)).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_folder_that_is_no_checkout_is_refused() {
        assert!(matches!(checkout(), Dependency::Checkout(_)));
        let sentence = dependency(Some(std::env::temp_dir())).unwrap_err().0;
        assert!(sentence.contains("--illia"), "{sentence}");
    }
}
