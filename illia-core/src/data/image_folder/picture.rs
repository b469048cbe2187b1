//! One picture's pixels, whatever its file holds.

use std::fmt::Display;
use std::io::{Cursor, Read};
use std::path::Path;

use tch::{Kind, Tensor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{Error, Result, Within};
use crate::files;

/// Pixels on a side.
pub(super) const LONGEST_SIDE: i64 = 1 << 14;
/// Bytes on disk, and in memory once it is unpacked.
const MOST_BYTES: u64 = 64 << 20;
const MOST_MEMORY: usize = 256 << 20;

/// Rows of bytes, `channels` a pixel: grey, grey and alpha, red green blue, or those and alpha.
struct Pixels {
    height: i64,
    width: i64,
    channels: i64,
    values: Vec<u8>,
}

/// `[1, 1 or 3, height, width]`, from 0 to 1.
pub(super) fn read(path: &Path, grey: bool) -> Result<Tensor> {
    let said = path.display().to_string();
    let (file, length) = files::open(path).map_err(|error| Error::io(path, error))?;
    if length > MOST_BYTES {
        return Err(Error::data(&said, format!("{length} bytes; a picture may have {MOST_BYTES} at most")));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| Error::io(path, error))?;
    // By what is in it, since names are often wrong.
    let decoded = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [0xff, 0xd8, ..] => jpeg(&bytes),
        _ => Err("neither a PNG nor a JPEG".to_owned()),
    };
    let Pixels { height, width, channels, values } =
        decoded.map_err(|problem| Error::data(&said, problem))?;
    let pixels = Tensor::f_from_slice(&values).and_then(|t| t.f_reshape([1, height, width, channels]));
    let pixels =
        pixels.and_then(|t| t.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)).within("picture")? / 255.0;
    let pixels = match (grey, channels) {
        (true, 1 | 2) => pixels.narrow(1, 0, 1),
        // The luma of ITU-R BT.601, which JPEG has too.
        (true, _) => {
            let part = |channel: i64, share: f64| pixels.narrow(1, channel, 1) * share;
            part(0, 0.299) + part(1, 0.587) + part(2, 0.114)
        }
        (false, 1 | 2) => pixels.narrow(1, 0, 1).repeat([1, 3, 1, 1]),
        (false, _) => pixels.narrow(1, 0, 3),
    };
    Ok(pixels.contiguous())
}

/// Refuses what is too large before there is room for it.
fn check(width: usize, height: usize) -> std::result::Result<(), String> {
    let longest = LONGEST_SIDE as usize;
    if width.max(height) > longest || width.saturating_mul(height).saturating_mul(4) > MOST_MEMORY {
        let most = MOST_MEMORY / 4;
        return Err(format!("{height} by {width} pixels; a side may have {longest} and all together {most}"));
    }
    Ok(())
}

fn unreadable(error: impl Display) -> String {
    format!("can't be unpacked: {error}")
}

fn png(bytes: Vec<u8>) -> std::result::Result<Pixels, String> {
    let limits = png::Limits { bytes: MOST_MEMORY };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    // Palettes, bits and 16 bits as bytes.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(unreadable)?;
    let (width, height) = reader.info().size();
    check(width as usize, height as usize)?;
    let mut values = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let frame = reader.next_frame(&mut values).map_err(unreadable)?;
    values.truncate(frame.buffer_size());
    Ok(Pixels {
        height: i64::from(frame.height),
        width: i64::from(frame.width),
        channels: frame.color_type.samples() as i64,
        values,
    })
}

fn jpeg(bytes: &[u8]) -> std::result::Result<Pixels, String> {
    // Strict: a file that ends too early is an error, and not half a picture.
    let options = DecoderOptions::default().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(unreadable)?;
    let info = decoder.info().ok_or_else(|| unreadable("it has no size"))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    check(width, height)?;
    let values = decoder.decode().map_err(unreadable)?;
    let channels = values.len().checked_div(width * height).unwrap_or_default();
    Ok(Pixels { height: height as i64, width: width as i64, channels: channels as i64, values })
}
