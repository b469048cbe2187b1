//! Plain or compressed, told apart by the first two bytes.

use std::io::{BufReader, Chain, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::files;

/// Deflate makes at most 1032 bytes of one (zlib's technical details): a stream that promises more lies.
const MOST_EXPANSION: u64 = 1032;

/// What is read, and the most bytes that it can hold.
pub(super) struct Source<'a> {
    pub reader: Box<dyn Read + 'a>,
    pub at_most: u64,
    pub compressed: bool,
}

/// Opens a file, decompressing it if it is gzip's.
pub(super) fn open(path: &Path) -> Result<Source<'static>> {
    let (file, len) = files::open(path).map_err(|e| Error::io(path, e))?;
    decompressed(BufReader::new(file), len).map_err(|e| Error::io(path, e))
}

/// A reader of `len` bytes, decompressed if they are gzip's.
pub(super) fn decompressed<'a>(mut reader: impl Read + 'a, len: u64) -> std::io::Result<Source<'a>> {
    let mut magic = Vec::with_capacity(2);
    reader.by_ref().take(2).read_to_end(&mut magic)?;
    let compressed = magic == [0x1f, 0x8b];
    let whole: Chain<Cursor<Vec<u8>>, _> = Cursor::new(magic).chain(reader);
    Ok(if compressed {
        let at_most = len.saturating_mul(MOST_EXPANSION);
        Source { reader: Box::new(MultiGzDecoder::new(whole)), at_most, compressed }
    } else {
        Source { reader: Box::new(whole), at_most: len, compressed }
    })
}
