//! A disk that is full: an error, and the old checkpoint as it was.

use std::process::Command;

use crate::kills::Scratch;
use crate::{Outcome, Settings, net};

/// The largest file that the run may write, in blocks of 512 bytes: less than a checkpoint takes.
const BLOCKS: usize = 64;

pub fn run(_: &Settings) -> Outcome {
    if !cfg!(unix) {
        return Ok("left out: limits on file sizes are Unix's".to_owned());
    }
    let folder = Scratch::new("disk")?;
    // One good checkpoint first.
    let (vs, mut model) = net::model();
    let before = net::bits(&vs);
    let good = folder.0.join("model.safetensors");
    illia::checkpoint::save(&model, &vs, &good).map_err(|e| e.to_string())?;
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    // A write beyond the limit gives an error like a full disk's once its signal is ignored.
    let limited = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" --child-train \"$1\"");
    let runs = folder.0.join("runs");
    let output = Command::new("sh").args(["-c", &limited]).arg(&me).arg(&runs).output();
    let output = output.map_err(|e| e.to_string())?;
    let sentence = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.code() != Some(3) {
        return Err(format!("the run went on, or crashed: {} {sentence}", output.status));
    }
    let left: Vec<_> = std::fs::read_dir(&runs)
        .map_err(|e| e.to_string())?
        .filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
        .collect();
    if !left.is_empty() {
        return Err(format!("a part of a checkpoint was left behind: {left:?}"));
    }
    // Over an old one: it stays.
    let old = std::fs::read(&good).map_err(|e| e.to_string())?;
    let limited = limited.replace("--child-train", "--child-save");
    let output =
        Command::new("sh").args(["-c", &limited]).arg(&me).arg(&good).output().map_err(|e| e.to_string())?;
    if output.status.code() != Some(3) {
        return Err(format!("saving over a checkpoint went on, or crashed: {}", output.status));
    }
    if std::fs::read(&good).map_err(|e| e.to_string())? != old {
        return Err("the old checkpoint is no longer what it was".to_owned());
    }
    illia::checkpoint::load(&mut model, &vs, &good).map_err(|e| e.to_string())?;
    if net::bits(&vs) != before {
        return Err("the old checkpoint loads as another model".to_owned());
    }
    Ok(format!("\"{sentence}\"; nothing half-written is left, the old checkpoint loads"))
}
