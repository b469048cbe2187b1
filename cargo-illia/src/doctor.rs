//! `cargo illia doctor`: what is wrong with a machine and a project, in sentences.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use illia_setup::{Platform, Python, TORCH_VERSION, is_whole, output, version};

use crate::{config, project};

/// The oldest compiler that illia takes, as `rustc --version` states it.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What was found of one thing.
#[derive(Debug, PartialEq)]
enum Finding {
    Good(String),
    /// Works, but not as one might think.
    Odd(String),
    /// What keeps a project from being built or run, and the way out.
    Bad(String),
}

use Finding::{Bad, Good, Odd};

/// All that is looked at.
struct Machine {
    /// What `rustc --version` prints.
    rustc: Option<String>,
    compiler: Result<(), String>,
    /// What `LIBTORCH` names, or what is wrong with it.
    given: Result<Option<PathBuf>, String>,
    /// Where the cache has libtorch, or would have it, without and with CUDA; why it can't have any.
    cache: Result<[PathBuf; 2], String>,
    /// Whether libtorch could be downloaded.
    python: Result<(), String>,
    /// Those variables of cargo's that take the place of a configuration's flags.
    flags: Option<&'static str>,
    /// The project in whose folder this is, and its configuration.
    project: Option<(PathBuf, Option<String>)>,
    /// What the driver says of GPUs.
    gpu: Option<String>,
}

