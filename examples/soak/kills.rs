//! `kill -9` at random moments of a run that saves itself every two steps.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::{Outcome, Settings, net};

/// A folder that goes when the stage does.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("illia-soak-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).map_err(|e| e.to_string())?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// This program, to run one of its children.
pub fn me() -> Result<Command, String> {
    std::env::current_exe().map(Command::new).map_err(|e| e.to_string())
}

fn start(folder: &Path) -> Result<std::process::Child, String> {
    let mut command = me()?;
    command.args(["--child-train"]).arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|e| e.to_string())
}

pub fn run(settings: &Settings) -> Outcome {
    let wanted = if settings.quick { 10 } else { 100 };
    let expected = format!("{:016x}", net::train(None).map_err(|e| e.to_string())?);
    let mut random = Random::new(settings.seed);
    let mut folder = Scratch::new("kills")?;
    let (mut kills, mut loaded, mut finished) = (0, 0, 0);
    let mut typical = Duration::from_millis(1500);
    while kills < wanted {
        let begun = Instant::now();
        let mut child = start(&folder.0)?;
        // Anywhere in the run: setting up, stepping, writing, renaming.
        let patience = typical.mul_f64(random.below(1000) as f64 / 1000.0);
        while begun.elapsed() < patience && child.try_wait().map_err(|e| e.to_string())?.is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let over = child.try_wait().map_err(|e| e.to_string())?.is_some();
        if !over {
            child.kill().map_err(|e| e.to_string())?;
            kills += 1;
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let newest = net::checkpoints(&folder.0).latest().map_err(|e| e.to_string())?;
        if let Some(newest) = newest {
            let (vs, mut model) = net::model();
            illia::checkpoint::load(&mut model, &vs, &newest)
                .map_err(|e| format!("after {kills} kills the newest checkpoint does not load: {e}"))?;
            loaded += 1;
        }
        if over {
            let text = String::from_utf8_lossy(&output.stdout);
            if text.trim() != expected {
                let problem = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!(
                    "a killed and resumed run ends with {} instead of {expected} {problem}",
                    text.trim()
                ));
            }
            finished += 1;
            typical = begun.elapsed().max(Duration::from_millis(300));
            folder = Scratch::new(&format!("kills-{finished}"))?;
        }
    }
    // The last one to its end.
    let output = start(&folder.0)?.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.trim() != expected {
        return Err(format!("after {kills} kills the run ends with {} instead of {expected}", text.trim()));
    }
    Ok(format!(
        "{kills} kills, {loaded} newest checkpoints loaded, {} runs ended with the bits of an unbroken one",
        finished + 1
    ))
}
