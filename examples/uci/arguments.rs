//! The command line.

use std::path::PathBuf;

use crate::methods::{METHODS, Method};

pub const HELP: &str = "\
Test RMSE and log-likelihood over the splits of a UCI regression set.

Usage: uci --data DIR [--splits K] [--method NAME] [--members M] [--held-out] [--seed N] [--json]

  --data DIR      data.txt, index_features.txt, index_target.txt, index_train_K.txt, index_test_K.txt
  --splits K      the first K splits; all without it
  --method NAME   vi        mean-field Gaussians and predicted noise, 6 mixed (the default)
                  auto      nothing set: the library's defaults
                  ivon      mean-field Gaussians by an optimiser of their own, 3 mixed
                  laplace   a Gaussian around the most probable weights, prior and noise by the evidence
                  swag      a Gaussian from SGD's iterates
                  sghmc     draws of 2 chains of stochastic-gradient Hamiltonian Monte Carlo
                  moments   mean-field Gaussians, predicted by means and variances in one pass, 3 mixed
                  ensemble  5 nets of the most probable weights
                  dropout   MC dropout and predicted noise, 3 mixed
                  point     one net of the most probable weights
  --members M     how many fits are mixed
  --held-out      a tenth of the training rows in the place of the test rows: for choosing a rule
  --seed N        1 without it
  --json          one line of JSON instead of a table
  --help          this text";

pub struct Arguments {
    pub data: PathBuf,
    pub splits: Option<usize>,
    pub method: &'static Method,
    pub members: Option<usize>,
    pub held_out: bool,
    pub seed: u64,
    pub json: bool,
}

/// None where help was asked for.
pub fn arguments() -> std::result::Result<Option<Arguments>, String> {
    let mut given = std::env::args().skip(1);
    let (mut data, mut splits, mut method, mut members) = (None, None, &METHODS[0], None);
    let (mut held_out, mut seed, mut json) = (false, 1, false);
    while let Some(argument) = given.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = || inline.clone().or_else(|| given.next()).ok_or(format!("{name} needs a value"));
        let number =
            |text: String| text.parse::<u64>().map_err(|_| format!("{name}: `{text}` is no whole number"));
        match name.as_str() {
            "--data" => data = Some(PathBuf::from(value()?)),
            "--splits" => match number(value()?)? {
                0 => return Err("--splits: at least 1".to_owned()),
                n => splits = Some(n as usize),
            },
            "--method" => {
                let text = value()?;
                let known = METHODS.each_ref().map(|method| method.name);
                method = (METHODS.iter().find(|method| method.name == text))
                    .ok_or_else(|| format!("--method: `{text}` is none of {}", known.join(", ")))?;
            }
            "--members" => match number(value()?)? {
                0 => return Err("--members: at least 1".to_owned()),
                n => members = Some(n as usize),
            },
            "--seed" => seed = number(value()?)?,
            "--held-out" => held_out = true,
            "--json" => json = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown argument `{name}`; --help lists them")),
        }
    }
    let data = data.ok_or("--data DIR is missing; --help says what is in it")?;
    Ok(Some(Arguments { data, splits, method, members, held_out, seed, json }))
}
