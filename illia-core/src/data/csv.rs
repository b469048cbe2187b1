//! Tables of numbers as text: comma-separated values and their like.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use tch::{Kind, Tensor};

use super::gzip::{self, Source};
use super::tensors::Tensors;
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

    /// The number of the column with that name in the header, from 0; None without one.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }

    /// A data set for regression: the given columns, counted from 0, are the target, `[rows, columns.len()]`, and all others
    /// are the one input, `[rows, others]`, both of the given kind.
    ///
    /// ```
    /// use illia_core::data::{Csv, Dataset};
    /// use tch::Kind;
    ///
    /// let table = Csv::new().header(true).parse("houses", "rooms,price,age\n3,250,40\n5,400,2\n".as_bytes())?;
    /// let data = table.numbers(&[table.column("price").unwrap()], Kind::Float)?;
    /// assert_eq!((data.inputs()[0].size(), data.target().size()), (vec![2, 2], vec![2, 1]));
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Configuration`] for a column that there isn't, or where no column is left for the input.
    pub fn numbers(&self, columns: &[usize], kind: Kind) -> Result<Tensors> {
        let table = self.to_tensor(kind)?;
        let chosen = |columns: Vec<i64>| {
            let columns = Tensor::f_from_slice(&columns).within("table")?;
            table.f_index_select(1, &columns).within("table")
        };
        let input = chosen(self.others(columns)?)?;
        Tensors::new(vec![input], chosen(columns.iter().map(|&column| column as i64).collect())?)
    }

    /// A data set for classification: the given column, counted from 0, is the target, `[rows]` i64 labels, and all others are
    /// the one input, `[rows, others]`, of the given kind.
    ///
    /// # Errors
    /// As [`numbers`](Self::numbers), and [`Error::Data`] with the row for a label that is no whole number from 0 on.
    pub fn classes(&self, column: usize, kind: Kind) -> Result<Tensors> {
        self.others(&[column])?;
        let mut labels = Vec::with_capacity(self.rows);
        for (row, value) in self.values.iter().skip(column).step_by(self.columns).enumerate() {
            // Up to 2^53 every whole number is an f64.
            if !(0.0..=9e15).contains(value) || value.fract() != 0.0 {
                let problem = format!("`{value}` is no label: labels are whole numbers from 0 on");
                return Err(Error::data_at("table", row + 1, Some(column + 1), problem));
            }
            labels.push(*value as i64);
        }
        let input = self.numbers(&[column], kind)?.inputs().iter().map(Tensor::shallow_clone).collect();
        Tensors::new(input, Tensor::f_from_slice(&labels).within("table")?)
    }

    /// The columns that are not given.
    fn others(&self, given: &[usize]) -> Result<Vec<i64>> {
        if let Some(column) = given.iter().find(|&&column| column >= self.columns) {
            let allowed = format!("the table has {} columns, counted from 0", self.columns);
            return Err(Error::configuration("target column", column, &allowed));
        }
        let others: Vec<i64> =
            (0..self.columns).filter(|column| !given.contains(column)).map(|column| column as i64).collect();
        if others.is_empty() {
            let allowed = "one column at least has to be left for the input";
            return Err(Error::configuration("target columns", format!("{given:?}"), allowed));
        }
        Ok(others)
    }
}

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

impl Table {
    /// Takes in the row that stands in line `number` of the file `name`.
    fn push<'a>(&mut self, name: &str, number: usize, fields: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut columns = 0;
        for field in fields {
            columns += 1;
            let value = field.parse().ok().filter(|value: &f64| value.is_finite());
            let Some(value) = value else {
                let shown: String = field.chars().take(20).collect();
                let problem = format!("`{}` is no finite number", shown.escape_debug());
                return Err(Error::data_at(name, number, Some(columns), problem));
            };
            self.values.push(value);
        }
        if self.columns == 0 {
            self.columns = columns;
        }
        if columns != self.columns {
            let problem = format!("{columns} columns, where the first row has {}", self.columns);
            return Err(Error::data_at(name, number, None, problem));
        }
        self.rows += 1;
        Ok(())
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
    fn columns_become_inputs_and_target() {
        let table = Csv::new().parse("t", b"1,0,10\n2,1,20\n3,0,30\n").unwrap();
        let data = table.classes(1, Kind::Float).unwrap();
        assert_eq!(data.inputs()[0], Tensor::from_slice(&[1f32, 10.0, 2.0, 20.0, 3.0, 30.0]).reshape([3, 2]));
        assert_eq!(*data.target(), Tensor::from_slice(&[0i64, 1, 0]));
        let data = table.numbers(&[2, 0], Kind::Double).unwrap();
        assert_eq!(data.inputs()[0], Tensor::from_slice(&[0f64, 1.0, 0.0]).reshape([3, 1]));
        assert_eq!(*data.target(), Tensor::from_slice(&[10f64, 1.0, 20.0, 2.0, 30.0, 3.0]).reshape([3, 2]));
        let refused = [
            (
                table.classes(3, Kind::Float),
                "target column = 3 is not allowed: the table has 3 columns, counted from 0",
            ),
            (
                table.numbers(&[0, 1, 2], Kind::Float),
                "target columns = [0, 1, 2] is not allowed: one column at least has to be left for the input",
            ),
        ];
        for (result, says) in refused {
            assert_eq!(result.unwrap_err().to_string(), says);
        }
        for label in ["0.5", "-1", "1e300"] {
            let table = Csv::new().parse("t", format!("1,2\n1,{label}").as_bytes()).unwrap();
            let error = table.classes(1, Kind::Float).unwrap_err().to_string();
            assert!(
                error.starts_with("table, row 2, column 2: `") && error.contains("is no label"),
                "{error}"
            );
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
