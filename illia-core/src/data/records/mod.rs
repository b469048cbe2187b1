//! A data set on disk, of which only the rows that are asked for are read.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::data::dataset::{Batch, Dataset, check_rows};
use crate::error::{Error, Result, Within};
use crate::files::{self, Entry, Stored};

const TARGET: &str = "target";
const INPUT: &str = "inputs.";

/// A data set in a safetensors file with the tensors `inputs.0`, `inputs.1`, … and `target`, each `[rows, ..]`, of any kinds.
///
/// A batch is read when it is asked for and nothing is kept, so that a file may be larger than the memory. (It is read and not
/// mapped: a mapped file that somebody shortens ends the process, a read is an error.) [`write_records`] writes such a file
/// from any data set; in Python:
///
/// ```python
/// safetensors.torch.save_file({"inputs.0": images, "target": labels}, "train.safetensors")
/// ```
///
/// ```
/// use illia_core::data::{Dataset, Records, Tensors, write_records};
/// use tch::{Device, Kind, Tensor};
///
/// let x = Tensor::arange(10, (Kind::Float, Device::Cpu));
/// let path = std::env::temp_dir().join(format!("illia-records-{}.safetensors", std::process::id()));
/// write_records(&Tensors::new(vec![x.unsqueeze(1)], x)?, &path)?;
/// let data = Records::open(&path)?;
/// assert_eq!(data.batch(&[7, 2])?.target, Tensor::from_slice(&[7.0f32, 2.0]));
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Records {
    path: PathBuf,
    file: Arc<File>,
    inputs: Vec<Column>,
    target: Column,
    rows: usize,
}

/// One tensor of the file.
#[derive(Debug, Clone)]
struct Column {
    kind: Kind,
    /// Of a row.
    shape: Vec<i64>,
    /// Where the first row begins in the file, and how long each is, in bytes.
    offset: u64,
    row: usize,
}

impl Records {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read or is no regular file; [`Error::Data`] if it is no such file, has no row, or unequal numbers of rows.
    pub fn open(path: impl AsRef<Path>) -> Result<Records> {
        let path = path.as_ref();
        let wrong = |problem: String| Error::data(&path.display().to_string(), problem);
        let (mut file, len) = files::open(path).map_err(|e| Error::io(path, e))?;
        let header = files::read_header(&mut file, len).map_err(|e| Error::io(path, e))?;
        let (header, follow) = header.map_err(wrong)?;
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let mut keep = |name: &str, entry| match entries.insert(name.to_owned(), entry) {
            None => Ok(()),
            Some(_) => Err(format!("{name} is there twice")),
        };
        files::parse_header(&header, follow, &mut keep, &mut |_, _| Ok(())).map_err(wrong)?;
        let begin = len - follow;
        let target = entries.get(TARGET).ok_or_else(|| wrong(format!("it has no tensor `{TARGET}`")))?;
        let rows = target.shape.first().copied().unwrap_or_default();
        if rows == 0 {
            return Err(wrong(format!("`{TARGET}` is {:?}: no row in it", target.shape)));
        }
        let mut columns = Vec::with_capacity(entries.len());
        for name in names(entries.len().saturating_sub(1)) {
            let entry = entries.get(&name);
            let entry = entry.ok_or_else(|| {
                let count = entries.len();
                wrong(format!(
                    "{count} tensors, which should be `{TARGET}` and `{INPUT}0` and so on, and no `{name}`"
                ))
            })?;
            if entry.shape.first() != Some(&rows) {
                return Err(wrong(format!(
                    "`{name}` is {:?}, where `{TARGET}` has {rows} rows",
                    entry.shape
                )));
            }
            columns.push(Column::new(entry, begin));
        }
        let target = Column::new(target, begin);
        Ok(Records {
            path: path.to_owned(),
            file: Arc::new(file),
            inputs: columns,
            target,
            rows: rows as usize,
        })
    }

    fn read(&self, column: &Column, rows: &[i64]) -> Result<Tensor> {
        let too_large = || Error::io(&self.path, std::io::ErrorKind::OutOfMemory.into());
        let size = column.row.checked_mul(rows.len()).ok_or_else(too_large)?;
        let mut bytes: Vec<u8> = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| too_large())?;
        bytes.resize(size, 0);
        let mut rest = &mut *bytes;
        // Rows that follow each other are read at once.
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(run.len() * column.row);
            rest = after;
            let first = run.first().copied().unwrap_or_default() as u64;
            let offset = column.offset + first * column.row as u64;
            files::read_at(&self.file, part, offset).map_err(|e| Error::io(&self.path, e))?;
        }
        let shape: Vec<i64> = [rows.len() as i64].iter().chain(&column.shape).copied().collect();
        Tensor::f_from_data_size(&bytes, &shape, column.kind).within("records")
    }
}

