//! IDX files, the format of MNIST: two zero bytes, a code for the kind of number, the number of axes, each axis' length
//! as a big-endian u32, then the numbers, big-endian, the last axis fastest (LeCun, Cortes & Burges, "The MNIST
//! database", file formats).

use std::io::Read;
use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::gzip::{self, Source};
use super::tensors::Tensors;
use crate::error::{Error, Result, Within};

/// Images and their labels.
#[derive(Debug)]
pub struct ImageSet {
    /// `[N, 1, height, width]`, f32 from 0 to 1.
    pub images: Tensor,
    /// `[N]`, i64.
    pub labels: Tensor,
}

impl ImageSet {
    /// The images as the one input and the labels as the target.
    ///
    /// # Errors
    /// [`Error::Shape`] for unequal numbers of images and labels.
    pub fn dataset(&self) -> Result<Tensors> {
        Tensors::new(vec![self.images.shallow_clone()], self.labels.shallow_clone())
    }
}

/// The training set and the test set of a folder with MNIST's file names (`train-images-idx3-ubyte`,
/// `t10k-labels-idx1-ubyte`, …), also with a dot (`train-images.idx3-ubyte`), also with `.gz` after it.
///
/// # Errors
/// [`Error::Io`] for a file that is missing or can't be read; [`Error::Data`] for one that isn't what its name says, or
/// for unequal numbers of images and labels.
pub fn read_image_sets(folder: &Path) -> Result<(ImageSet, ImageSet)> {
    Ok((read_image_set(folder, "train")?, read_image_set(folder, "t10k")?))
}

fn read_image_set(folder: &Path, part: &str) -> Result<ImageSet> {
    let images_path = find(folder, &format!("{part}-images"), "idx3-ubyte")?;
    let labels_path = find(folder, &format!("{part}-labels"), "idx1-ubyte")?;
    let images = read(&images_path)?;
    let labels = read(&labels_path)?;
    let wrong = |path: &Path, problem: String| Err(Error::data(&path.display().to_string(), problem));
    let (image_size, label_size) = (images.size(), labels.size());
    let [n, height, width] = image_size[..] else {
        return wrong(&images_path, format!("images have 3 axes, these {}", image_size.len()));
    };
    if n == 0 || height == 0 || width == 0 {
        return wrong(&images_path, format!("no images in it: {n} of {height} by {width}"));
    }
    if images.kind() != Kind::Uint8 || labels.kind() != Kind::Uint8 {
        return wrong(&images_path, "images and labels are unsigned bytes (code 0x08)".to_owned());
    }
    if label_size != [n] {
        return wrong(&labels_path, format!("{label_size:?} labels for {n} images"));
    }
    let images = images.f_to_kind(Kind::Float).within("images")? / 255.0;
    Ok(ImageSet { images: images.reshape([n, 1, height, width]), labels: labels.to_kind(Kind::Int64) })
}

/// The first of the names in use that is there.
fn find(folder: &Path, stem: &str, kind: &str) -> Result<PathBuf> {
    let names = [format!("{stem}-{kind}"), format!("{stem}.{kind}")];
    let paths = names.iter().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
    let found = paths.into_iter().find(|path| path.exists());
    let [name, _] = names;
    found.ok_or_else(|| {
        Error::io(&folder.join(name), std::io::Error::new(std::io::ErrorKind::NotFound, "no such file"))
    })
}

/// An IDX file, plain or compressed with gzip, as a tensor of the kind that it states.
///
/// # Errors
/// [`Error::Io`] if it can't be read; [`Error::Data`] if it is no IDX file, is cut short or goes on after its end.
pub fn read(path: &Path) -> Result<Tensor> {
    from_source(&path.display().to_string(), gzip::open(path)?)
}

/// An IDX file's bytes, plain or compressed with gzip, as a tensor; `name` is what errors call it.
///
/// ```
/// // Two images of one pixel: bytes, three axes, their lengths, the pixels.
/// let file = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 255];
/// let images = illia_core::data::idx::parse("images", &file)?;
/// assert_eq!(images.size(), [2, 1, 1]);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// As [`read`].
pub fn parse(name: &str, bytes: &[u8]) -> Result<Tensor> {
    let source = gzip::decompressed(bytes, bytes.len() as u64).map_err(|e| unreadable(name, &e))?;
    from_source(name, source)
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    Error::data(name, format!("can't be decompressed or read: {error}"))
}

/// The kinds of numbers with their codes.
fn kind_of(code: u8) -> Option<Kind> {
    match code {
        0x08 => Some(Kind::Uint8),
        0x09 => Some(Kind::Int8),
        0x0B => Some(Kind::Int16),
        0x0C => Some(Kind::Int),
        0x0D => Some(Kind::Float),
        0x0E => Some(Kind::Double),
        _ => None,
    }
}

