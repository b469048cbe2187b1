//! `cargo illia`: sets libtorch up, makes projects, and reads checkpoints and predictions.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod config;
mod doctor;
mod project;
mod report;
mod summary;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use illia_setup::{Platform, TORCH_VERSION};
use lexopt::prelude::*;

/// Why a command failed: sentences for the user.
#[derive(Debug)]
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Result<T> = std::result::Result<T, Failure>;

const HELP: &str = "\
Bayesian neural networks in Rust, on libtorch.

usage: cargo illia COMMAND [ARGUMENT …]

  new NAME [--template T] [--cuda]   make a project that trains and draws its report with `cargo run`; libtorch is downloaded
                                     if it is not there. T: regression (if left out), tabular, images, text
  setup [--cuda]                     get libtorch, once for all projects; in a project, also tell it where that is
  doctor                             say what is wrong with this machine and this project, and what to do
  summary FILE                       what a checkpoint holds
  report TABLE.csv [REPORT.html]     the report in HTML from a table of predictions (columns: target, mean, std; or label and a
                                     probability for each class)

  new --illia FOLDER                 take illia from that checkout
  setup --for PLATFORM               download libtorch for another platform: linux-x86_64, linux-aarch64, macos-aarch64,
                                     windows-x86_64

A libtorch of your own is taken from LIBTORCH (a folder with lib and include).
";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Command {
    Help,
    Version,
    New { name: PathBuf, template: String, cuda: bool, illia: Option<PathBuf> },
    Setup { cuda: bool, platform: Option<String> },
    Doctor,
    Summary(PathBuf),
    Report { table: PathBuf, report: PathBuf },
}

fn main() -> ExitCode {
    let command = match parse(std::env::args_os().skip(1).collect()) {
        Ok(command) => command,
        Err(Failure(sentence)) => {
            eprintln!("cargo illia: {sentence}; `cargo illia --help` lists the commands");
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(Failure(sentence)) => {
            eprintln!("cargo illia: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: Vec<OsString>) -> Result<Command> {
    // Cargo hands its own word on; a program that is started by its name gets none.
    if arguments.first().is_some_and(|word| word == "illia") {
        arguments.remove(0);
    }
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut command: Option<String> = None;
    let mut paths = Vec::new();
    let (mut template, mut cuda, mut illia, mut platform) = (None, false, None, None);
    while let Some(argument) = parser.next()? {
        match (argument, command.as_deref()) {
            (Short('h') | Long("help"), _) => return Ok(Command::Help),
            (Short('V') | Long("version"), None) => return Ok(Command::Version),
            (Value(word), None) => command = Some(word.string()?),
            (Long("template"), Some("new")) => template = Some(parser.value()?.string()?),
            (Long("illia"), Some("new")) => illia = Some(PathBuf::from(parser.value()?)),
            (Long("cuda"), Some("new" | "setup")) => cuda = true,
            (Long("for"), Some("setup")) => platform = Some(parser.value()?.string()?),
            (Value(path), Some(_)) => paths.push(PathBuf::from(path)),
            (other, _) => return Err(other.unexpected().into()),
        }
    }
    let mut paths = paths.into_iter();
    let mut path = |what: &str| {
        let missing = || Failure(format!("`{}` wants {what}", command.as_deref().unwrap_or_default()));
        paths.next().ok_or_else(missing)
    };
    let parsed = match command.as_deref() {
        None | Some("help") => Command::Help,
        Some("new") => Command::New {
            name: path("the project's name")?,
            template: template.unwrap_or_else(|| "regression".to_owned()),
            cuda,
            illia,
        },
        Some("setup") => Command::Setup { cuda, platform },
        Some("doctor") => Command::Doctor,
        Some("summary") => Command::Summary(path("a checkpoint")?),
        Some("report") => Command::Report {
            table: path("a table of predictions")?,
            report: path("a page").unwrap_or_else(|_| PathBuf::from("report.html")),
        },
        Some(other) => return Err(Failure(format!("there is no command `{other}`"))),
    };
    match paths.next() {
        Some(path) => Err(Failure(format!("`{}` is one argument too many", path.display()))),
        None => Ok(parsed),
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Help => print!("{HELP}"),
        Command::Version => println!("cargo-illia {}", env!("CARGO_PKG_VERSION")),
        Command::New { name, template, cuda, illia } => project::new(&name, &template, illia, cuda)?,
        Command::Setup { cuda, platform: None } => setup(cuda)?,
        Command::Setup { cuda, platform: Some(name) } => {
            let platform = Platform::named(&name)?;
            let folder = illia_setup::libtorch(platform, cuda)?;
            println!("libtorch {TORCH_VERSION} for {name} is in {} ({})", folder.display(), platform.tried);
        }
        Command::Doctor => return Ok(doctor::command()),
        Command::Summary(file) => print!("{}", summary::of(&file)?),
        Command::Report { table, report } => return report::command(&table, &report),
    }
    Ok(ExitCode::SUCCESS)
}

fn setup(cuda: bool) -> Result<()> {
    let libtorch = libtorch(cuda)?;
    println!("libtorch {TORCH_VERSION} is in {}", libtorch.display());
    match project::here() {
        Some(root) => match config::write(&root, &libtorch)? {
            config::Written::Ours => println!("The project in {} finds it there.", root.display()),
            config::Written::Theirs => println!("The project in {} has settings of its own.", root.display()),
        },
        None => println!("`cargo illia new NAME` makes a project that finds it there."),
    }
    Ok(())
}

/// The user's own libtorch, or that in the cache, downloaded if it is not there.
fn libtorch(cuda: bool) -> Result<PathBuf> {
    illia_setup::has_compiler()?;
    match illia_setup::of_the_user(std::env::var_os("LIBTORCH").map(PathBuf::from))? {
        Some(folder) => Ok(folder),
        None => Ok(illia_setup::libtorch(Platform::here()?, cuda)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> std::result::Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from).collect()).map_err(|failure| failure.0)
    }

    #[test]
    fn cargos_own_word_is_no_command() {
        let new = Command::New { name: "mine".into(), template: "text".to_owned(), cuda: false, illia: None };
        assert_eq!(parsed("illia new mine --template text"), Ok(new));
        assert_eq!(parsed("doctor"), Ok(Command::Doctor));
        assert_eq!(parsed("illia"), Ok(Command::Help));
        let report = Command::Report { table: "t.csv".into(), report: "report.html".into() };
        assert_eq!(parsed("report t.csv"), Ok(report));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, word) in [
            ("nwe mine", "`nwe`"),
            ("new", "name"),
            ("new a b", "`b`"),
            ("summary --cuda f", "--cuda"),
            ("doctor now", "`now`"),
            ("new a --template", "--template"),
        ] {
            let sentence = parsed(line).expect_err(line);
            assert!(sentence.contains(word), "{line}: {sentence}");
        }
    }
}
