//! `kill -9` of one of two processes that train together, at random moments.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::kills::{Scratch, me};
use crate::random::Random;
use crate::{Outcome, Settings, net};

/// How long the one that is left may take to say so: more than its own patience, 10 s.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(settings: &Settings) -> Outcome {
    let wanted = if settings.quick { 4 } else { 30 };
    let mut random = Random::new(settings.seed);
    let whole = Scratch::new("processes-whole")?;
    let begun = Instant::now();
    let expected = both(&whole.0, None)?.ok_or("the undisturbed run failed")?;
    let typical = begun.elapsed();
    let (mut kills, mut finished) = (0, 0);
    let mut folder = Scratch::new("processes")?;
    while kills < wanted || finished == 0 {
        let after = typical.mul_f64(random.below(1000) as f64 / 1000.0);
        let victim = (kills < wanted).then(|| (random.below(2), after));
        let bits = both(&folder.0, victim)?;
        kills += usize::from(victim.is_some());
        if let Some(newest) = net::checkpoints(&folder.0).latest().map_err(|e| e.to_string())? {
            let (vs, mut model) = net::model();
            illia::checkpoint::load(&mut model, &vs, &newest)
                .map_err(|e| format!("after {kills} kills the newest checkpoint does not load: {e}"))?;
        }
        if let Some(bits) = bits {
            if bits != expected {
                return Err(format!(
                    "a killed and resumed run of two ends with {bits} instead of {expected}"
                ));
            }
            finished += 1;
            folder = Scratch::new(&format!("processes-{finished}"))?;
        }
    }
    Ok(format!(
        "{kills} kills of one of two, no other hung, {finished} runs ended with the bits of an unbroken one"
    ))
}

/// Both processes to their end, one of them killed after a while; rank 0's bits if it got there.
fn both(folder: &Path, victim: Option<(usize, Duration)>) -> Result<Option<String>, String> {
    let io = |e: std::io::Error| e.to_string();
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(io)?.port();
    let mut children = Vec::new();
    for rank in 0..2 {
        let mut command = me()?;
        command.arg("--child-train").arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("RANK", rank.to_string()).env("WORLD_SIZE", "2").env("OMP_NUM_THREADS", "1");
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        children.push(command.spawn().map_err(io)?);
    }
    if let Some((rank, after)) = victim {
        std::thread::sleep(after);
        children[rank].kill().map_err(io)?;
    }
    let start = Instant::now();
    while !all_ended(&mut children)? {
        if start.elapsed() > PATIENCE {
            children.iter_mut().for_each(|child| drop(child.kill()));
            return Err("a process hangs after the other was killed".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut bits = None;
    for (rank, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().map_err(io)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) if rank == 0 => bits = Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            Some(0) | None => {}
            Some(3) if victim.is_some() && said.contains(&format!("rank {rank}, ")) => {}
            Some(code) => return Err(format!("rank {rank} ended with {code}: {said}")),
        }
    }
    Ok(bits)
}

fn all_ended(children: &mut [Child]) -> Result<bool, String> {
    for child in children {
        if child.try_wait().map_err(|e| e.to_string())?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
