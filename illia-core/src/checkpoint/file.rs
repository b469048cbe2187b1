//! One file: named tensors, a state in JSON, and a checksum over both; in the safetensors format, which any tool
//! for that reads.
//!
//! Reading keeps nothing but what is asked for, so that no file takes much more memory than its own size.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::View;
use tch::{Kind, Tensor};

use crate::error::{Error, Result, Unusable};
use crate::files::{self, Entry, Stored};

/// The newest format that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

const FORMAT_KEY: &str = "illia.format";
const STATE_KEY: &str = "illia.state";
const CHECKSUM_KEY: &str = "illia.checksum";

/// An error of the file at `path`.
pub(crate) fn unusable(path: &Path, reason: Unusable) -> Error {
    Error::Checkpoint { path: path.display().to_string(), reason }
}

/// Writes the file whole or not at all.
pub(crate) fn write(path: &Path, tensors: &BTreeMap<String, Tensor>, state: &str) -> Result<()> {
    let mut sum = Checksum::of_state(state);
    let mut all = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let stored = Stored::whole(name, tensor)?;
        let start = Checksum::start(name, stored.dtype_name(), View::shape(&stored));
        sum.add(start, &stored.data());
        all.push((name.as_str(), stored));
    }
    let metadata = HashMap::from([
        (FORMAT_KEY.to_owned(), FORMAT.to_string()),
        (STATE_KEY.to_owned(), state.to_owned()),
        (CHECKSUM_KEY.to_owned(), sum.text()),
    ]);
    files::write_whole(path, |temporary| {
        files::write(temporary, all, metadata).map_err(|e| Error::io(path, e))
    })
}

/// A sum of one CRC-32 for each tensor (its name, type, shape and bytes) and one for the state: any order of the tensors
/// gives the same.
struct Checksum(u64);

/// The CRC-32 of what stands before a tensor's bytes, and how long that is.
type Start = (u32, u64);

impl Checksum {
    fn of_state(state: &str) -> Self {
        Checksum(u64::from(crc32fast::hash(state.as_bytes())))
    }

    fn start(name: &str, dtype: &str, shape: &(impl std::fmt::Debug + ?Sized)) -> Start {
        let text = format!("{name}\0{dtype}{shape:?}");
        (crc32fast::hash(text.as_bytes()), text.len() as u64)
    }

