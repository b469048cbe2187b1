//! One file: named tensors, a state in JSON, and a checksum over both; in the safetensors format, which any tool
//! for that reads.
//!
//! Reading trusts nothing: every length is held against the file's before it is used, and nothing is kept but what
//! is asked for, so that no file takes much more memory than its own size.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use safetensors::tensor::{Dtype, View, serialize_to_file};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tch::{Kind, Tensor};

use crate::error::{Error, Result, Unusable};

/// The newest format that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

const FORMAT_KEY: &str = "illia.format";
const STATE_KEY: &str = "illia.state";
const CHECKSUM_KEY: &str = "illia.checksum";

/// An error of the file at `path`.
pub(crate) fn unusable(path: &Path, reason: Unusable) -> Error {
    Error::Checkpoint { path: path.display().to_string(), reason }
}

/// Writes the file whole or not at all: under another name first, synced, then renamed.
pub(crate) fn write(path: &Path, tensors: &BTreeMap<String, Tensor>, state: &str) -> Result<()> {
    let mut sum = Checksum::of_state(state);
    let mut views = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let dtype = dtype(tensor.kind()).ok_or_else(|| {
            Error::configuration(name, format!("{:?}", tensor.kind()), "a kind that safetensors has")
        })?;
        let shape: Vec<usize> = tensor.size().iter().map(|&n| n.max(0) as usize).collect();
        let view = Bytes { dtype, shape, tensor: tensor.detach().to_device(tch::Device::Cpu).contiguous() };
        sum.add(name, &format!("{dtype:?}"), &view.shape, &view.data());
        views.push((name.as_str(), view));
    }
    let metadata = HashMap::from([
        (FORMAT_KEY.to_owned(), FORMAT.to_string()),
        (STATE_KEY.to_owned(), state.to_owned()),
        (CHECKSUM_KEY.to_owned(), sum.text()),
    ]);
    // A link stays one: what it points to is written.
    let path = &*path.canonicalize().map_or(Cow::Borrowed(path), Cow::Owned);
    let temporary = temporary(path);
    let written = serialize_to_file(views, &Some(metadata), &temporary)
        .map_err(|e| match e {
            safetensors::SafeTensorError::IoError(e) => e,
            other => std::io::Error::other(other.to_string()),
        })
        .and_then(|()| fs::File::open(&temporary)?.sync_all())
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_folder(path));
    written.map_err(|e| {
        // What was there before still is; what was begun is of no use.
        let _ = fs::remove_file(&temporary);
        Error::io(path, e)
    })
}

/// Beside the file, since a rename can't cross file systems; another one for each call.
fn temporary(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let (name, call) = (path.file_name().unwrap_or_default(), CALLS.fetch_add(1, Ordering::Relaxed));
    path.with_file_name(format!(".{}.{}-{call}{TEMPORARY}", name.to_string_lossy(), std::process::id()))
}

/// How the names of files that are being written end.
pub(crate) const TEMPORARY: &str = ".writing";

/// A rename is safe on disk once its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A tensor as the safetensors crate writes it.
struct Bytes {
    dtype: Dtype,
    shape: Vec<usize>,
    tensor: Tensor,
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = vec![0u8; self.data_len()];
        let numel = self.tensor.numel();
        if numel > 0 {
            self.tensor.copy_data_u8(&mut bytes, numel);
        }
        Cow::Owned(bytes)
    }
    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

const DTYPES: [(Kind, Dtype, &str); 9] = [
    (Kind::Bool, Dtype::BOOL, "BOOL"),
    (Kind::Uint8, Dtype::U8, "U8"),
    (Kind::Int8, Dtype::I8, "I8"),
    (Kind::Int, Dtype::I32, "I32"),
    (Kind::Int64, Dtype::I64, "I64"),
    (Kind::Half, Dtype::F16, "F16"),
    (Kind::BFloat16, Dtype::BF16, "BF16"),
    (Kind::Float, Dtype::F32, "F32"),
    (Kind::Double, Dtype::F64, "F64"),
];

fn dtype(kind: Kind) -> Option<Dtype> {
    DTYPES.iter().find(|(k, ..)| *k == kind).map(|&(_, dtype, _)| dtype)
}

/// A sum of one CRC-32 for each tensor (its name, type, shape and bytes) and one for the state: any order of the tensors
/// gives the same.
struct Checksum(u64);

impl Checksum {
    fn of_state(state: &str) -> Self {
        Checksum(u64::from(crc32fast::hash(state.as_bytes())))
    }

    fn add(&mut self, name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) {
        let mut crc = crc32fast::Hasher::new();
        crc.update(format!("{name}\0{dtype}{shape:?}").as_bytes());
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
    bytes: Vec<u8>,
    entries: HashMap<String, Entry>,
    /// The state's JSON; None for files of other makers.
    pub state: Option<String>,
}

/// One tensor in the file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub shape: Vec<i64>,
    /// In the file's bytes.
    start: usize,
    end: usize,
}

impl File {
    /// Reads the file at `path`, keeping the tensors that `want` wants.
    pub(crate) fn read(path: &Path, want: &dyn Fn(&str) -> Want) -> Result<File> {
        let bytes = fs::read(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => unusable(path, Unusable::Missing),
            _ => Error::io(path, e),
        })?;
        let (entries, state) = parse(path, &bytes, want)?;
        Ok(File { path: path.to_owned(), bytes, entries, state })
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
        let bytes = self.bytes.get(entry.start..entry.end).unwrap_or_default();
        bytes.chunks_exact(width).all(|number| {
            let bits = number.iter().rev().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
            bits & exponent != exponent || (allowed && bits == minus_infinity)
        })
    }

    /// A copy of the tensor, on the CPU.
    pub(crate) fn tensor(&self, entry: &Entry) -> Result<Tensor> {
        let bytes = self.bytes.get(entry.start..entry.end).unwrap_or_default();
        Tensor::f_from_data_size(bytes, &entry.shape, entry.kind)
            .map_err(|e| unusable(&self.path, Unusable::Damaged(e.to_string())))
    }
}