impl Column {
    /// `entry`, whose first axis are the rows, in a file whose header ends at `begin`.
    fn new(entry: &Entry, begin: u64) -> Column {
        let (rows, shape) = entry.shape.split_first().map_or((1, &[][..]), |(&rows, shape)| (rows, shape));
        let row = (entry.end - entry.start) / rows.max(1) as u64;
        Column { kind: entry.kind, shape: shape.to_vec(), offset: begin + entry.start, row: row as usize }
    }
}

impl Dataset for Records {
    fn len(&self) -> usize {
        self.rows
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        check_rows(rows, self.rows)?;
        let inputs = self.inputs.iter().map(|column| self.read(column, rows)).collect::<Result<_>>()?;
        Ok(Batch { inputs, target: self.read(&self.target, rows)? })
    }
}

/// What the inputs are called in a file.
fn names(inputs: usize) -> impl Iterator<Item = String> {
    (0..inputs).map(|i| format!("{INPUT}{i}"))
}

/// How many bytes are written at a time, about.
const CHUNK: u64 = 16 << 20;

/// Writes every row of `dataset` into a file for [`Records`], whole or not at all, a few megabytes at a time.
///
/// # Errors
/// [`Error::Io`] if the file can't be written; what was there before is then still there. [`Error::Data`] for a data set
/// without rows, [`Error::Shape`] for one whose rows are not all of one shape, [`Error::Configuration`] for kinds that the format has not, and
/// the data set's own errors.
pub fn write_records(dataset: &(impl Dataset + ?Sized), path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let rows = dataset.len();
    if rows == 0 {
        return Err(Error::data(&path.display().to_string(), "the data set has no row to write"));
    }
    let first = dataset.batch(&[0])?;
    first.check(1)?;
    files::write_whole(path, |temporary| {
        let io = |e| Error::io(path, e);
        let names: Vec<String> = names(first.inputs.len()).chain([TARGET.to_owned()]).collect();
        let mut planned = Vec::with_capacity(names.len());
        for (name, tensor) in names.iter().zip(tensors(&first)) {
            let shape: Vec<i64> = [rows as i64].into_iter().chain(of_row(tensor)).collect();
            planned.push((name.as_str(), Stored::planned(name, tensor.kind(), &shape)?));
        }
        let data = planned.iter().map(|(_, stored)| stored.len()).fold(0u64, u64::saturating_add);
        files::write(temporary, planned, HashMap::new()).map_err(io)?;
        let mut file = OpenOptions::new().read(true).write(true).open(temporary).map_err(io)?;
        let header = file.metadata().map_err(io)?.len();
        file.set_len(header + data).map_err(io)?;
        // The format puts the tensors into an order of its own: where each came to lie is in the header.
        let written = Records::open(temporary)?;
        let per_batch = (CHUNK / (data / rows as u64).max(1)).max(1) as usize;
        let chunk = |start: usize| -> Vec<i64> {
            (start as i64..rows.min(start.saturating_add(per_batch)) as i64).collect()
        };
        for start in (0..rows).step_by(per_batch) {
            let these = chunk(start);
            let batch = dataset.batch(&these)?;
            batch.check(these.len())?;
            let next = chunk(start.saturating_add(per_batch));
            if !next.is_empty() {
                dataset.prefetch(&next);
            }
            written.fill(&mut file, &these, &batch, path)?;
        }
        Ok(())
    })
}

/// The tensors of a batch in the order of a file's columns.
fn tensors(batch: &Batch) -> impl Iterator<Item = &Tensor> {
    batch.inputs.iter().chain([&batch.target])
}

/// The shape of a row.
fn of_row(tensor: &Tensor) -> Vec<i64> {
    tensor.size().into_iter().skip(1).collect()
}

impl Records {
    /// Writes a batch of rows that follow each other to where they belong.
    fn fill(&self, file: &mut File, rows: &[i64], batch: &Batch, path: &Path) -> Result<()> {
        let count = batch.inputs.len();
        if count != self.inputs.len() {
            let problem =
                format!("row 0 of the data set has {} inputs, a later one {count}", self.inputs.len());
            return Err(Error::data(&path.display().to_string(), problem));
        }
        let first = rows.first().copied().unwrap_or_default() as u64;
        for (i, (column, tensor)) in self.inputs.iter().chain([&self.target]).zip(tensors(batch)).enumerate()
        {
            if of_row(tensor) != column.shape || tensor.kind() != column.kind {
                let layer = if i < count { format!("input {i}") } else { TARGET.to_owned() };
                let expected = format!("rows of {:?} and {:?} as the first", column.shape, column.kind);
                return Err(Error::Shape { layer, expected, given: tensor.size() });
            }
            let bytes = files::bytes_of(tensor)?;
            let io = |e| Error::io(path, e);
            file.seek(SeekFrom::Start(column.offset + first * column.row as u64)).map_err(io)?;
            file.write_all(&bytes).map_err(io)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
