//! The command line.

use std::path::PathBuf;

use crate::flags::{Failure, Flags};
use crate::tasks::Sort;
use crate::ways::{WAYS, Way};

const HELP: &str = "\
Learns tasks one after the other, without the data of those before.

usage: continual [OPTIONS]

  --tasks KIND       permuted (the pixels in another order in each task) or split
                     (two digits a task, a head for each) (default: permuted)
  --data DIR         MNIST-like IDX files (raw or .gz) instead of UCI's digits
  --way NAME         fine-tune, vcl, vcl-random, vcl-k-center, ivon, kept (what is
                     kept alone) or together (default: all)
  --number N         how many tasks (default: 5; of split, at most 5)
  --kept N           examples kept of each task where some are (default: 20)
  --epochs N         passes over a task's data (default: 100; with --data 20)
  --kl W             what multiplies the KL (default: 0.01; with --data 1)
  --rho R            where rho starts: sigma = softplus(rho) (default: -5)
  --learning-rate R  of Adam (default: 0.001)
  --seeds N          how many runs, of other starts and orders (default: 5)
  --held-out         400 training digits for test digits, to choose numbers
  --picture FILE     the accuracies as an SVG
  --json             a line of JSON for each way instead of a table
  --help             this text
";

pub struct Arguments {
    pub sort: Sort,
    pub data: Option<PathBuf>,
    pub ways: Vec<&'static Way>,
    pub number: usize,
    pub kept: usize,
    pub epochs: usize,
    pub kl: f64,
    pub rho: f64,
    pub learning_rate: f64,
    pub seeds: u64,
    pub held_out: bool,
    pub picture: Option<PathBuf>,
    pub json: bool,
}

impl Arguments {
    pub fn parse() -> Result<Self, Failure> {
        let mut arguments = Arguments {
            sort: Sort::Permuted,
            data: None,
            ways: WAYS.iter().collect(),
            number: 5,
            kept: 20,
            epochs: 0,
            kl: 0.0,
            rho: -5.0,
            learning_rate: 1e-3,
            seeds: 5,
            held_out: false,
            picture: None,
            json: false,
        };
        let (mut epochs, mut kl) = (None, None);
        let mut flags = Flags::new(HELP);
        while let Some(flag) = flags.next()? {
            match flag.as_str() {
                "--tasks" => {
                    arguments.sort = *flags.one_of(&[Sort::Permuted, Sort::Split], |sort| sort.name())?;
                }
                "--data" => arguments.data = Some(flags.path()?),
                "--way" => arguments.ways = vec![flags.one_of(&WAYS, |way| way.name)?],
                "--number" => arguments.number = flags.number(1..)?,
                "--kept" => arguments.kept = flags.number(0..)?,
                "--epochs" => epochs = Some(flags.number(1..)?),
                "--kl" => kl = Some(flags.number(0.0..)?),
                "--rho" => arguments.rho = flags.number(..)?,
                "--learning-rate" => arguments.learning_rate = flags.number(0.0..)?,
                "--seeds" => arguments.seeds = flags.number(1..)?,
                "--held-out" => arguments.held_out = true,
                "--picture" => arguments.picture = Some(flags.path()?),
                "--json" => arguments.json = true,
                _ => return Err(flags.unknown()),
            }
        }
        if arguments.sort == Sort::Split && arguments.number > 5 {
            return Err("--number: ten digits are at most 5 tasks of two".into());
        }
        let large = arguments.data.is_some();
        arguments.epochs = epochs.unwrap_or(if large { 20 } else { 100 });
        arguments.kl = kl.unwrap_or(if large { 1.0 } else { 0.01 });
        Ok(arguments)
    }
}
