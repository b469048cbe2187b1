//! The command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;

use crate::Failure;

/// What `--help` prints.
pub const HELP: &str = "\
Answers requests with a net that illia exported.

usage: serve [OPTIONS] NET.onnx

  --address A        where to listen, port 0: any (default: 127.0.0.1:8080)
  --refuse-above X   refuse answers of more doubt: of classes entropy in nats,
                     of numbers the deviation (default: the file's, else none)
  --noise S          deviation of an observation (default: the file's, else 0)
  --level P          probability of an interval (default: 0.9)

  --workers N        predictions at a time (default: one for each core)
  --queue N          predictions that may wait, before a 503 (default: 64)
  --connections N    at a time; further ones wait to be accepted (default: 512)
  --rows N           rows of a request (default: 256)
  --length N         length of any other free axis (default: 512)
  --body BYTES       size of a request's body (default: 1048576)
  --read SECONDS     time to send a request, or to be idle (default: 10)
  --answer SECONDS   time to wait for a prediction (default: 10)
  --grace SECONDS    time to finish after SIGTERM or Ctrl-C (default: 20)
  --help             this text

POST /predict takes nested JSON arrays; GET /health says of what shape.
";

/// What was asked for.
#[derive(Debug)]
pub struct Arguments {
    pub net: PathBuf,
    pub address: String,
    pub refuse_above: Option<f64>,
    pub noise: Option<f64>,
    pub level: f64,
    pub limits: Limits,
}

/// What a request, and all of them together, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    pub workers: usize,
    pub queue: usize,
    pub connections: usize,
    pub rows: usize,
    pub length: usize,
    pub body: usize,
    pub read: Duration,
    pub answer: Duration,
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 64,
            connections: 512,
            rows: 256,
            length: 512,
            body: 1 << 20,
            read: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            grace: Duration::from_secs(20),
        }
    }
}

impl Arguments {
    /// None if help was asked for.
    pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Option<Self>, Failure> {
        let mut net = None;
        let mut address = "127.0.0.1:8080".to_owned();
        let (mut refuse_above, mut noise, mut level) = (None, None, 0.9);
        let mut limits = Limits::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Value(path) if net.is_none() => net = Some(path.into()),
                Long("address") => address = parser.value()?.string()?,
                Long("refuse-above") => refuse_above = Some(number(&mut parser, "refuse-above", 0.0, 1e9)?),
                Long("noise") => noise = Some(number(&mut parser, "noise", 0.0, 1e9)?),
                Long("level") => level = number(&mut parser, "level", 0.01, 0.9999)?,
                Long("workers") => limits.workers = number(&mut parser, "workers", 1, 1024)?,
                Long("queue") => limits.queue = number(&mut parser, "queue", 0, 1 << 20)?,
                Long("connections") => limits.connections = number(&mut parser, "connections", 1, 1 << 20)?,
                Long("rows") => limits.rows = number(&mut parser, "rows", 1, 1 << 20)?,
                Long("length") => limits.length = number(&mut parser, "length", 1, 1 << 20)?,
                Long("body") => limits.body = number(&mut parser, "body", 2, 1 << 30)?,
                Long("read") => limits.read = seconds(&mut parser, "read")?,
                Long("answer") => limits.answer = seconds(&mut parser, "answer")?,
                Long("grace") => limits.grace = seconds(&mut parser, "grace")?,
                other => return Err(other.unexpected().into()),
            }
        }
        let net = net.ok_or("an ONNX file is wanted: serve NET.onnx (`--help` says more)")?;
        Ok(Some(Arguments { net, address, refuse_above, noise, level, limits }))
    }
}

fn seconds(parser: &mut lexopt::Parser, name: &str) -> Result<Duration, Failure> {
    Ok(Duration::from_secs_f64(number(parser, name, 0.01, 86400.0)?))
}

fn number<T>(parser: &mut lexopt::Parser, name: &str, least: T, most: T) -> Result<T, Failure>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let text = parser.value()?.string()?;
    match text.parse() {
        Ok(number) if (&least..=&most).contains(&&number) => Ok(number),
        _ => Err(format!("--{name} {text}: a number from {least} to {most} is wanted").into()),
    }
}