fn from_source(name: &str, source: Source<'_>) -> Result<Tensor> {
    let wrong = |problem: String| Err(Error::data(name, problem));
    let Source { mut reader, at_most, compressed } = source;
    let mut read_up_to = |len: u64| -> Result<Vec<u8>> {
        // Grows with what is there, not with what is promised.
        let mut bytes = Vec::new();
        reader.by_ref().take(len).read_to_end(&mut bytes).map_err(|e| unreadable(name, &e))?;
        Ok(bytes)
    };
    let magic = read_up_to(4)?;
    let [0, 0, code, axes] = magic[..] else {
        return wrong(
            "not an IDX file: it does not start with two zero bytes, a code and a number of axes".into(),
        );
    };
    let Some(kind) = kind_of(code) else {
        return wrong(format!("not an IDX file: 0x{code:02x} is no code of a kind of number"));
    };
    let lengths = read_up_to(4 * u64::from(axes))?;
    if lengths.len() != 4 * usize::from(axes) {
        return wrong(format!("ends within its header of {axes} axes"));
    }
    let (chunks, _) = lengths.as_chunks::<4>();
    let shape: Vec<i64> = chunks.iter().map(|&length| i64::from(u32::from_be_bytes(length))).collect();
    // Axes of 0 would hide from the product below what no tensor can count.
    let product = shape.iter().filter(|&&n| n > 0).try_fold(8i64, |product, &n| product.checked_mul(n));
    if product.is_none() {
        return wrong(format!("states the impossible shape {shape:?}"));
    }
    let width = kind.elt_size_in_bytes();
    let promised = shape.iter().fold(width as u64, |product, &n| product.saturating_mul(n as u64));
    let possible = at_most.saturating_sub(4 + lengths.len() as u64);
    if !compressed && promised != possible {
        return wrong(format!("states the shape {shape:?}, {promised} bytes, but {possible} follow"));
    }
    if promised > possible {
        return wrong(format!("states the shape {shape:?}, more than the file can hold"));
    }
    let mut bytes = read_up_to(promised)?;
    if (bytes.len() as u64) < promised {
        return wrong(format!(
            "states the shape {shape:?}, {promised} bytes, but only {} follow",
            bytes.len()
        ));
    }
    if !read_up_to(1)?.is_empty() {
        return wrong(format!("goes on after the {promised} bytes of its shape {shape:?}"));
    }
    if cfg!(target_endian = "little") && width > 1 {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    Tensor::f_from_data_size(&bytes, &shape, kind).within(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(code: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, code, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|n| n.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_kind_is_read_plain_and_compressed() {
        let cases: [(u8, Kind, Vec<u8>); 6] = [
            (0x08, Kind::Uint8, vec![1, 200]),
            (0x09, Kind::Int8, vec![1, 200]),
            (0x0B, Kind::Int16, [1i16, -56].map(i16::to_be_bytes).concat()),
            (0x0C, Kind::Int, [1i32, -56].map(i32::to_be_bytes).concat()),
            (0x0D, Kind::Float, [1f32, -56.0].map(f32::to_be_bytes).concat()),
            (0x0E, Kind::Double, [1f64, -56.0].map(f64::to_be_bytes).concat()),
        ];
        for (code, kind, data) in cases {
            let bytes = file(code, &[2, 1], &data);
            for bytes in [compressed(&bytes), bytes] {
                let tensor = parse("case", &bytes).unwrap();
                assert_eq!((tensor.kind(), tensor.size()), (kind, vec![2, 1]));
                let last = tensor.to_kind(Kind::Double).double_value(&[1, 0]);
                assert_eq!(last, if kind == Kind::Uint8 { 200.0 } else { -56.0 });
            }
        }
    }

    #[test]
    fn what_is_no_idx_file_is_an_error() {
        let good = file(0x08, &[2, 3], &[0; 6]);
        let zip = compressed(&good);
        let mut bomb = compressed(&file(0x08, &[1 << 20, 4], &vec![0; 1 << 22]));
        bomb.truncate(bomb.len() / 2);
        let cases: [(&str, Vec<u8>, &str); 11] = [
            ("empty", vec![], "not an IDX file"),
            ("text", b"5,0,0,1".to_vec(), "not an IDX file"),
            ("code", file(0x0A, &[1], &[0]), "0x0a is no code"),
            ("header", good[..9].to_vec(), "ends within its header"),
            ("cut", good[..13].to_vec(), "6 bytes, but 1 follow"),
            ("long", [&good[..], &[0]].concat(), "6 bytes, but 7 follow"),
            ("liar", file(0x0E, &[1 << 20, 1 << 20], &[]), "but 0 follow"),
            ("huge liar", file(0x0E, &[u32::MAX, u32::MAX, 0, 48], &[]), "impossible shape"),
            ("zip liar", compressed(&file(0x08, &[u32::MAX], &[0])), "more than the file can hold"),
            ("zip cut", zip[..zip.len() - 9].to_vec(), "can't be decompressed"),
            ("zip bomb", bomb, "more than the file can hold"),
        ];
        for (name, bytes, says) in cases {
            let error = parse(name, &bytes).unwrap_err().to_string();
            assert!(error.contains(says), "{name}: {error}");
        }
    }

    #[test]
    fn no_flipped_bit_brings_it_down() {
        let good = file(0x0B, &[3, 2], &[7; 12]);
        for bytes in [compressed(&good), good] {
            for bit in 0..bytes.len() * 8 {
                let mut bytes = bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(tensor) = parse("flipped", &bytes) {
                    assert!(tensor.numel() <= 12);
                }
            }
        }
    }
}
