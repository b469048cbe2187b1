//! Which of 150 intents a query has, or none of them: a frozen sentence encoder, a Gaussian process on its sphere and a linear layer.
//!
//! `cargo run --release --example intents -- --model DIR --data FILE` with the folder of all-MiniLM-L6-v2 and CLINC150's
//! `data_full.json`; `--help` lists the options, docs/intents.md has the numbers.

mod ask;
mod clinc;
mod encoder;
#[path = "../common/flags.rs"]
mod flags;
mod head;
mod judge;
mod linear;
mod process;
mod texts;

use std::ops::Bound;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clinc::Clinc;
pub use flags::Failure;
use flags::Flags;
use head::{Head, Link};
use illia::prelude::*;
use texts::Texts;

const HELP: &str = "\
Tells which of 150 intents a query has, how sure that is, and whether it is any of them.

usage: intents --model DIR --data FILE [OPTIONS]

  --model DIR   the folder of all-MiniLM-L6-v2: model.safetensors and tokenizer.json
  --data FILE   CLINC150's data_full.json
  --ask         answer questions from the terminal, a line each
  --rate R      with --ask: the share of known queries that may be turned away (default: 0.05)
  --json        the numbers as one JSON object on the last line
  --help        this text
";

struct Arguments {
    model: PathBuf,
    data: PathBuf,
    ask: bool,
    rate: f64,
    json: bool,
}

impl Arguments {
    fn parse() -> Result<Self, Failure> {
        let (mut model, mut data, mut ask, mut rate, mut json) = (None, None, false, 0.05, false);
        let mut flags = Flags::new(HELP);
        while let Some(flag) = flags.next()? {
            match flag.as_str() {
                "--model" => model = Some(flags.path()?),
                "--data" => data = Some(flags.path()?),
                "--ask" => ask = true,
                "--rate" => rate = flags.number((Bound::Excluded(0.0), Bound::Excluded(1.0)))?,
                "--json" => json = true,
                _ => return Err(flags.unknown()),
            }
        }
        let model = model.ok_or("--model DIR is missing: the folder of all-MiniLM-L6-v2")?;
        let data = data.ok_or("--data FILE is missing: CLINC150's data_full.json")?;
        Ok(Arguments { model, data, ask, rate, json })
    }
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::parse()?;
    let data = Clinc::read(&arguments.data)?;
    let texts = Texts::load(&arguments.model)?;
    let start = Instant::now();
    let [train, val, test, oos_val, oos_test] = data.parts().map(|part| texts.encode_once(&part.texts));
    eprintln!("Encoded in {:.1} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let labels = |part: &clinc::Part| Tensor::from_slice(&part.labels);
    let head = Head::fit(train?, &labels(&data.train), data.intents.len() as i64)?;
    let val = head.outputs(&val?)?;
    let link = Link::fit(&val, &labels(&data.val));
    let seconds = start.elapsed().as_secs_f64();

    if arguments.ask {
        return ask::answer(&texts, &head, link, &val, &data.intents, arguments.rate);
    }
    let chosen = judge::numbers(link, &val, &labels(&data.val), &head.outputs(&oos_val?)?)?;
    println!("On the validation queries: {chosen}");
    let (test, oos) = (head.outputs(&test?)?, head.outputs(&oos_test?)?);
    let measured = judge::numbers(link, &test, &labels(&data.test), &oos)?;
    println!("On the test queries:       {measured}\nTrained in {seconds:.1} s");
    judge::examples(link, &test, &oos, &data);
    if arguments.json {
        println!("{}", measured.json(seconds));
    }
    Ok(())
}