/// `cargo illia doctor`.
pub fn command() -> ExitCode {
    let findings = findings(&Machine::here());
    for finding in &findings {
        match finding {
            Good(sentence) => println!("good  {sentence}"),
            Odd(sentence) => println!("odd   {sentence}"),
            Bad(sentence) => println!("BAD   {sentence}"),
        }
    }
    let bad = findings.iter().filter(|finding| matches!(finding, Bad(_))).count();
    println!(
        "{}",
        if bad == 0 { "Nothing is wrong." } else { "What is BAD keeps nets from being trained here." }
    );
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Machine {
    fn here() -> Self {
        let sentence = |error: illia_setup::Error| error.to_string();
        let place = |cuda| illia_setup::place(Platform::here()?, cuda);
        let gpu = ["--query-gpu=name,driver_version", "--format=csv,noheader"];
        Machine {
            rustc: output(Command::new("rustc").arg("--version")),
            compiler: illia_setup::has_compiler().map_err(sentence),
            given: illia_setup::of_the_user(std::env::var_os("LIBTORCH").map(PathBuf::from))
                .map_err(sentence),
            cache: place(false).and_then(|cpu| Ok([cpu, place(true)?])).map_err(sentence),
            python: Python::find().and_then(|python| python.pip().map(drop)).map_err(sentence),
            flags: ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"]
                .into_iter()
                .find(|flags| illia_setup::is_set(flags)),
            project: project::here().map(|root| {
                let text = std::fs::read_to_string(config::file(&root)).ok();
                (root, text)
            }),
            gpu: output(Command::new("nvidia-smi").args(gpu))
                .and_then(|text| text.lines().next().map(str::to_owned)),
        }
    }
}

fn findings(machine: &Machine) -> Vec<Finding> {
    let mut all = vec![rust(machine.rustc.as_deref())];
    all.push(match &machine.compiler {
        Ok(()) => Good("There is a C++ compiler.".to_owned()),
        Err(sentence) => Bad(format!("{sentence}.")),
    });
    all.extend(libtorch(machine));
    if let Some((root, text)) = &machine.project {
        all.push(of_project(root, text.as_deref()));
    }
    if let Some(variable) = machine.flags {
        all.push(Odd(format!(
            "{variable} is set, and cargo then leaves out the flags of .cargo/config.toml: programs that are started without \
             cargo will not find libtorch. Unset it, or add those flags to it."
        )));
    }
    if let Some(gpu) = &machine.gpu {
        let with_cuda = machine.cache.as_ref().is_ok_and(|[_, cuda]| is_whole(cuda, true));
        all.push(match with_cuda {
            true => Good(format!("There is a GPU ({gpu}), and libtorch with CUDA.")),
            false => Odd(format!(
                "There is a GPU ({gpu}), which needs libtorch with CUDA: `cargo illia setup --cuda`."
            )),
        });
    }
    all
}

fn rust(found: Option<&str>) -> Finding {
    let Some(found) = found else {
        return Bad("There is no rustc to be found: install Rust (https://rustup.rs).".to_owned());
    };
    let numbers = |text: &str| {
        let mut parts = text.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        Some((parts.next()?, parts.next()?))
    };
    match found.split_whitespace().nth(1).and_then(numbers) {
        Some(version) if Some(version) < numbers(RUST) => {
            Bad(format!("The Rust here is {found}, and illia needs {RUST} or later: `rustup update`."))
        }
        _ => Good(format!("Rust is {found}.")),
    }
}

fn libtorch(machine: &Machine) -> Vec<Finding> {
    match &machine.given {
        Ok(Some(folder)) => {
            return vec![Odd(format!("libtorch is taken from {}, as the variables say.", folder.display()))];
        }
        Err(sentence) => return vec![Bad(format!("{sentence}."))],
        Ok(None) => {}
    }
    let places = match &machine.cache {
        Ok(places) => places,
        Err(sentence) => return vec![Bad(format!("{sentence}."))],
    };
    if let Some((_, there)) = [false, true].iter().zip(places).find(|(cuda, there)| is_whole(there, **cuda)) {
        return vec![Good(format!("libtorch {TORCH_VERSION} is in {}.", there.display()))];
    }
    let [cpu, _] = places;
    let missing = match cpu.exists() {
        true => format!("What is in {} is no whole libtorch {TORCH_VERSION}", cpu.display()),
        false => format!("libtorch {TORCH_VERSION} is not there yet"),
    };
    let mut all = vec![Bad(format!("{missing}: `cargo illia setup` gets it."))];
    if let Err(sentence) = &machine.python {
        all.push(Bad(format!("{sentence}.")));
    }
    all
}

fn of_project(root: &Path, text: Option<&str>) -> Finding {
    let shown = root.display();
    let Some(text) = text else {
        return Bad(format!(
            "The project in {shown} does not know where libtorch is: `cargo illia setup` in its folder."
        ));
    };
    match config::libtorch_of(text) {
        None if text.contains("LIBTORCH") => Good(format!("The project in {shown} has settings of its own.")),
        None => {
            Bad(format!("{shown}/.cargo/config.toml says nothing of LIBTORCH: `cargo illia setup` there."))
        }
        Some(folder) if is_whole(&folder, false) => Good(format!("The project in {shown} finds libtorch.")),
        Some(folder) => {
            let found =
                version(&folder).map_or("nothing whole".to_owned(), |version| format!("version {version}"));
            Bad(format!(
                "The project in {shown} looks for libtorch {TORCH_VERSION} in {}, where {found} is: `cargo illia setup` in \
                 its folder.",
                folder.display()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with what `is_whole` looks for, and a machine on which nothing is wrong.
    fn machine(name: &str) -> (PathBuf, Machine) {
        let folder = std::env::temp_dir().join(format!("illia-doctor-{name}-{}", std::process::id()));
        let header = folder.join("include/torch/headeronly/version.h");
        let [major, minor, patch] = TORCH_VERSION.split('.').collect::<Vec<_>>()[..] else {
            panic!("three numbers")
        };
        std::fs::create_dir_all(header.parent().unwrap()).unwrap();
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        std::fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
        let lines = [("MAJOR", major), ("MINOR", minor), ("PATCH", patch)]
            .map(|(part, number)| format!("#define TORCH_VERSION_{part} {number}\n"));
        std::fs::write(header, lines.concat()).unwrap();
        let settings = format!("[env]\nLIBTORCH = \"{}\"\n", folder.display());
        let machine = Machine {
            rustc: Some("rustc 1.95.0 (59807616e 2026-04-14)".to_owned()),
            compiler: Ok(()),
            given: Ok(None),
            cache: Ok([folder.clone(), folder.join("cuda")]),
            python: Ok(()),
            flags: None,
            project: Some(("/mine".into(), Some(settings))),
            gpu: None,
        };
        (folder, machine)
    }

    fn bad(machine: &Machine) -> Vec<String> {
        let sentences = findings(machine).into_iter().filter_map(|finding| match finding {
            Bad(sentence) => Some(sentence),
            _ => None,
        });
        sentences.collect()
    }

    #[test]
    fn each_thing_that_is_broken_has_its_sentence() {
        let (folder, whole) = machine("broken");
        assert_eq!(bad(&whole), [""; 0]);
        type Break = fn(&mut Machine);
        let cases: [(Break, &str); 8] = [
            (|m| m.rustc = None, "rustup.rs"),
            (|m| m.rustc = Some("rustc 1.80.1 (x)".to_owned()), "rustup update"),
            (|m| m.compiler = Err("there is no C++ compiler".to_owned()), "no C++ compiler"),
            (|m| m.given = Err("LIBTORCH is `x`, which is version 1.0.0".to_owned()), "version 1.0.0"),
            (|m| m.cache = Err("there is no libtorch to download for plan9".to_owned()), "plan9"),
            (|m| m.cache = Ok(["/nowhere".into(), "/nowhere".into()]), "not there yet: `cargo illia setup`"),
            (|m| m.project = Some(("/mine".into(), None)), "/mine does not know where libtorch is"),
            (
                |m| m.project = Some(("/mine".into(), Some("LIBTORCH = \"/gone\"\n".to_owned()))),
                "in /gone, where nothing whole",
            ),
        ];
        for (broken, says) in cases {
            let (_, mut machine) = machine("broken");
            broken(&mut machine);
            let sentences = bad(&machine);
            assert!(matches!(&sentences[..], [one] if one.contains(says)), "{says}: {sentences:?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_half_unpacked_libtorch_is_told_from_none_and_python_asked_for() {
        let (folder, mut machine) = machine("half");
        std::fs::remove_file(folder.join("lib/libtorch_cpu.so")).unwrap();
        machine.python = Err("there is no Python".to_owned());
        machine.project = None;
        let sentences = bad(&machine);
        assert!(
            sentences[0].contains("is no whole libtorch") && sentences[1].contains("no Python"),
            "{sentences:?}"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_odd_keeps_nothing_from_working() {
        let (folder, mut machine) = machine("odd");
        machine.flags = Some("RUSTFLAGS");
        machine.gpu = Some("H100, 580.1".to_owned());
        let odd = |found: &Finding| matches!(found, Odd(text) if text.contains("RUSTFLAGS") || text.contains("H100"));
        assert_eq!(findings(&machine).iter().filter(|found| odd(found)).count(), 2);
        assert_eq!(bad(&machine), [""; 0]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
