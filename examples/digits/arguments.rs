//! The command line.

use std::path::PathBuf;

use illia::prelude::*;
use lexopt::prelude::*;

use crate::Failure;
use crate::methods::{METHODS, Method};
use crate::{demo, methods, mnist};

/// What `--help` prints.
pub fn help() -> String {
    let (small, cold, large) = (demo::RECIPE.epochs, methods::COLD.epochs, mnist::RECIPE.epochs);
    format!(
        "\
Trains a Bayesian convolutional net on images of digits and shows how sure it is.

usage: digits [OPTIONS]

  --data DIR     train on the MNIST-like IDX files in DIR (raw or .gz) instead of the 1,797 small digits built in
  --ood DIR      with --data: tell these images from the trained ones by their uncertainty
  --epochs N     passes over the training set (default: {small}; with --method {cold}; with --data {large})
  --samples N    draws of the weights in each prediction (default: 100; with --data 50)
  --seed N       start of every random number (default: 1)
  --device D     cpu, cuda or cuda:N (default: cpu)
  --out DIR      folder for pictures and checkpoints (default: out/digits)
  --export FILE  the first net of the small digits as an ONNX file for the server in examples/serve
  --method M     numbers alone, of vi, auto (nothing set), ivon, laplace (the last layer's), swag, sghmc, moments,
                 ensemble (of 5), dropout, gaussian-dropout (as in the demo) or point, on the CPU and without pictures;
                 `--ood` or pure noise is what is told apart
  --json         these numbers as one object on the last line; the method is vi unless another is said
  --held-out     with --method: the last 400 training digits in the place of the test digits, for choosing numbers
  --resume       go on with the run that Ctrl-C or anything else ended
  --help         this text
"
    )
}

/// What was asked for.
#[derive(Debug)]
pub struct Arguments {
    pub data: Option<PathBuf>,
    pub ood: Option<PathBuf>,
    pub epochs: Option<usize>,
    pub samples: Option<usize>,
    pub seed: u64,
    pub device: Device,
    pub out: PathBuf,
    pub resume: bool,
    pub export: Option<PathBuf>,
    pub method: Option<&'static Method>,
    pub json: bool,
    pub held_out: bool,
    pub help: bool,
}

impl Arguments {
    pub fn parse() -> Result<Self, Failure> {
        let mut arguments = Arguments {
            data: None,
            ood: None,
            epochs: None,
            samples: None,
            seed: 1,
            device: Device::Cpu,
            out: PathBuf::from("out/digits"),
            resume: false,
            export: None,
            method: None,
            json: false,
            held_out: false,
            help: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("data") => arguments.data = Some(parser.value()?.into()),
                Long("ood") => arguments.ood = Some(parser.value()?.into()),
                Long("epochs") => {
                    arguments.epochs = Some(at_least_one("--epochs", &parser.value()?.string()?)?)
                }
                Long("samples") => {
                    arguments.samples = Some(at_least_one("--samples", &parser.value()?.string()?)?);
                }
                Long("seed") => {
                    let text = parser.value()?.string()?;
                    arguments.seed = text
                        .parse()
                        .map_err(|_| format!("--seed {text}: a whole number from 0 is wanted"))?;
                }
                Long("device") => arguments.device = device(&parser.value()?.string()?)?,
                Long("out") => arguments.out = parser.value()?.into(),
                Long("resume") => arguments.resume = true,
                Long("method") => {
                    let text = parser.value()?.string()?;
                    let known = METHODS.each_ref().map(|method| method.name).join(", ");
                    let method = METHODS.iter().find(|method| method.name == text);
                    arguments.method =
                        Some(method.ok_or_else(|| format!("--method: `{text}` is none of {known}"))?);
                }
                Long("export") => arguments.export = Some(parser.value()?.into()),
                Long("held-out") => arguments.held_out = true,
                Long("json") => arguments.json = true,
                Short('h') | Long("help") => arguments.help = true,
                other => return Err(other.unexpected().into()),
            }
        }
        if arguments.ood.is_some() && arguments.data.is_none() {
            return Err("--ood is of use only together with --data".into());
        }
        if arguments.export.is_some()
            && (arguments.data.is_some() || arguments.method.is_some() || arguments.json)
        {
            return Err("--export goes with none of --data, --method and --json".into());
        }
        if arguments.json && arguments.method.is_none() {
            arguments.method = METHODS.first();
        }
        if arguments.held_out && arguments.method.is_none() {
            return Err("--held-out is of use only together with --method".into());
        }
        if arguments.method.is_some() && (arguments.resume || arguments.device != Device::Cpu) {
            return Err("--method goes with neither --resume nor --device".into());
        }
        Ok(arguments)
    }
}

fn at_least_one(name: &str, text: &str) -> Result<usize, Failure> {
    match text.parse() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err(format!("{name} {text}: a whole number from 1 to 1000000 is wanted").into()),
    }
}

fn device(text: &str) -> Result<Device, Failure> {
    let index = match text.split_once(':') {
        None if text == "cpu" => return Ok(Device::Cpu),
        None if text == "cuda" => 0,
        Some(("cuda", index)) => {
            index.parse().map_err(|_| format!("--device {text}: the number of a CUDA device is wanted"))?
        }
        _ => return Err(format!("--device {text}: cpu, cuda or cuda:N is wanted").into()),
    };
    let there = tch::Cuda::device_count();
    if index as i64 >= there {
        return Err(format!("--device {text}: this machine offers {there} CUDA devices to libtorch").into());
    }
    Ok(Device::Cuda(index))
}
