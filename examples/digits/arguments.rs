//! The command line.

use std::path::PathBuf;

use illia::prelude::*;

use crate::Failure;
use crate::flags::Flags;
use crate::rules::OF_DIGITS;
use crate::{mnist, trained};

fn help() -> String {
    let (small, large) = (trained::RECIPE.epochs, mnist::RECIPE.epochs);
    format!(
        "\
Trains a Bayesian convolutional net on images of digits and shows how sure it is.

usage: digits [OPTIONS]

  --data DIR     train on MNIST-like IDX files (raw or .gz) instead of the 1,797 small digits built in
  --ood DIR      with --data: tell these images from the trained ones by their uncertainty
  --epochs N     passes over the training set (default: {small}; with --data {large}; with --method its own)
  --draws N      draws of the weights in each prediction (default: 100; with --data 50)
  --seed N       start of every random number (default: 1)
  --device D     cpu, cuda or cuda:N (default: cpu)
  --out DIR      folder for pictures and checkpoints (default: out/digits)
  --export FILE  the first net of the small digits as an ONNX file for the server in examples/serve
  --method M     numbers alone, of vi, auto (nothing set), ivon, laplace (the last layer's), swag,
                 sghmc, moments, ensemble (of 5), dropout, gaussian-dropout (as in the demo) or point,
                 on the CPU and without pictures; `--ood` or pure noise is what is told apart
  --json         these numbers as one object on the last line (--method: vi, unless it is said)
  --held-out     with --method: the last 400 training digits instead of the test digits (with --data
                 the last 10,000 images)
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
    pub draws: Option<usize>,
    pub seed: u64,
    pub device: Device,
    pub out: PathBuf,
    pub resume: bool,
    pub export: Option<PathBuf>,
    pub method: Option<&'static str>,
    pub json: bool,
    pub held_out: bool,
}

impl Arguments {
    pub fn parse() -> Result<Self, Failure> {
        let mut arguments = Arguments {
            data: None,
            ood: None,
            epochs: None,
            draws: None,
            seed: 1,
            device: Device::Cpu,
            out: PathBuf::from("out/digits"),
            resume: false,
            export: None,
            method: None,
            json: false,
            held_out: false,
        };
        let mut flags = Flags::new(help());
        while let Some(flag) = flags.next()? {
            match flag.as_str() {
                "--data" => arguments.data = Some(flags.path()?),
                "--ood" => arguments.ood = Some(flags.path()?),
                "--epochs" => arguments.epochs = Some(flags.number(1..=1_000_000)?),
                "--draws" => arguments.draws = Some(flags.number(1..=1_000_000)?),
                "--seed" => arguments.seed = flags.number(0..)?,
                "--device" => arguments.device = device(&flags.text()?)?,
                "--out" => arguments.out = flags.path()?,
                "--resume" => arguments.resume = true,
                "--method" => arguments.method = Some(flags.one_of(&OF_DIGITS, |rule| rule.name)?.name),
                "--export" => arguments.export = Some(flags.path()?),
                "--held-out" => arguments.held_out = true,
                "--json" => arguments.json = true,
                _ => return Err(flags.unknown()),
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
            arguments.method = Some("vi");
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
