//! Reading data: IDX files of images and labels, and tables of numbers as text, plain or compressed with gzip.
//!
//! Files are somebody else's: every length that one states is held against what is there before memory is asked for,
//! and whatever is wrong with it is an [`Error::Data`](crate::Error::Data) with file, row and column.

pub mod csv;
mod gzip;
pub mod idx;

pub use csv::{Csv, Table};
pub use idx::{ImageSet, read_image_sets};