    fn add(&mut self, (start, len): Start, bytes: &[u8]) {
        let mut crc = crc32fast::Hasher::new_with_initial_len(start, len);
        crc.update(bytes);
        self.0 = self.0.wrapping_add(u64::from(crc.finalize()));
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

/// What the reader wants of a tensor, by its name.
pub(crate) enum Want {
    /// It is asked for.
    Keep,
    /// It belongs there, but not to what is asked for.
    Skip,
    /// It does not belong there: why, in words.
    Refuse(String),
}

/// A file that has been read, and whose checksum holds if it has one.
pub(crate) struct File {
    path: PathBuf,
    /// The bytes of all tensors.
    bytes: Vec<u8>,
    entries: HashMap<String, Entry>,
    /// The state's JSON; None for files of other makers.
    pub state: Option<String>,
}

impl File {
    /// Reads the file at `path`, keeping the tensors that `want` wants.
    pub(crate) fn read(path: &Path, want: &dyn Fn(&str) -> Want) -> Result<File> {
        let (mut file, len) = files::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => unusable(path, Unusable::Missing),
            _ => Error::io(path, e),
        })?;
        let damaged = |what: String| unusable(path, Unusable::Damaged(what));
        let header = files::read_header(&mut file, len).map_err(|e| Error::io(path, e))?;
        let (header, follow) = header.map_err(damaged)?;
        let Header { entries, format, state, checksum, sums } = Header::parse(path, &header, follow, want)?;
        drop(header);
        let bytes = read_rest(file, follow).map_err(|e| Error::io(path, e))?;
        let Some(format) = format else {
            return Ok(File { path: path.to_owned(), bytes, entries, state: None });
        };
        match format.parse::<u32>() {
            Ok(found) if found > FORMAT => {
                return Err(unusable(path, Unusable::Newer { found, known: FORMAT }));
            }
            Ok(FORMAT) => {}
            _ => return Err(damaged("its format is not a number that any version wrote".to_owned())),
        }
        let (Some(state), Some(checksum)) = (state, checksum) else {
            return Err(damaged("its state or its checksum is missing".to_owned()));
        };
        let mut sum = Checksum::of_state(&state);
        for (before, start, end) in sums {
            sum.add(before, slice(&bytes, start, end));
        }
        if sum.text() != checksum {
            return Err(damaged("its checksum does not hold".to_owned()));
        }
        Ok(File { path: path.to_owned(), bytes, entries, state: Some(state) })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Whether the tensor's numbers are finite, read where they are; minus infinity may be `allowed`. True for whole numbers.
    pub(crate) fn is_finite(&self, entry: &Entry, allowed: bool) -> bool {
        // All ones in the exponent are infinity, or no number if anything is in the fraction.
        let (width, exponent, minus_infinity) = match entry.kind {
            Kind::Half => (2, 0x7c00, 0xfc00),
            Kind::BFloat16 => (2, 0x7f80, 0xff80),
            Kind::Float => (4, 0x7f80_0000, 0xff80_0000),
            Kind::Double => (8, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000),
            _ => return true,
        };
        slice(&self.bytes, entry.start, entry.end).chunks_exact(width).all(|number| {
            let bits = number.iter().rev().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
            bits & exponent != exponent || (allowed && bits == minus_infinity)
        })
    }

    /// A copy of the tensor, on the CPU.
    pub(crate) fn tensor(&self, entry: &Entry) -> Result<Tensor> {
        let bytes = slice(&self.bytes, entry.start, entry.end);
        Tensor::f_from_data_size(bytes, &entry.shape, entry.kind)
            .map_err(|e| unusable(&self.path, Unusable::Damaged(e.to_string())))
    }
}

/// The bytes of one tensor; the header has been held against the file's length.
fn slice(bytes: &[u8], start: u64, end: u64) -> &[u8] {
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

/// What follows the header: `len` bytes, for which the memory is asked for at once and may not be there.
fn read_rest(file: std::fs::File, len: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = usize::try_from(len).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(size).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    file.take(len).read_to_end(&mut bytes)?;
    if bytes.len() != size {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// What is gathered while the header goes by.
#[derive(Default)]
struct Header {
    entries: HashMap<String, Entry>,
    format: Option<String>,
    state: Option<String>,
    checksum: Option<String>,
    /// Of each tensor: what its checksum begins with, and where its bytes are.
    sums: Vec<(Start, u64, u64)>,
}

impl Header {
    fn parse(path: &Path, text: &str, follow: u64, want: &dyn Fn(&str) -> Want) -> Result<Header> {
        let Header { mut entries, mut format, mut state, mut checksum, mut sums } = Header::default();
        let mut refused = None;
        let mut tensor = |name: &str, entry: Entry| {
            sums.push((Checksum::start(name, entry.dtype, &entry.shape), entry.start, entry.end));
            match want(name) {
                Want::Skip => return Ok(()),
                Want::Refuse(why) => {
                    refused = Some(Unusable::Architecture(why));
                    return Err("refused".to_owned());
                }
                Want::Keep => {}
            }
            match entries.insert(name.to_owned(), entry) {
                None => Ok(()),
                Some(_) => Err(format!("{name} is there twice")),
            }
        };
        let mut keyed = |key: &str, value: String| {
            let slot = match key {
                FORMAT_KEY => &mut format,
                STATE_KEY => &mut state,
                CHECKSUM_KEY => &mut checksum,
                _ => return Ok(()),
            };
            match slot.replace(value) {
                None => Ok(()),
                Some(_) => Err(format!("{key} is there twice")),
            }
        };
        let parsed = files::parse_header(text, follow, &mut tensor, &mut keyed);
        // A refusal says more than the parser, which only knows where it stopped.
        match (refused, parsed) {
            (Some(reason), _) => Err(unusable(path, reason)),
            (None, Err(what)) => Err(unusable(path, Unusable::Damaged(what))),
            (None, Ok(())) => Ok(Header { entries, format, state, checksum, sums }),
        }
    }
}
