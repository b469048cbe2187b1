//! Pixels as an image in the text of a page: a bitmap (BMP, version 3) in base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

const LONGEST_SIDE: i64 = 4096;

/// `[height, width]` or `[3, height, width]`, from 0 to 1; anything beyond is clipped.
pub(crate) fn data_uri(pixels: &Tensor) -> Result<String> {
    let given = pixels.size();
    let (height, width) = match given.as_slice() {
        &[h, w] | &[3, h, w] if (1..=LONGEST_SIDE).contains(&h) && (1..=LONGEST_SIDE).contains(&w) => (h, w),
        _ => {
            let expected = format!("[height, width] or [3, height, width], up to {LONGEST_SIDE}");
            return Err(Error::Shape { layer: "picture".to_owned(), expected, given });
        }
    };
    let bytes = pixels.detach().to_device(Device::Cpu).to_kind(Kind::Float).nan_to_num(0.0, 1.0, 0.0);
    let bytes = (bytes.clamp(0.0, 1.0) * 255.0).round().to_kind(Kind::Uint8);
    // A bitmap's rows go from the bottom up, its pixels are blue, green, red.
    let bgr = bytes.expand([3, height, width], false).flip([0, 1]).permute([1, 2, 0]).contiguous();
    let values = Vec::<u8>::try_from(&bgr.flatten(0, -1)).map_err(|error| Error::torch("picture", &error))?;
    Ok(format!("data:image/bmp;base64,{}", STANDARD.encode(bitmap(&values, width as u32, height as u32))))
}

fn bitmap(bgr: &[u8], width: u32, height: u32) -> Vec<u8> {
    // Rows are filled up to a multiple of four bytes.
    let row = (width * 3).next_multiple_of(4);
    let header = 14 + 40;
    let mut file = Vec::new();
    let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
    put(b"BM");
    for number in [header + row * height, 0, header, 40, width, height] {
        put(&number.to_le_bytes());
    }
    put(&1u16.to_le_bytes());
    put(&24u16.to_le_bytes());
    for number in [0, row * height, 2835, 2835, 0, 0] {
        put(&number.to_le_bytes());
    }
    for line in bgr.chunks((width * 3) as usize) {
        put(line);
        put(&[0; 3].iter().copied().take((row - width * 3) as usize).collect::<Vec<u8>>());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitmap_of_two_rows() {
        // Red above, blue below, two pixels wide: rows of 6 bytes, filled up to 8.
        let file = bitmap(&[255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255], 2, 2);
        assert_eq!(file.len(), 54 + 16);
        assert_eq!(&file[..6], [b'B', b'M', 70, 0, 0, 0]);
        assert_eq!(&file[54..62], [255, 0, 0, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn pixels_go_bottom_up_and_are_clipped() {
        let pixels = Tensor::from_slice(&[0.0, 2.0, f64::NAN, -1.0]).reshape([4, 1]);
        let expected = STANDARD.encode(bitmap(&[0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0], 1, 4));
        assert!(data_uri(&pixels).unwrap().ends_with(&expected));
        assert!(data_uri(&Tensor::zeros([2, 3, 3], (Kind::Float, Device::Cpu))).is_err());
        assert!(data_uri(&Tensor::zeros([0, 3], (Kind::Float, Device::Cpu))).is_err());
    }
}
