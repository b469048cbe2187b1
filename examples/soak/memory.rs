//! Freeze, forward, unfreeze, again and again: memory stays flat.

use illia::nn::Linear;
use illia::prelude::*;

use crate::{Outcome, Settings};

/// A value of `/proc/self/status` in bytes; 0 where there is no such file.
fn status(field: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field));
    let kilobytes =
        line.and_then(|line| line.split_whitespace().nth(1)).and_then(|n| n.parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The most memory that the process has had.
pub fn peak() -> usize {
    status("VmHWM:")
}

pub fn run(settings: &Settings) -> Outcome {
    let steps = if settings.quick { 50_000 } else { 1_000_000 };
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Linear::new(vs.root(), 16, 8, Default::default());
    let x = Tensor::ones([4, 16], (Kind::Float, Device::Cpu));
    let mut at_a_tenth = 0;
    for step in 0..steps {
        net.freeze();
        let _ = net.forward(&x);
        net.unfreeze();
        let _ = net.forward(&x);
        if step == steps / 10 {
            at_a_tenth = status("VmRSS:");
        }
    }
    let grown = status("VmRSS:").saturating_sub(at_a_tenth);
    // A leak of one draw a step (544 bytes) would come to half a gigabyte, in a quick run to 24 MB.
    if grown > 4 << 20 {
        return Err(format!("{steps} steps took {} kB more", grown / 1024));
    }
    Ok(format!(
        "{steps} freeze / forward / unfreeze steps, {} kB more at the end than after a tenth",
        grown / 1024
    ))
}