type Parsed = (HashMap<String, Entry>, Option<String>);

fn parse(path: &Path, bytes: &[u8], want: &dyn Fn(&str) -> Want) -> Result<Parsed> {
    let damaged = |what: &str| unusable(path, Unusable::Damaged(what.to_owned()));
    let length =
        bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)).and_then(|n| usize::try_from(n).ok());
    let end = length.and_then(|n| n.checked_add(8)).filter(|&end| end <= bytes.len());
    let Some(end) = end else { return Err(damaged("its header is cut off")) };
    let text = std::str::from_utf8(bytes.get(8..end).unwrap_or_default());
    let text = text.map_err(|_| damaged("its header is not text"))?;
    let mut header = Header::new(bytes, end, want);
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = (&mut header).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = parsed {
        // A refusal and a foreign format say more than the parser, which only knows where it stopped.
        return Err(match header.refused.take() {
            Some(reason) => unusable(path, reason),
            None => damaged(&error.to_string()),
        });
    }
    let Some(format) = &header.format else {
        return Ok((header.entries, None));
    };
    match format.parse::<u32>() {
        Ok(found) if found > FORMAT => return Err(unusable(path, Unusable::Newer { found, known: FORMAT })),
        Ok(FORMAT) => {}
        _ => return Err(damaged("its format is not a number that any version wrote")),
    }
    let (Some(state), Some(checksum)) = (header.state, header.checksum) else {
        return Err(damaged("its state or its checksum is missing"));
    };
    let sum = Checksum(header.sum.0.wrapping_add(Checksum::of_state(&state).0));
    if sum.text() != checksum {
        return Err(damaged("its checksum does not hold"));
    }
    Ok((header.entries, Some(state)))
}

/// What is gathered while the header goes by.
struct Header<'a> {
    bytes: &'a [u8],
    /// Where the data begins.
    data: usize,
    want: &'a dyn Fn(&str) -> Want,
    entries: HashMap<String, Entry>,
    format: Option<String>,
    state: Option<String>,
    checksum: Option<String>,
    sum: Checksum,
    refused: Option<Unusable>,
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8], data: usize, want: &'a dyn Fn(&str) -> Want) -> Self {
        let entries = HashMap::new();
        Header {
            bytes,
            data,
            want,
            entries,
            format: None,
            state: None,
            checksum: None,
            sum: Checksum(0),
            refused: None,
        }
    }

    /// Takes one tensor in; an error's text says what is wrong with it.
    fn take(&mut self, name: &str, info: &Info) -> Result<(), String> {
        let &(kind, _, dtype) = DTYPES
            .iter()
            .find(|(.., dtype)| *dtype == info.dtype)
            .ok_or_else(|| format!("{name} is of the unknown type {}", info.dtype))?;
        let numel = info.shape.0.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        let size = numel.and_then(|n| n.checked_mul(kind.elt_size_in_bytes()));
        let [start, end] = info.data_offsets.map(|offset| offset.checked_add(self.data));
        let (Some(size), Some(start), Some(end)) = (size, start, end) else {
            return Err(format!("{name} has an impossible size"));
        };
        let bytes = self.bytes.get(start..end).ok_or_else(|| format!("{name} is cut off"))?;
        if bytes.len() != size {
            return Err(format!("{name} has {} bytes, and its shape asks for {size}", bytes.len()));
        }
        self.sum.add(name, dtype, &info.shape.0, bytes);
        match (self.want)(name) {
            Want::Skip => return Ok(()),
            Want::Refuse(why) => {
                self.refused = Some(Unusable::Architecture(why));
                return Err("refused".to_owned());
            }
            Want::Keep => {}
        }
        let shape = info.shape.0.iter().map(|&n| n as i64).collect();
        match self.entries.insert(name.to_owned(), Entry { kind, shape, start, end }) {
            None => Ok(()),
            Some(_) => Err(format!("{name} is there twice")),
        }
    }
}

/// A tensor's entry in the header.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    data_offsets: [usize; 2],
}

/// A shape; of a header's length of axes it would be the one thing in it that grows in memory.
struct Shape(Vec<usize>);

const MOST_AXES: usize = 16;

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Axes;
        impl<'de> Visitor<'de> for Axes {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MOST_AXES} sizes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(size) = sequence.next_element()? {
                    if shape.len() == MOST_AXES {
                        return Err(A::Error::custom("a tensor has too many axes"));
                    }
                    shape.push(size);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(Axes)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Header<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Header<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a safetensors header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == "__metadata__" {
                map.next_value_seed(Metadata(self))?;
            } else {
                let info: Info<'de> = map.next_value()?;
                self.take(&name, &info).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// The header's text entries.
struct Metadata<'h, 'a>(&'h mut Header<'a>);

impl<'de> DeserializeSeed<'de> for Metadata<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let slot = match &*key {
                FORMAT_KEY => &mut self.0.format,
                STATE_KEY => &mut self.0.state,
                CHECKSUM_KEY => &mut self.0.checksum,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(format!("{key} is there twice")));
            }
        }
        Ok(())
    }
}
