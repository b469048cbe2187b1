//! The safetensors format, which any tool for that reads: a length, a header in JSON, and the tensors' bytes.
//!
//! Reading trusts nothing: every length in a header is held against the file's, and tensors that share bytes are refused, before a byte of
//! one is read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use safetensors::tensor::{Dtype, View, serialize_to_file};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result, Within};

const DTYPES: [(Kind, Dtype, &str); 10] = [
    (Kind::Bool, Dtype::BOOL, "BOOL"),
    (Kind::Uint8, Dtype::U8, "U8"),
    (Kind::Int8, Dtype::I8, "I8"),
    (Kind::Int16, Dtype::I16, "I16"),
    (Kind::Int, Dtype::I32, "I32"),
    (Kind::Int64, Dtype::I64, "I64"),
    (Kind::Half, Dtype::F16, "F16"),
    (Kind::BFloat16, Dtype::BF16, "BF16"),
    (Kind::Float, Dtype::F32, "F32"),
    (Kind::Double, Dtype::F64, "F64"),
];

/// A tensor's bytes as the format has them: dense, the last axis fastest.
pub(crate) fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let tensor =
        tensor.detach().f_to_device(Device::Cpu).within("tensor")?.f_contiguous().within("tensor")?;
    let numel = tensor.numel();
    let mut bytes = vec![0u8; numel * tensor.kind().elt_size_in_bytes()];
    if numel > 0 {
        tensor.f_copy_data_u8(&mut bytes, numel).within("tensor")?;
    }
    Ok(bytes)
}

/// A tensor as it is to be written.
pub(crate) struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    /// None where only the header is written yet.
    bytes: Option<Tensor>,
}

impl Stored {
    /// The tensor `name` with its bytes.
    pub(crate) fn whole(name: &str, tensor: &Tensor) -> Result<Stored> {
        let planned = Stored::planned(name, tensor.kind(), &tensor.size())?;
        let bytes = tensor.detach().f_to_device(Device::Cpu).within(name)?.f_contiguous().within(name)?;
        Ok(Stored { bytes: Some(bytes), ..planned })
    }

    /// The place of the tensor `name`.
    pub(crate) fn planned(name: &str, kind: Kind, shape: &[i64]) -> Result<Stored> {
        let known = DTYPES.iter().find(|(known, ..)| *known == kind);
        let Some((_, dtype, _)) = known else {
            return Err(Error::configuration(name, format!("{kind:?}"), "a kind that safetensors has"));
        };
        let shape: Vec<usize> = shape.iter().map(|&n| n.max(0) as usize).collect();
        if shape.iter().try_fold(dtype.size(), |size, &n| size.checked_mul(n)).is_none() {
            return Err(Error::configuration(name, format!("{shape:?}"), "a size that a file can have"));
        }
        Ok(Stored { dtype: *dtype, shape, bytes: None })
    }

    /// How many bytes it takes.
    pub(crate) fn len(&self) -> u64 {
        self.data_len() as u64
    }

    /// The name of its type in the file.
    pub(crate) fn dtype_name(&self) -> &'static str {
        DTYPES.iter().find(|(_, dtype, _)| *dtype == self.dtype).map_or("", |(.., name)| name)
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        // A tensor on the CPU, contiguous, of a kind that the format has: nothing is left that could fail.
        Cow::Owned(self.bytes.as_ref().and_then(|tensor| bytes_of(tensor).ok()).unwrap_or_default())
    }
    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }
}

/// Writes a file of tensors, or, where they are planned only, its header.
pub(crate) fn write(
    path: &Path,
    tensors: Vec<(&str, Stored)>,
    metadata: HashMap<String, String>,
) -> io::Result<()> {
    let metadata = (!metadata.is_empty()).then_some(metadata);
    serialize_to_file(tensors, &metadata, path).map_err(|e| match e {
        safetensors::SafeTensorError::IoError(e) => e,
        other => io::Error::other(other.to_string()),
    })
}

/// One tensor in a file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub shape: Vec<i64>,
    /// The name of its type in the file.
    pub dtype: &'static str,
    /// Where its bytes begin and end, counted from the end of the header.
    pub start: u64,
    pub end: u64,
}

