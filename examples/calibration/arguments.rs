//! The command line.

use std::path::PathBuf;

use crate::flags::{Failure, Flags};
use crate::setting::Setting;

const HELP: &str = "\
Measures what a net gets that is declared and trained with nothing set, beside mean-field
variational inference and a plain fit, on problems whose truth is known.

usage: calibration [OPTIONS]

  --problem NAME   only this one, or all before whose slash it stands: linear, readme, smooth, moons,
                   ten, friedman, hetero, digits, deep, wide, uci; several times, or with commas between them
  --setting NAME   only this one: nothing, recipe (mean-field, 6,000 steps), twin (points);
                   several times
  --seeds N        how many runs are averaged (default: 5)
  --uci DIR        a folder of UCI sets, each a folder as the `uci` example takes it
                   (default: none of these)
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
}

impl Arguments {
    pub fn parse() -> Result<Self, Failure> {
        let mut arguments =
            Arguments { problems: vec![], settings: vec![], seeds: 5, uci: None, json: false };
        let mut flags = Flags::new(HELP);
        while let Some(flag) = flags.next()? {
            match flag.as_str() {
                "--problem" => {
                    arguments.problems.extend(flags.text()?.split(',').map(str::to_owned));
                }
                "--setting" => {
                    arguments.settings.push(*flags.one_of(&Setting::ALL, |setting| setting.name())?);
                }
                "--seeds" => arguments.seeds = flags.number(1..)?,
                "--uci" => arguments.uci = Some(flags.path()?),
                "--json" => arguments.json = true,
                _ => return Err(flags.unknown()),
            }
        }
        if arguments.settings.is_empty() {
            arguments.settings = Setting::ALL.to_vec();
        }
        Ok(arguments)
    }
}
