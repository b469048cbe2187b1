//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::setting::Setting;

pub const HELP: &str = "\
Measures what a net gets that is declared and trained with nothing set, beside mean-field variational inference and
a plain fit, on problems whose truth is known.

usage: calibration [OPTIONS]

  --problem NAME   only this one, or all before whose slash it stands: linear, readme, smooth, moons, ten, hetero,
                   digits, deep, wide, uci; may be given several times, or names with commas between them
  --setting NAME   only this one: nothing, recipe (mean-field, 6,000 steps), twin (points); may be given several times
  --seeds N        means over seeds 1 to N (default: 5)
  --uci DIR        a folder with UCI sets in the `uci` example's format, a folder each; without it they are left out
  --json           one object a problem and setting, a line each
  --help           this text
";

#[derive(Debug)]
pub struct Arguments {
    pub problems: Vec<String>,
    pub settings: Vec<Setting>,
    pub seeds: u64,
    pub uci: Option<PathBuf>,
    pub json: bool,
    pub help: bool,
}

impl Arguments {
    pub fn parse() -> Result<Self, lexopt::Error> {
        let mut arguments =
            Arguments { problems: vec![], settings: vec![], seeds: 5, uci: None, json: false, help: false };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("problem") => {
                    let names = parser.value()?.string()?;
                    arguments.problems.extend(names.split(',').map(str::to_owned));
                }
                Long("setting") => {
                    let name = parser.value()?.string()?;
                    let found = Setting::ALL.into_iter().find(|setting| setting.name() == name);
                    arguments.settings.push(
                        found.ok_or_else(|| {
                            format!("--setting: `{name}` is none of nothing, recipe and twin")
                        })?,
                    );
                }
                Long("seeds") => {
                    arguments.seeds = parser.value()?.parse()?;
                    if arguments.seeds == 0 {
                        return Err("--seeds: at least 1".into());
                    }
                }
                Long("uci") => arguments.uci = Some(parser.value()?.into()),
                Long("json") => arguments.json = true,
                Short('h') | Long("help") => arguments.help = true,
                _ => return Err(argument.unexpected()),
            }
        }
        if arguments.settings.is_empty() {
            arguments.settings = Setting::ALL.to_vec();
        }
        Ok(arguments)
    }
}
