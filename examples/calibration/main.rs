//! How well calibrated is what one gets with nothing set? Problems whose truth is known, solved with no setting at all, by
//! mean-field variational inference, and by a plain fit; `docs/defaults.md` has the numbers and what follows from them.
//!
//! ```text
//! cargo run --release --example calibration -- --seeds 5 --setting nothing
//! ```

mod arguments;
mod classes;
mod curves;
mod exact;
#[path = "../common/flags.rs"]
mod flags;
mod linear;
mod nets;
#[expect(dead_code, reason = "the example it is from goes over several splits")]
#[path = "../uci/protocol.rs"]
mod protocol;
mod report;
mod setting;
#[path = "../digits/small.rs"]
mod small;
mod uci;

use std::path::Path;
use std::process::ExitCode;

use arguments::Arguments;
use flags::Failure;
use linear::Linear;
use report::Row;
use setting::{Numbers, Setting};

/// A name, and what one seed gives.
struct Problem {
    name: String,
    run: Box<dyn Fn(Setting) -> illia::Result<Numbers>>,
}

fn problem(name: impl Into<String>, run: impl Fn(Setting) -> illia::Result<Numbers> + 'static) -> Problem {
    Problem { name: name.into(), run: Box::new(run) }
}

/// All of them, in the order of the report.
fn problems(uci: Option<&Path>) -> illia::Result<Vec<Problem>> {
    let mut all: Vec<Problem> = Vec::new();
    all.extend(Linear::all().into_iter().map(|linear| problem(linear.name(), move |s| linear.run(s))));
    all.push(problem("readme", curves::readme));
    all.push(problem("smooth", curves::smooth));
    all.push(problem("moons", classes::moons));
    all.push(problem("ten", classes::ten));
    all.push(problem("digits", classes::digits));
    all.push(problem("deep/8x16", |s| curves::shaped(s, 8, 16)));
    all.push(problem("wide/1x1024", |s| curves::shaped(s, 1, 1024)));
    for rows in [200, 1000] {
        all.push(problem(format!("friedman/{rows}"), move |s| curves::friedman(s, rows)));
        let name = format!("friedman/heteroscedastic/{rows}");
        all.push(problem(name, move |s| curves::friedman_heteroscedastic(s, rows)));
    }
    for layers in 1..=3 {
        for width in [16, 64, 256] {
            let name = format!("hetero/{layers}x{width}");
            all.push(problem(name, move |s| curves::heteroscedastic(s, layers, width)));
        }
    }
    let Some(dir) = uci else { return Ok(all) };
    let entries = std::fs::read_dir(dir).map_err(|error| illia::Error::io(dir, error))?;
    let mut folders: Vec<_> = entries.flatten().map(|e| e.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.push(problem(format!("uci/{name}"), move |s| uci::run(s, &folder)));
    }
    Ok(all)
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::parse()?;
    let mut chosen = problems(arguments.uci.as_deref())?;
    if arguments.uci.is_none() {
        eprintln!("UCI's regression sets are left out: --uci DIR says where they are");
    }
    let group = |problem: &Problem| problem.name.split('/').next().unwrap_or_default().to_owned();
    for name in &arguments.problems {
        if !chosen.iter().any(|problem| problem.name == *name || group(problem) == *name) {
            return Err(format!("--problem {name}: there is no such problem; --help lists them").into());
        }
    }
    if !arguments.problems.is_empty() {
        chosen.retain(|problem| {
            arguments.problems.iter().any(|name| problem.name == *name || group(problem) == *name)
        });
    }
    for problem in &chosen {
        for &setting in &arguments.settings {
            let mut seeds = Vec::new();
            for seed in 1..=arguments.seeds {
                eprintln!("{}, {}, seed {seed}", problem.name, setting.name());
                illia::manual_seed(seed);
                let outcome = (problem.run)(setting);
                if let Err(error) = &outcome {
                    eprintln!("  {error}");
                }
                seeds.push(outcome);
            }
            let row = Row { problem: problem.name.clone(), setting, seeds };
            match arguments.json {
                true => println!("{}", row.json()),
                false => println!("{}", row.line()),
            }
        }
    }
    Ok(())
}
