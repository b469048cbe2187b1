//! A table of numbers, and data sets of its columns.

use tch::{Kind, Tensor};

use super::tensors::Tensors;
use crate::error::{Error, Result, Within};

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

    /// Takes in the row that stands in line `number` of the file `name`.
    pub(super) fn push<'a>(
        &mut self,
        name: &str,
        number: usize,
        fields: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Csv;

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
}
