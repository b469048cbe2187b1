//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::flags::{Failure, Flags};

const HELP: &str = "\
One training run in as many processes as a launcher starts.

usage: distributed [OPTIONS]

  --net NAME         conv or transformer (default: conv)
  --examples N       to train on (default: 8192)
  --epochs N         passes over them (default: 3)
  --batch-size N     examples of a step, over all processes (default: 256)
  --seed N           start of every random number (default: 1)
  --timeout S        seconds that a process waits for the others (default: 60)
  --checkpoints DIR  a folder that all processes see
  --every N          with --checkpoints: steps between them (default: 10)
  --resume           with --checkpoints: go on from the newest
  --json             one line of JSON from rank 0
  --help             this text

Which process of how many this is comes from RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as
torchrun sets them, or from the variables of SLURM or MPI; without them there is one.
";

pub struct Arguments {
    pub net: &'static str,
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
    pub fn parse() -> Result<Arguments, Failure> {
        let mut arguments = Arguments {
            net: "conv",
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
        let mut flags = Flags::new(HELP);
        while let Some(flag) = flags.next()? {
            match flag.as_str() {
                "--net" => arguments.net = flags.one_of(&["conv", "transformer"], |net| net)?,
                "--examples" => arguments.examples = flags.number(1..)?,
                "--epochs" => arguments.epochs = flags.number(0..)?,
                "--batch-size" => arguments.batch_size = flags.number(1..)?,
                "--seed" => arguments.seed = flags.number(0..)?,
                "--timeout" => arguments.timeout = Duration::from_secs(flags.number(0..)?),
                "--checkpoints" => arguments.checkpoints = Some(flags.path()?),
                "--every" => arguments.every = flags.number(1..)?,
                "--resume" => arguments.resume = true,
                "--json" => arguments.json = true,
                _ => return Err(flags.unknown()),
            }
        }
        Ok(arguments)
    }
}
