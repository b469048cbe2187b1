//! A run's epochs as TensorBoard reads them: records (TFRecord) of the protocol buffer `Event`, each a scalar with its name.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::EpochRecord;
use crate::error::{Error, Result};
use crate::files;

/// TensorBoard takes each file with `tfevents` in its name.
const NAME: &str = "events.out.tfevents.illia";

pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Begins the file, with the epochs that there were before.
pub(super) fn begin(folder: &Path, epochs: &[EpochRecord]) -> Result<()> {
    if folder.is_file() {
        return Err(Error::configuration("tensorboard", folder.display(), "a folder, not a file"));
    }
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    let path = file(folder);
    let mut bytes = record(&event(0, |event| text(event, 3, b"brain.Event:2")));
    bytes.extend(epochs.iter().flat_map(records));
    files::write_whole(&path, |at| std::fs::write(at, &bytes).map_err(|error| Error::io(&path, error)))
}

/// Adds an epoch.
pub(super) fn add(folder: &Path, record: &EpochRecord) -> Result<()> {
    let path = file(folder);
    let opened = OpenOptions::new().append(true).open(&path);
    opened.and_then(|mut file| file.write_all(&records(record))).map_err(|error| Error::io(&path, error))
}

/// An epoch's numbers, in groups by what stands before the stroke.
fn records(epoch: &EpochRecord) -> Vec<u8> {
    let fixed = [
        ("objective/loss", Some(epoch.loss)),
        ("objective/nll", Some(epoch.nll)),
        ("objective/validation_nll", epoch.validation_nll),
        ("kl/nats", Some(epoch.kl)),
        ("kl/weight", Some(epoch.kl_weight)),
        ("learning_rate", Some(epoch.learning_rate)),
    ];
    let fixed = fixed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let measured = epoch.metrics.iter().map(|(name, value)| (format!("metrics/{name}"), *value));
    fixed.chain(measured).flat_map(|(name, value)| record(&scalar(epoch.epoch, &name, value))).collect()
}

/// `Event { wall_time, step, summary: Summary { value: [Value { tag, simple_value }] } }`.
fn scalar(step: usize, name: &str, value: f64) -> Vec<u8> {
    let mut of_value = Vec::new();
    text(&mut of_value, 1, name.as_bytes());
    of_value.push(2 << 3 | 5);
    of_value.extend((value as f32).to_le_bytes());
    let mut summary = Vec::new();
    text(&mut summary, 1, &of_value);
    event(step, |event| text(event, 5, &summary))
}

fn event(step: usize, what: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut event = vec![1 << 3 | 1];
    event.extend(now.to_le_bytes());
    event.push(2 << 3);
    whole(&mut event, step as u64);
    what(&mut event);
    event
}

/// A field of text, bytes or a message.
fn text(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    whole(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// A whole number, seven bits a byte, the lowest first.
fn whole(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

/// A record: its length, that length's checksum, itself, its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length, masked(&length).as_slice(), data, &masked(data)].concat()
}

/// The checksum as records have it: turned and moved, so that one of a text with a checksum in it is no checksum of that.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), bit by bit: an epoch has few bytes.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::files::scratch::Scratch;

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// Fields of a message: number, and a number's bits or bytes.
    fn fields(mut bytes: &[u8]) -> Vec<(u8, u64, Vec<u8>)> {
        let whole = |bytes: &mut &[u8]| {
            let (mut number, mut shift) = (0u64, 0);
            loop {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                number |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return number;
                }
            }
        };
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let key = whole(&mut bytes);
            let length = match key & 7 {
                0 => {
                    found.push((key as u8 >> 3, whole(&mut bytes), Vec::new()));
                    continue;
                }
                1 => 8,
                5 => 4,
                _ => whole(&mut bytes) as usize,
            };
            found.push((key as u8 >> 3, 0, bytes[..length].to_vec()));
            bytes = &bytes[length..];
        }
        found
    }

    /// (step, tag, value) of each record, whose checksums are right.
    fn read(mut bytes: &[u8]) -> Vec<(u64, String, f32)> {
        let mut scalars = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            assert_eq!(masked(&bytes[..8]), bytes[8..12]);
            let data = &bytes[12..12 + length];
            assert_eq!(masked(data), bytes[12 + length..16 + length]);
            bytes = &bytes[16 + length..];
            let event = fields(data);
            let step = event.iter().find(|field| field.0 == 2).unwrap().1;
            let Some((.., summary)) = event.iter().find(|field| field.0 == 5) else {
                assert_eq!(event[2].2, b"brain.Event:2");
                continue;
            };
            let value = fields(&fields(summary)[0].2);
            let number = f32::from_le_bytes(value[1].2.as_slice().try_into().unwrap());
            scalars.push((step, String::from_utf8(value[0].2.clone()).unwrap(), number));
        }
        scalars
    }

    #[test]
    fn a_file_holds_each_number_of_each_epoch() {
        let folder = Scratch::new();
        let of = |epoch: usize| EpochRecord {
            epoch,
            nll: 2.0,
            loss: 2.5,
            kl: 300.0,
            learning_rate: 0.01,
            metrics: BTreeMap::from([("accuracy".to_owned(), 0.75)]),
            ..EpochRecord::default()
        };
        begin(&folder, &[of(1)]).unwrap();
        add(&folder, &of(200)).unwrap();
        let scalars = read(&std::fs::read(file(&folder)).unwrap());
        assert_eq!(scalars.len(), 2 * 6);
        assert!(scalars.contains(&(1, "objective/loss".to_owned(), 2.5)));
        assert!(scalars.contains(&(200, "kl/nats".to_owned(), 300.0)));
        assert!(scalars.contains(&(200, "metrics/accuracy".to_owned(), 0.75)));
    }
}
