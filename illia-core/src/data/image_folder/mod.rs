//! Pictures in folders: PNG and JPEG files, each in the folder of its class.

mod picture;

use std::path::{Path, PathBuf};

use tch::Tensor;

use self::picture::LONGEST_SIDE;
use super::dataset::{Batch, Dataset, check_rows};
use crate::error::{Error, Result, Within};

/// A folder with a folder of pictures (PNG, JPEG) for each class: `photos/cat/1.jpg`, `photos/dog/1.png`.
///
/// Classes are numbered in the order of their folders' names, pictures stand in that of theirs. A picture is read when its row is asked for,
/// so that memory does not grow with their number; [`Dataset::prefetched`] reads ahead. What is transparent counts as opaque, and
/// the turning that a camera notes (EXIF) is not carried out. Hidden files and those of other names are left out.
///
/// ```no_run
/// use illia_core::data::{Dataset, ImageFolder};
///
/// let photos = ImageFolder::open("photos")?.size(64, 64);
/// println!("{} pictures of {:?}", photos.len(), photos.classes());
/// let (train, validation) = photos.split(0.9, 1)?;
/// let train = train.prefetched()?;
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ImageFolder {
    classes: Vec<String>,
    /// Each picture with the number of its class.
    pictures: Vec<(PathBuf, i64)>,
    size: Option<(i64, i64)>,
    grey: bool,
}

const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

impl ImageFolder {
    /// The pictures of all classes.
    ///
    /// # Errors
    /// [`Error::Io`] for a folder that can't be read; [`Error::Data`] for one without classes, or a class without pictures.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let said = folder.display().to_string();
        let mut all = ImageFolder { classes: Vec::new(), pictures: Vec::new(), size: None, grey: false };
        for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let number = all.classes.len() as i64;
            let is_picture = |path: &PathBuf| {
                let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
                ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
            };
            let before = all.pictures.len();
            all.pictures.extend(entries(&class)?.into_iter().filter(is_picture).map(|path| (path, number)));
            if all.pictures.len() == before {
                let problem = "a class without pictures: no file in it ends in .png, .jpg or .jpeg";
                return Err(Error::data(&class.display().to_string(), problem));
            }
            all.classes.push(class.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        match all.classes.is_empty() {
            true => Err(Error::data(&said, "no folders in it: each class has one, with its pictures")),
            false => Ok(all),
        }
    }

    /// Scales every picture to this height and width, whatever its own; without it all have to be of one size.
    #[must_use]
    pub fn size(mut self, height: i64, width: i64) -> Self {
        self.size = Some((height, width));
        self
    }

    /// Reads shades of grey, `[1, height, width]`, in place of red, green and blue, `[3, height, width]`.
    #[must_use]
    pub fn grey(mut self) -> Self {
        self.grey = true;
        self
    }

    /// The classes' names, by their numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// `[1, channels, height, width]`, from 0 to 1.
    fn read(&self, path: &Path) -> Result<Tensor> {
        let pixels = picture::read(path, self.grey)?;
        match self.size {
            Some((height, width)) if pixels.size().get(2..) != Some(&[height, width]) => {
                pixels.f_internal_upsample_bilinear2d_aa([height, width], false, None, None).within("picture")
            }
            _ => Ok(pixels),
        }
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    /// The pictures, `[rows, channels, height, width]` from 0 to 1, and the numbers of their classes.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that can't be read; [`Error::Data`], with its name, for one that is no picture, is too large, or of
    /// another size than the others.
    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        check_rows(rows, self.len())?;
        if let Some((height, width)) = self.size
            && [height, width].iter().any(|side| !(1..=LONGEST_SIDE).contains(side))
        {
            let allowed = format!("sides from 1 to {LONGEST_SIDE}");
            return Err(Error::configuration("size", format!("{height} by {width}"), &allowed));
        }
        let chosen = rows.iter().filter_map(|&row| self.pictures.get(usize::try_from(row).ok()?));
        let (mut pictures, mut labels): (Vec<Tensor>, Vec<i64>) = (Vec::new(), Vec::new());
        for (path, label) in chosen {
            let pixels = self.read(path)?;
            if let Some(first) = pictures.first()
                && first.size() != pixels.size()
            {
                let problem = format!(
                    "{:?} where the picture before it has {:?}; `size` scales all to one size",
                    pixels.size(),
                    first.size()
                );
                return Err(Error::data(&path.display().to_string(), problem));
            }
            pictures.push(pixels);
            labels.push(*label);
        }
        let pictures = Tensor::f_cat(&pictures, 0).within("pictures")?;
        Ok(Batch { inputs: vec![pictures], target: Tensor::from_slice(&labels) })
    }
}

/// What is in a folder, in the order of the names, without what is hidden.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with('.') {
                paths.push(entry.path());
            }
        }
        paths.sort();
        Ok(paths)
    };
    read().map_err(|error| Error::io(folder, error))
}

#[cfg(test)]
mod tests;
