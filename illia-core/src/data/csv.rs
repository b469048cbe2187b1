//! Tables of numbers as text: comma-separated values and their like.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use tch::{Kind, Tensor};

use super::gzip::{self, Source};
use crate::error::{Error, Result, Within};

/// A line longer than this is no row of a table.
const LONGEST_LINE: u64 = 16 << 20;

/// A table of numbers, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The names in the header; empty without one.
    pub names: Vec<String>,
    /// How many rows, the header not counted.
    pub rows: usize,
    /// How many columns.
    pub columns: usize,
    /// `rows * columns` finite numbers, row by row.
    pub values: Vec<f64>,
}

impl Table {
    /// `[rows, columns]` of the given kind.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory can't be had.
    pub fn to_tensor(&self, kind: Kind) -> Result<Tensor> {
        let flat = Tensor::f_from_slice(&self.values).within("table")?;
        let table = flat.f_reshape([self.rows as i64, self.columns as i64]).within("table")?;
        table.f_to_kind(kind).within("table")
    }
}

/// How a table is written. Fields are finite numbers with white space around them allowed; there are no quotes. Empty
/// lines are skipped.
///
/// ```
/// use illia_core::data::Csv;
///
/// let table = Csv::new().header(true).parse("measurements", "x,y\n1,2.5\n3,4e1\n".as_bytes())?;
/// assert_eq!((table.names, table.rows, table.columns), (vec!["x".to_owned(), "y".to_owned()], 2, 2));
/// assert_eq!(table.values, [1.0, 2.5, 3.0, 40.0]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Csv {
    delimiter: Option<char>,
    header: bool,
}

impl Default for Csv {
    /// Commas, no header.
    fn default() -> Self {
        Csv { delimiter: Some(','), header: false }
    }
}

impl Csv {
    /// Commas, no header.
    pub fn new() -> Self {
        Csv::default()
    }

    /// What stands between two fields; None for any white space.
    #[must_use]
    pub fn delimiter(mut self, delimiter: Option<char>) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Whether the first line holds names.
    #[must_use]
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// Reads a file, plain or compressed with gzip.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read; [`Error::Data`] with row and column, from 1, for a field that is no finite
    /// number, a row of another length than the first, or no row at all.
    pub fn read(&self, path: &Path) -> Result<Table> {
        self.table_from(&path.display().to_string(), gzip::open(path)?)
    }

    /// Reads bytes, plain or compressed with gzip; `name` is what errors call them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(&self, name: &str, bytes: &[u8]) -> Result<Table> {
        let source = gzip::decompressed(bytes, bytes.len() as u64).map_err(|e| unreadable(name, &e))?;
        self.table_from(name, source)
    }

    fn table_from(&self, name: &str, source: Source<'_>) -> Result<Table> {
        let mut reader = BufReader::new(source.reader);
        let mut table = Table { names: Vec::new(), rows: 0, columns: 0, values: Vec::new() };
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            if read.map_err(|e| unreadable(name, &e))? == 0 {
                break;
            }
            if line.len() as u64 == LONGEST_LINE {
                return Err(Error::data_at(name, number, None, "the line has no end"));
            }
            let text = std::str::from_utf8(&line)
                .map_err(|_| Error::data_at(name, number, None, "not UTF-8 text"))?
                .trim();
            if text.is_empty() {
                continue;
            }
            if self.header && table.names.is_empty() && table.rows == 0 {
                table.names = self.fields(text).map(str::to_owned).collect();
                table.columns = table.names.len();
                continue;
            }
            self.row(name, number, text, &mut table)?;
        }
        if table.rows == 0 {
            return Err(Error::data(name, "no row of numbers in it".to_owned()));
        }
        Ok(table)
    }

    fn row(&self, name: &str, number: usize, text: &str, table: &mut Table) -> Result<()> {
        let mut columns = 0;
        for field in self.fields(text) {
            columns += 1;
            let value = field.parse().ok().filter(|value: &f64| value.is_finite());
            let Some(value) = value else {
                let shown: String = field.chars().take(20).collect();
                let problem = format!("`{}` is no finite number", shown.escape_debug());
                return Err(Error::data_at(name, number, Some(columns), problem));
            };
            table.values.push(value);
        }
        if table.columns == 0 {
            table.columns = columns;
        }
        if columns != table.columns {
            let problem = format!("{columns} columns, where the first row has {}", table.columns);
            return Err(Error::data_at(name, number, None, problem));
        }
        table.rows += 1;
        Ok(())
    }

    fn fields<'a>(&self, text: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self.delimiter {
            Some(delimiter) => Box::new(text.split(delimiter).map(str::trim)),
            None => Box::new(text.split_whitespace()),
        }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    Error::data(name, format!("can't be decompressed or read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_empty_lines_are_no_fields() {
        let table = Csv::new().delimiter(None).parse("t", b"1  2\t3\r\n\n 4 5 6").unwrap();
        assert_eq!((table.rows, table.columns), (2, 3));
        assert_eq!(table.to_tensor(Kind::Float).unwrap().double_value(&[1, 0]), 4.0);
    }

    #[test]
    fn errors_say_where() {
        let cases: [(&[u8], &str); 7] = [
            (b"1,2\n3,x\n", "t, row 2, column 2: `x` is no finite number"),
            (b"1,2\n\n3\n", "t, row 3: 1 columns, where the first row has 2"),
            (b"1,inf\n", "t, row 1, column 2: `inf` is no finite number"),
            (b"1,\n", "t, row 1, column 2: `` is no finite number"),
            (b"1,2\n\xff,1\n", "t, row 2: not UTF-8 text"),
            (b"\n \n", "t: no row of numbers in it"),
            (b"\x1f\x8b\x08nonsense", "t: can't be decompressed or read"),
        ];
        for (bytes, says) in cases {
            let error = Csv::new().parse("t", bytes).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
