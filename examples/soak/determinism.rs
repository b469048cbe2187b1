//! The same seed: the same bits with one thread and with two, in debug and in release.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::kills::me;
use crate::{Outcome, Settings, net};

pub fn run(settings: &Settings) -> Outcome {
    let bits = |mut command: Command, threads: &str| -> Result<String, String> {
        let output = command.arg("--child-bits").env("OMP_NUM_THREADS", threads).output();
        let output = output.map_err(|e| e.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let one = bits(me()?, "1")?;
    let two = bits(me()?, "2")?;
    if one != two {
        return Err(format!("one thread gives {one}, two give {two}"));
    }
    let other = other_profile()?;
    if settings.quick && !other.exists() {
        return Ok(format!("1 and 2 threads: {one}; the other profile is not built and was left out"));
    }
    if !other.exists() {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let release = if cfg!(debug_assertions) { &["--release"][..] } else { &[] };
        let built =
            Command::new(cargo).args(["build", "--quiet", "--example", "soak"]).args(release).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err("the other profile could not be built".to_owned());
        }
    }
    let elsewhere = bits(Command::new(&other), "2")?;
    if elsewhere != one {
        return Err(format!("debug and release differ: {one} and {elsewhere}"));
    }
    Ok(format!("1 and 2 threads, debug and release: {one}"))
}

/// This program as the other profile builds it: `debug` beside `release`.
fn other_profile() -> Result<std::path::PathBuf, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let (ours, theirs) = if cfg!(debug_assertions) { ("debug", "release") } else { ("release", "debug") };
    let target = me.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == ours));
    let target = target.and_then(Path::parent).ok_or("not run from cargo's target folder")?;
    Ok(target.join(theirs).join("examples").join(me.file_name().unwrap_or_default()))
}

/// A short training run's bits.
pub fn child() -> ExitCode {
    match net::train(None) {
        Ok(bits) => {
            println!("{bits:016x}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
