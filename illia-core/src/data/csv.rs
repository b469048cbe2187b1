//! Tables of numbers as text: comma-separated values and their like.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::gzip::{self, Source};
use super::table::Table;
use crate::error::{Error, Result};

/// A line longer than this is no row of a table.
const LONGEST_LINE: u64 = 16 << 20;

/// How a table is written. Fields are finite numbers with white space around them allowed; they may stand in double quotes
/// (RFC 4180), but no field goes over the end of a line. Empty lines are skipped.
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

    /// What stands between two fields, an ASCII character; None for any white space, where there are no quotes.
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
        let mut fields = self.fields()?;
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
            let fields = fields.of(text).map_err(|problem| Error::data_at(name, number, None, problem))?;
            if self.header && table.names.is_empty() && table.rows == 0 {
                table.names = fields.map(str::to_owned).collect();
                table.columns = table.names.len();
                continue;
            }
            table.push(name, number, fields)?;
        }
        if table.rows == 0 {
            return Err(Error::data(name, "no row of numbers in it".to_owned()));
        }
        Ok(table)
    }

    fn fields(&self) -> Result<Fields> {
        let Some(delimiter) = self.delimiter else { return Ok(Fields::default()) };
        if !delimiter.is_ascii() || ['"', '\n', '\r'].contains(&delimiter) {
            let allowed = "an ASCII character that is no quote and no end of a line";
            return Err(Error::configuration("delimiter", delimiter.escape_debug(), allowed));
        }
        let mut builder = csv_core::ReaderBuilder::new();
        // Lines are cut here, so that errors can number them.
        builder.delimiter(delimiter as u8).terminator(csv_core::Terminator::Any(b'\n'));
        Ok(Fields { parser: Some(Box::new(builder.build())), ..Fields::default() })
    }
}

/// Takes lines apart.
#[derive(Default)]
struct Fields {
    /// None for white space.
    parser: Option<Box<csv_core::Reader>>,
    line: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    /// The fields of one line, which has no end of a line in it; an error's text says what is wrong with it.
    fn of<'a>(&'a mut self, line: &'a str) -> Result<Box<dyn Iterator<Item = &'a str> + 'a>, &'static str> {
        let Some(parser) = &mut self.parser else { return Ok(Box::new(line.split_whitespace())) };
        self.line.clear();
        self.line.extend(line.bytes().chain([b'\n']));
        // No field is longer than the line, and no more fields are in it than bytes.
        self.text.resize(self.line.len(), 0);
        self.ends.resize(self.line.len(), 0);
        let (result, _, written, fields) = parser.read_record(&self.line, &mut self.text, &mut self.ends);
        if !matches!(result, csv_core::ReadRecordResult::Record) {
            return Err("a quote is opened and not closed");
        }
        // Quotes and delimiters are ASCII: what is left between them is whole characters.
        let text =
            self.text.get(..written).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        let ends = self.ends.get(..fields).unwrap_or_default();
        let starts = [0].iter().chain(ends);
        Ok(Box::new(starts.zip(ends).map(|(&start, &end)| text.get(start..end).unwrap_or_default().trim())))
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    Error::data(name, format!("can't be decompressed or read: {error}"))
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn white_space_and_empty_lines_are_no_fields() {
        let table = Csv::new().delimiter(None).parse("t", b"1  2\t3\r\n\n 4 5 6").unwrap();
        assert_eq!((table.rows, table.columns), (2, 3));
        assert_eq!(table.to_tensor(Kind::Float).unwrap().double_value(&[1, 0]), 4.0);
    }

    #[test]
    fn quotes_are_no_part_of_a_field() {
        let text = "\u{feff}\"a; \"\"b\"\"\";c\r\n\"1.5\"; 2 \r\n3;\"4\"";
        let table = Csv::new().header(true).delimiter(Some(';')).parse("t", text.as_bytes()).unwrap();
        assert_eq!(
            (&*table.names, &*table.values),
            (&["a; \"b\"".into(), "c".into()][..], &[1.5, 2.0, 3.0, 4.0][..])
        );
        for delimiter in ['"', '\n', 'é'] {
            let error = Csv::new().delimiter(Some(delimiter)).parse("t", b"1").unwrap_err().to_string();
            assert!(error.starts_with("delimiter = "), "{error}");
        }
    }

    #[test]
    fn errors_say_where() {
        let cases: [(&[u8], &str); 9] = [
            (b"1,2\n3,x\n", "t, row 2, column 2: `x` is no finite number"),
            (b"1,2\n\n3\n", "t, row 3: 1 columns, where the first row has 2"),
            (b"1,inf\n", "t, row 1, column 2: `inf` is no finite number"),
            (b"1,\n", "t, row 1, column 2: `` is no finite number"),
            (b"1,2\n\xff,1\n", "t, row 2: not UTF-8 text"),
            (b"1,2\n\"1,2\n3,4\n", "t, row 2: a quote is opened and not closed"),
            (b"1,2\r3,4\n", "t, row 1, column 2: `2\\r3` is no finite number"),
            (b"\n \n", "t: no row of numbers in it"),
            (b"\x1f\x8b\x08nonsense", "t: can't be decompressed or read"),
        ];
        for (bytes, says) in cases {
            let error = Csv::new().parse("t", bytes).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
