//! The command line.

use std::path::PathBuf;

use crate::flags::{Failure, Flags};
use crate::methods::{METHODS, Method};

const HELP: &str = "\
Test RMSE and log-likelihood over the splits of a UCI regression set.

usage: uci --data DIR [OPTIONS]

  --data DIR      data.txt, index_features.txt, index_target.txt, for each split
                  index_train_K.txt and index_test_K.txt
  --splits K      the first K splits (default: all)
  --method NAME   vi        mean-field Gaussians, predicted noise, 6 mixed; default
                  auto      nothing set: the library's defaults
                  ivon      mean-field Gaussians by their own optimiser, 3 mixed
                  laplace   a Gaussian around the most probable weights
                  swag      a Gaussian from SGD's iterates
                  sghmc     draws of 2 chains of stochastic-gradient HMC
                  moments   mean-field Gaussians, predicted in one pass, 3 mixed
                  ensemble  5 nets of the most probable weights
                  dropout   MC dropout and predicted noise, 3 mixed
                  point     one net of the most probable weights
  --members M     how many fits are mixed (default: as above)
  --held-out      a tenth of the training rows for test rows, to choose a rule
  --seed N        start of every random number (default: 1)
  --json          one line of JSON instead of a table
  --help          this text
";

pub struct Arguments {
    pub data: PathBuf,
    pub splits: Option<usize>,
    pub method: &'static Method,
    pub members: Option<usize>,
    pub held_out: bool,
    pub seed: u64,
    pub json: bool,
}

impl Arguments {
    pub fn parse() -> Result<Self, Failure> {
        let (mut data, mut splits, mut method, mut members) = (None, None, &METHODS[0], None);
        let (mut held_out, mut seed, mut json) = (false, 1, false);
        let mut flags = Flags::new(HELP);
        while let Some(flag) = flags.next()? {
            match flag.as_str() {
                "--data" => data = Some(flags.path()?),
                "--splits" => splits = Some(flags.number(1..)?),
                "--method" => method = flags.one_of(&METHODS, |method| method.name)?,
                "--members" => members = Some(flags.number(1..)?),
                "--seed" => seed = flags.number(0..)?,
                "--held-out" => held_out = true,
                "--json" => json = true,
                _ => return Err(flags.unknown()),
            }
        }
        let data = data.ok_or("--data DIR is missing; --help says what is in it")?;
        Ok(Arguments { data, splits, method, members, held_out, seed, json })
    }
}
