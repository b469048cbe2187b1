//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::tasks::Sort;
use crate::ways::{WAYS, Way};

pub const HELP: &str = "\
Learns tasks one after the other, each without the data of those before, and shows what is left of them.

usage: continual [OPTIONS]

  --tasks KIND    permuted (the same digits, the pixels in another order in each task: the default), or
                  split (two digits a task, with a head for each)
  --data DIR      MNIST-like IDX files (raw or .gz) instead of the 1,797 small digits built in
  --way NAME      fine-tune, vcl, vcl-random, vcl-k-center, ivon, kept (what is kept alone) or together; all without it
  --number N      how many tasks (default: 5; of split, at most 5)
  --kept N        examples kept of each task where some are (default: 20)
  --epochs N      passes over a task's data (default: 100; with --data 20)
  --kl W          what multiplies the KL (default: 0.01; with --data 1)
  --rho R         where rho starts: sigma = softplus(rho) (default: -5)
  --rate R        Adam's step size (default: 0.001)
  --seeds N       how many runs, of other starts and other orders of pixels (default: 5)
  --held-out      the last 400 training digits in the place of the test digits, for choosing numbers
  --picture FILE  the accuracies as an SVG
  --json          a line of JSON for each way instead of a table
  --help          this text";

pub struct Arguments {
    pub sort: Sort,
    pub data: Option<PathBuf>,
    pub ways: Vec<&'static Way>,
    pub number: usize,
    pub kept: usize,
    pub epochs: usize,
    pub kl: f64,
    pub rho: f64,
    pub rate: f64,
    pub seeds: u64,
    pub held_out: bool,
    pub picture: Option<PathBuf>,
    pub json: bool,
}

impl Arguments {
    /// None where help was asked for.
    pub fn parse() -> Result<Option<Self>, lexopt::Error> {
        let mut arguments = Arguments {
            sort: Sort::Permuted,
            data: None,
            ways: WAYS.iter().collect(),
            number: 5,
            kept: 20,
            epochs: 0,
            kl: 0.0,
            rho: -5.0,
            rate: 1e-3,
            seeds: 5,
            held_out: false,
            picture: None,
            json: false,
        };
        let (mut epochs, mut kl) = (None, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("tasks") => {
                    let text = parser.value()?.string()?;
                    let sort = [Sort::Permuted, Sort::Split].into_iter().find(|sort| sort.name() == text);
                    arguments.sort =
                        sort.ok_or_else(|| format!("--tasks: `{text}` is none of permuted, split"))?;
                }
                Long("data") => arguments.data = Some(parser.value()?.into()),
                Long("way") => {
                    let text = parser.value()?.string()?;
                    let way = WAYS.iter().find(|way| way.name == text);
                    let known = WAYS.iter().map(|way| way.name).collect::<Vec<_>>().join(", ");
                    arguments.ways = vec![way.ok_or_else(|| format!("--way: `{text}` is none of {known}"))?];
                }
                Long("number") => arguments.number = parser.value()?.parse()?,
                Long("kept") => arguments.kept = parser.value()?.parse()?,
                Long("epochs") => epochs = Some(parser.value()?.parse()?),
                Long("kl") => kl = Some(parser.value()?.parse()?),
                Long("rho") => arguments.rho = parser.value()?.parse()?,
                Long("rate") => arguments.rate = parser.value()?.parse()?,
                Long("seeds") => arguments.seeds = parser.value()?.parse()?,
                Long("held-out") => arguments.held_out = true,
                Long("picture") => arguments.picture = Some(parser.value()?.into()),
                Long("json") => arguments.json = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if arguments.number == 0 || arguments.seeds == 0 {
            return Err("--number and --seeds: at least 1".into());
        }
        if arguments.sort == Sort::Split && arguments.number > 5 {
            return Err("--number: ten digits are at most 5 tasks of two".into());
        }
        let large = arguments.data.is_some();
        arguments.epochs = epochs.unwrap_or(if large { 20 } else { 100 });
        arguments.kl = kl.unwrap_or(if large { 1.0 } else { 0.01 });
        Ok(Some(arguments))
    }
}
