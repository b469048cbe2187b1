//! The command line of the examples, which read their flags and tell of mistakes in one way.

#![allow(dead_code, reason = "no example uses all of it")]

use std::fmt::Display;
use std::io::Write as _;
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use lexopt::{Arg, Parser, ValueExt};

/// A sentence on what went wrong.
pub type Failure = Box<dyn std::error::Error>;

/// The end of a program: a mistake is one sentence, and 2 as exit status.
pub fn end(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}: {failure}", env!("CARGO_CRATE_NAME"));
            ExitCode::from(2)
        }
    }
}

/// What a program was started with.
pub struct Flags {
    parser: Parser,
    help: String,
    /// The flag whose value is read next.
    flag: String,
}

impl Flags {
    /// `--help` prints the text and ends the program.
    pub fn new(help: impl Into<String>) -> Self {
        Flags { parser: Parser::from_env(), help: help.into(), flag: String::new() }
    }

    /// The next flag with its dashes, or a word that is none.
    pub fn next(&mut self) -> Result<Option<String>, Failure> {
        self.flag = match self.parser.next()? {
            None => return Ok(None),
            Some(Arg::Short('h') | Arg::Long("help")) => {
                // Whoever reads the first lines only closes the pipe.
                let _ = writeln!(std::io::stdout(), "{}", self.help.trim_end());
                std::process::exit(0);
            }
            Some(Arg::Long(name)) => format!("--{name}"),
            Some(Arg::Short(letter)) => format!("-{letter}"),
            Some(Arg::Value(word)) => word.string()?,
        };
        Ok(Some(self.flag.clone()))
    }

    /// What to say of a flag that there is not.
    pub fn unknown(&self) -> Failure {
        format!("there is no `{}`; --help says what there is", self.flag).into()
    }

    pub fn text(&mut self) -> Result<String, Failure> {
        Ok(self.parser.value()?.string()?)
    }

    pub fn path(&mut self) -> Result<PathBuf, Failure> {
        Ok(self.parser.value()?.into())
    }

    pub fn number<T>(&mut self, allowed: impl RangeBounds<T>) -> Result<T, Failure>
    where
        T: FromStr + PartialOrd + Display,
    {
        let text = self.text()?;
        if let Some(number) = text.parse().ok().filter(|number| allowed.contains(number)) {
            return Ok(number);
        }
        let from = match allowed.start_bound() {
            Bound::Included(from) => format!(" from {from}"),
            Bound::Excluded(from) => format!(" above {from}"),
            Bound::Unbounded => String::new(),
        };
        let to = match allowed.end_bound() {
            Bound::Included(to) => format!(" to {to}"),
            Bound::Excluded(to) => format!(" and below {to}"),
            Bound::Unbounded => String::new(),
        };
        Err(format!("{} {text}: a number{from}{to} is wanted", self.flag).into())
    }

    /// The one of that name.
    pub fn one_of<T>(&mut self, all: &'static [T], name: impl Fn(&T) -> &str) -> Result<&'static T, Failure> {
        let text = self.text()?;
        all.iter().find(|one| name(one) == text).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(name).collect();
            format!("{} {text}: one of {} is wanted", self.flag, known.join(", ")).into()
        })
    }
}