/// The most that other readers of the format take.
const LONGEST_HEADER: u64 = 100_000_000;

/// The header of a file that has just been opened, and how many bytes of tensors follow; an error's text says what is wrong
/// with it.
pub(crate) fn read_header(file: &mut File, len: u64) -> io::Result<Result<(String, u64), String>> {
    let mut length = Vec::new();
    file.by_ref().take(8).read_to_end(&mut length)?;
    let length = length.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let follow = length.zip(len.checked_sub(8)).and_then(|(length, rest)| rest.checked_sub(length));
    let (Some(length), Some(follow)) = (length, follow) else {
        return Ok(Err("its header is cut off".to_owned()));
    };
    if length > LONGEST_HEADER {
        return Ok(Err(format!("its header has {length} bytes, and the format allows {LONGEST_HEADER}")));
    }
    let mut header = Vec::new();
    file.by_ref().take(length).read_to_end(&mut header)?;
    Ok(match String::from_utf8(header) {
        Ok(header) if header.len() as u64 == length => Ok((header, follow)),
        Ok(_) => Err("its header is cut off".to_owned()),
        Err(_) => Err("its header is not text".to_owned()),
    })
}

/// Goes through a header: calls `tensor` with each tensor's name and entry, `text` with each text's key and value. An error's text
/// says what is wrong, be it a callback's own.
///
/// `len` bytes of tensors follow: each must belong to one tensor, and to one only.
pub(crate) fn parse_header(
    header: &str,
    len: u64,
    tensor: &mut dyn FnMut(&str, Entry) -> Result<(), String>,
    text: &mut dyn FnMut(&str, String) -> Result<(), String>,
) -> Result<(), String> {
    let mut parser = Parser { len, tensor, text, spans: Vec::new() };
    let mut json = serde_json::Deserializer::from_str(header);
    (&mut parser).deserialize(&mut json).and_then(|()| json.end()).map_err(|e| e.to_string())?;
    let mut spans = parser.spans;
    spans.sort_unstable();
    let mut expected = 0;
    for (start, end) in spans {
        if start != expected {
            return Err("its tensors overlap or leave bytes between them".to_owned());
        }
        expected = end;
    }
    if expected != len {
        return Err("it goes on after its last tensor".to_owned());
    }
    Ok(())
}

struct Parser<'a> {
    len: u64,
    tensor: &'a mut dyn FnMut(&str, Entry) -> Result<(), String>,
    text: &'a mut dyn FnMut(&str, String) -> Result<(), String>,
    spans: Vec<(u64, u64)>,
}

impl Parser<'_> {
    fn take(&mut self, name: &str, info: &Info) -> Result<(), String> {
        let (kind, _, dtype) = *DTYPES
            .iter()
            .find(|(.., dtype)| *dtype == info.dtype)
            .ok_or_else(|| format!("{name} is of the unknown type {}", info.dtype))?;
        let width = kind.elt_size_in_bytes() as u64;
        let size = info.shape.0.iter().try_fold(width, |size, &n| size.checked_mul(n));
        let shape = info.shape.0.iter().map(|&n| i64::try_from(n).ok()).collect::<Option<Vec<i64>>>();
        let (Some(size), Some(shape)) = (size, shape) else {
            return Err(format!("{name} has an impossible size"));
        };
        let [start, end] = info.data_offsets;
        if start > end || end > self.len {
            return Err(format!("{name} is cut off"));
        }
        if end - start != size {
            return Err(format!("{name} has {} bytes, and its shape asks for {size}", end - start));
        }
        self.spans.push((start, end));
        (self.tensor)(name, Entry { kind, shape, dtype, start, end })
    }
}

/// A tensor's entry in the header.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    data_offsets: [u64; 2],
}

/// A shape; of a header's length of axes it would be the one thing in it that grows in memory.
struct Shape(Vec<u64>);

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

impl<'de> DeserializeSeed<'de> for &mut Parser<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Parser<'_> {
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
struct Metadata<'p, 'a>(&'p mut Parser<'a>);

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
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, String>()? {
            (self.0.text)(&key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
