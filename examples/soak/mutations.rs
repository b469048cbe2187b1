//! Checkpoints with bits flipped, parts cut, lies in the header: an error or the unchanged model.

use std::path::Path;
use std::process::ExitCode;

use illia::nn::Linear;
use illia::prelude::*;
use illia::{Error, Unusable, checkpoint};

use crate::kills::{Scratch, me};
use crate::random::Random;
use crate::{Outcome, Settings, memory, net};

pub fn run(settings: &Settings) -> Outcome {
    let wanted = if settings.quick { 1000 } else { 20_000 };
    let folder = Scratch::new("mutations")?;
    let file = folder.0.join("model.safetensors");
    let vs = nn::VarStore::new(Device::Cpu);
    let mut model = Linear::new(vs.root() / "fc", 24, 16, Default::default());
    checkpoint::save(&model, &vs, &file).map_err(|e| e.to_string())?;
    let good = std::fs::read(&file).map_err(|e| e.to_string())?;
    let before = net::bits(&vs);
    let mut random = Random::new(settings.seed);
    let (mut refused, mut unchanged) = (0, 0);
    for i in 0..wanted {
        let mut bytes = good.clone();
        let what = mutate(&mut bytes, &mut random);
        std::fs::write(&file, &bytes).map_err(|e| e.to_string())?;
        match checkpoint::load(&mut model, &vs, &file) {
            Err(Error::Checkpoint { reason: Unusable::Missing, .. } | Error::Io { .. }) => {
                return Err(format!("mutation {i} ({what}): the file was not read at all"));
            }
            Err(_) => refused += 1,
            Ok(()) => unchanged += 1,
        }
        if net::bits(&vs) != before {
            return Err(format!("mutation {i} ({what}) changed the model"));
        }
    }
    let ratio = memory_of_large_files(&folder.0, &mut random, settings)?;
    Ok(format!(
        "{wanted} mutated checkpoints: {refused} refused, {unchanged} without meaning for the model; at most {ratio:.2} \
         times a file's size in memory"
    ))
}

/// One mutation, by its name.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) -> &'static str {
    let header = bytes.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b) as usize);
    let place = random.below(bytes.len());
    let in_header = 8 + random.below(header);
    let set = |bytes: &mut Vec<u8>, at: usize, value: u8| {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    };
    match random.below(10) {
        0 => {
            let flipped = bytes.get(place).copied().unwrap_or(0) ^ (1 << random.below(8));
            set(bytes, place, flipped);
            "a bit flipped"
        }
        1 => {
            let flipped = bytes.get(in_header).copied().unwrap_or(0) ^ (1 << random.below(8));
            set(bytes, in_header, flipped);
            "a bit of the header flipped"
        }
        2 => {
            bytes.truncate(place);
            "cut"
        }
        3 => {
            let end = (place + 1 + random.below(64)).min(bytes.len());
            bytes.drain(place..end);
            "a part taken out"
        }
        4 => {
            let part: Vec<u8> = bytes.iter().skip(place).take(1 + random.below(64)).copied().collect();
            bytes.splice(place..place, part);
            "a part doubled"
        }
        5 => {
            let length = random.next() >> random.below(64);
            bytes.splice(0..8, length.to_le_bytes());
            "a lie about the header's length"
        }
        6 => {
            // A digit of a shape, an offset, the format or the checksum.
            let digits: Vec<usize> =
                (8..8 + header).filter(|&i| bytes.get(i).is_some_and(u8::is_ascii_digit)).collect();
            let at = digits.get(random.below(digits.len())).copied().unwrap_or(8);
            let more = "9".repeat(random.below(25));
            set(bytes, at, b'0' + random.below(10) as u8);
            bytes.splice(at..at, more.bytes());
            let length = (header + more.len()) as u64;
            bytes.splice(0..8, length.to_le_bytes());
            "another number in the header"
        }
        7 => {
            // Every name occurs again under the next one's.
            let text = String::from_utf8_lossy(bytes.get(8..8 + header).unwrap_or_default()).into_owned();
            let text = text.replace("weight", "bias");
            bytes.splice(8..8 + header, text.bytes());
            bytes.splice(0..8, (text.len() as u64).to_le_bytes());
            "doubled and missing names"
        }
        8 => {
            let at = 8 + header + random.below(bytes.len().saturating_sub(8 + header)) / 4 * 4;
            for (i, byte) in f32::NAN.to_le_bytes().into_iter().enumerate() {
                set(bytes, at + i, byte);
            }
            "NaN"
        }
        _ => {
            let end = (place + 1 + random.below(256)).min(bytes.len());
            for at in place..end {
                set(bytes, at, random.next() as u8);
            }
            "a part overwritten"
        }
    }
}

/// The largest ratio of memory taken to file size over some 32 MB files, each read in a process of its own.
fn memory_of_large_files(folder: &Path, random: &mut Random, settings: &Settings) -> Result<f64, String> {
    let file = folder.join("large.safetensors");
    let (vs, model) = large();
    checkpoint::save(&model, &vs, &file).map_err(|e| e.to_string())?;
    let good = std::fs::read(&file).map_err(|e| e.to_string())?;
    let mut worst = 0.0f64;
    let header_of_zeros = {
        let text = format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":[{}0]", "0,".repeat(16_000_000));
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.bytes());
        bytes
    };
    let mut files = vec![good.clone(), header_of_zeros];
    for _ in 0..if settings.quick { 3 } else { 30 } {
        let mut bytes = good.clone();
        mutate(&mut bytes, random);
        files.push(bytes);
    }
    for bytes in files.iter().filter(|bytes| bytes.len() > good.len() / 2) {
        std::fs::write(&file, bytes).map_err(|e| e.to_string())?;
        let output = me()?.arg("--child-load").arg(&file).output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let taken: f64 = text.trim().parse().map_err(|_| {
            format!("a reader of a mutated file came to its end: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        worst = worst.max(taken / bytes.len() as f64);
    }
    if worst > 2.0 {
        return Err(format!("a reader took {worst:.2} times its file's size"));
    }
    Ok(worst)
}

fn large() -> (nn::VarStore, Linear) {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root() / "fc", 2048, 2048, Default::default());
    (vs, net)
}

/// Loads a file, and prints how many bytes the process's peak grew by.
pub fn child(file: &Path) -> ExitCode {
    let (vs, mut model) = large();
    let before = memory::peak();
    let _ = checkpoint::load(&mut model, &vs, file);
    println!("{}", memory::peak().saturating_sub(before));
    ExitCode::SUCCESS
}
