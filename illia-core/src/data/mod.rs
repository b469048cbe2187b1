//! Data sets: tensors in memory, files on disk, and what is made of them by mapping, splitting and reading ahead.
//!
//! [`Dataset`] is what training and prediction take: anything with a length that gives batches. [`Tensors`] is one in
//! memory, [`Records`] one on disk of any size. IDX files of images and labels and tables of numbers as text, plain or compressed with
//! gzip, are read into memory by [`read_image_sets`] and [`Csv`] (feature `data`, on by default).
//!
//! Files are somebody else's: every length that one states is held against what is there before memory is asked for,
//! and whatever is wrong with it is an [`Error::Data`](crate::Error::Data) with file, row and column.

mod coreset;
#[cfg(feature = "data")]
pub mod csv;
mod dataset;
#[cfg(feature = "data")]
mod gzip;
#[cfg(feature = "data")]
pub mod idx;
#[cfg(feature = "images")]
mod image_folder;
mod map;
mod prefetched;
mod records;
mod subset;
#[cfg(feature = "data")]
mod table;
mod tensors;
#[cfg(test)]
mod tests;

pub use coreset::Coreset;
#[cfg(feature = "data")]
pub use csv::Csv;
pub use dataset::{Batch, Dataset};
#[cfg(feature = "data")]
pub use idx::{ImageSet, read_image_sets};
#[cfg(feature = "images")]
pub use image_folder::ImageFolder;
pub use map::{Map, RowNoise};
pub use prefetched::Prefetched;
pub use records::{Records, write_records};
pub use subset::Subset;
#[cfg(feature = "data")]
pub use table::Table;
pub use tensors::Tensors;
