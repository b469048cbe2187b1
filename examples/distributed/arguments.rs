//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
One training run in as many processes as a launcher starts.

Usage: distributed [--net NAME] [--examples N] [--epochs N] [--batch-size N] [--seed N] [--timeout S]
                   [--checkpoints DIR [--every N] [--resume]] [--json]

  --net NAME         conv (the default) or transformer
  --examples N       to train on; 8192 without it
  --epochs N         3 without it
  --batch-size N     examples of a step, over all processes; 256 without it
  --seed N           1 without it
  --timeout S        how long a process waits for the others; 60 without it
  --checkpoints DIR  a folder that all processes see
  --every N          steps between checkpoints; 10 without it
  --resume           go on from the newest checkpoint
  --json             one line of JSON from rank 0
  --help             this text

Which process of how many this is comes from RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them, or from the
variables of SLURM or MPI; without them there is one.";

pub struct Arguments {
    pub net: String,
    pub examples: i64,
    pub epochs: usize,
    pub batch_size: usize,
    pub seed: u64,
    pub timeout: Duration,
    pub checkpoints: Option<PathBuf>,
    pub every: usize,
    pub resume: bool,
    pub json: bool,
}

impl Arguments {
    /// None where help was asked for.
    pub fn parse() -> Result<Option<Arguments>, String> {
        use lexopt::prelude::*;
        let mut a = Arguments {
            net: "conv".to_owned(),
            examples: 8192,
            epochs: 3,
            batch_size: 256,
            seed: 1,
            timeout: Duration::from_secs(60),
            checkpoints: None,
            every: 10,
            resume: false,
            json: false,
        };
        let mut given = lexopt::Parser::from_env();
        let mut parse = || -> Result<bool, lexopt::Error> {
            while let Some(argument) = given.next()? {
                match argument {
                    Long("net") => a.net = given.value()?.string()?,
                    Long("examples") => a.examples = given.value()?.parse()?,
                    Long("epochs") => a.epochs = given.value()?.parse()?,
                    Long("batch-size") => a.batch_size = given.value()?.parse()?,
                    Long("seed") => a.seed = given.value()?.parse()?,
                    Long("timeout") => a.timeout = Duration::from_secs(given.value()?.parse()?),
                    Long("checkpoints") => a.checkpoints = Some(given.value()?.into()),
                    Long("every") => a.every = given.value()?.parse()?,
                    Long("resume") => a.resume = true,
                    Long("json") => a.json = true,
                    Long("help") | Short('h') => return Ok(false),
                    other => return Err(other.unexpected()),
                }
            }
            Ok(true)
        };
        match parse() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(format!("{error}; --help lists the arguments")),
        }
        if !["conv", "transformer"].contains(&a.net.as_str()) {
            return Err(format!("--net: `{}` is neither conv nor transformer", a.net));
        }
        if a.examples < 1 {
            return Err("--examples: at least 1".to_owned());
        }
        Ok(Some(a))
    }
}
