use std::path::Path;

use tch::Tensor;

use super::ImageFolder;
use crate::data::Dataset;
use crate::files::scratch::Scratch;

/// A folder with those of two classes, empty.
fn classes() -> Scratch {
    let folder = Scratch::new();
    for class in ["dog", "cat"] {
        std::fs::create_dir(folder.join(class)).unwrap();
    }
    folder
}

/// 8 rows of 16 pixels that are all 51, and all about (200, 100, 50).
const GREY: &[u8] = include_bytes!("grey.jpg");
const RED: &[u8] = include_bytes!("red.jpg");

fn write_png(path: &Path, (width, height): (u32, u32), colour: png::ColorType, values: &[u8]) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
    encoder.set_color(colour);
    encoder.write_header().unwrap().write_image_data(values).unwrap();
}

/// A red and a green pixel in a PNG, grey ones in a JPEG.
fn filled() -> Scratch {
    let folder = classes();
    write_png(&folder.join("dog/1.PNG"), (2, 1), png::ColorType::Rgb, &[255, 0, 0, 0, 255, 0]);
    std::fs::write(folder.join("cat/b.jpeg"), GREY).unwrap();
    std::fs::write(folder.join("cat/notes.txt"), "no picture").unwrap();
    std::fs::write(folder.join("cat/.hidden.png"), "no picture").unwrap();
    folder
}

#[test]
fn a_class_is_a_folder_and_pixels_are_read_when_asked_for() {
    let folder = filled();
    let images = ImageFolder::open(&folder).unwrap();
    assert_eq!((images.classes(), images.len()), (["cat".to_owned(), "dog".to_owned()].as_slice(), 2));
    let dog = images.batch(&[1]).unwrap();
    assert_eq!(dog.inputs[0], Tensor::from_slice(&[1f32, 0., 0., 1., 0., 0.]).reshape([1, 3, 1, 2]));
    assert_eq!(dog.target, Tensor::from_slice(&[1i64]));
    let cat = images.batch(&[0]).unwrap();
    assert_eq!(cat.inputs[0].size(), [1, 3, 8, 16]);
    assert!((&cat.inputs[0] - 0.2).abs().max().double_value(&[]) < 0.01);
    let both = images.batch(&[0, 1]).unwrap_err().to_string();
    assert!(both.contains("1.PNG") && both.contains("`size`"), "{both}");
    let scaled = images.size(4, 4).grey().batch(&[1, 0]).unwrap();
    assert_eq!((scaled.inputs[0].size(), scaled.target), (vec![2, 1, 4, 4], Tensor::from_slice(&[1i64, 0])));
}

#[test]
fn every_kind_of_pixel_is_red_green_blue_or_a_shade_of_grey() {
    let folder = classes();
    let cat = |name: &str| folder.join("cat").join(name);
    write_png(&cat("1.png"), (1, 1), png::ColorType::Rgba, &[255, 102, 51, 0]);
    write_png(&cat("2.png"), (1, 1), png::ColorType::GrayscaleAlpha, &[102, 7]);
    std::fs::write(cat("3.png"), RED).unwrap();
    std::fs::write(folder.join("dog/1.jpg"), GREY).unwrap();
    let images = ImageFolder::open(&folder).unwrap().size(1, 1);
    let near = |images: &ImageFolder, row: i64, expected: &[f64]| {
        let pixel = images.batch(&[row]).unwrap().inputs[0].flatten(0, -1).to_kind(tch::Kind::Double);
        let off = (&pixel - Tensor::from_slice(expected)).abs().max().double_value(&[]);
        assert!(off < 0.01, "{row}: {pixel:?}");
    };
    near(&images, 0, &[1.0, 0.4, 0.2]);
    near(&images, 1, &[0.4; 3]);
    near(&images, 2, &[200.0 / 255.0, 100.0 / 255.0, 50.0 / 255.0]);
    let grey = images.grey();
    near(&grey, 0, &[0.299 + 0.4 * 0.587 + 0.2 * 0.114]);
    near(&grey, 1, &[0.4]);
    near(&grey, 3, &[0.2]);
}

#[test]
fn files_that_are_broken_or_too_much_are_named() {
    let folder = filled();
    let cat = |name: &str| folder.join("cat").join(name);
    std::fs::write(cat("c.jpg"), &GREY[..GREY.len() / 2]).unwrap();
    std::fs::write(cat("d.png"), b"GIF89a").unwrap();
    // A PNG that promises 2^31 - 1 by 2^31 - 1 pixels, with the checksum that is right for that.
    let mut header = b"IHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\x00\x00\x00".to_vec();
    let sum = crc32fast::hash(&header).to_be_bytes();
    header.extend(sum);
    let bomb = [b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d".as_slice(), &header].concat();
    std::fs::write(cat("e.png"), bomb).unwrap();
    let whole = std::fs::read(folder.join("dog/1.PNG")).unwrap();
    std::fs::write(cat("f.png"), &whole[..whole.len() - 20]).unwrap();
    let images = ImageFolder::open(&folder).unwrap();
    for (row, name) in [(1, "c.jpg"), (2, "d.png"), (3, "e.png"), (4, "f.png")] {
        let error = images.batch(&[row]).map(|batch| batch.inputs[0].size()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(images.batch(&[9]).is_err() && images.clone().size(0, 5).batch(&[0]).is_err());
    assert!(images.size(1 << 40, 5).batch(&[0]).is_err());
}

#[test]
fn a_file_with_any_of_its_bytes_changed_is_a_picture_or_an_error() {
    let folder = filled();
    let path = folder.join("cat/b.jpeg");
    let images = ImageFolder::open(&folder).unwrap();
    for whole in [GREY.to_vec(), std::fs::read(folder.join("dog/1.PNG")).unwrap()] {
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&path, bytes).unwrap();
            if let Ok(batch) = images.batch(&[0]) {
                assert_eq!(batch.inputs[0].size()[..2], [1, 3]);
            }
        }
    }
}

#[test]
fn folders_without_classes_or_pictures_are_refused() {
    let folder = classes();
    let empty = ImageFolder::open(&folder).unwrap_err().to_string();
    assert!(empty.contains("cat") && empty.contains("without pictures"), "{empty}");
    let none = ImageFolder::open(folder.join("cat")).unwrap_err().to_string();
    assert!(none.contains("no folders"), "{none}");
    assert!(ImageFolder::open(folder.join("absent")).is_err());
}
