//! The published protocol (Hernández-Lobato & Adams 2015; Gal & Ghahramani 2016): a folder with a table and the row
//! numbers of its splits, and what is computed of one split.

use std::path::{Path, PathBuf};

use illia::data::Csv;
use illia::noise::{self, Key};
use illia::{Error, Result, metrics};
use tch::{Kind, Tensor};

/// A data set on disk, checked, and the number of its splits.
pub struct Folder {
    path: PathBuf,
    /// Row by row.
    values: Vec<f64>,
    columns: usize,
    rows: usize,
    features: Vec<usize>,
    target: usize,
    /// How many splits there are.
    pub splits: usize,
}

impl Folder {
    /// Reads `dir`, or its subfolder `data`, where the published files have it.
    pub fn open(dir: &Path) -> Result<Folder> {
        let sub = dir.join("data");
        let path = if sub.join("data.txt").is_file() { sub } else { dir.to_owned() };
        let table = table(&path.join("data.txt"))?;
        let column_file = |name: &str| indices(&path.join(name), table.columns, "columns");
        let features = column_file("index_features.txt")?;
        let &[target] = column_file("index_target.txt")?.as_slice() else {
            return Err(data(&path.join("index_target.txt"), "more than one column"));
        };
        let splits = count_splits(&path)?;
        if features.contains(&target) {
            return Err(data(&path.join("index_features.txt"), &format!("column {target} is the target")));
        }
        let (rows, columns, values) = (table.rows, table.columns, table.values);
        Ok(Folder { path, values, columns, rows, features, target, splits })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many features are used.
    pub fn features(&self) -> usize {
        self.features.len()
    }

    /// Split `k`, from 0, standardised on its training part. With `held_out`, a tenth of the training rows, at least 30, stand in
    /// for the test rows, which are not read: for choosing a rule.
    pub fn split(&self, k: usize, held_out: bool) -> Result<Split> {
        let rows = |part: &str| indices(&self.path.join(format!("index_{part}_{k}.txt")), self.rows, "rows");
        let mut train = rows("train")?;
        let test = if held_out {
            let mut order = vec![0.0; train.len()];
            noise::fill_uniforms(Key { seed: 0, stream: 0, draw: k as u64 }, &mut order);
            let mut mixed: Vec<(f32, usize)> = order.into_iter().zip(train).collect();
            mixed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            train = mixed.into_iter().map(|(_, row)| row).collect();
            train.split_off(train.len() - (train.len() / 10).max(30).min(train.len() / 2))
        } else {
            rows("test")?
        };
        let scale = |column: usize| Scale::of(train.iter().map(|&row| self.at(row, column)));
        let features: Vec<(usize, Scale)> =
            self.features.iter().map(|&column| (column, scale(column))).collect();
        let x = |rows: &[usize]| -> Tensor {
            let row = |&row: &usize| {
                features.iter().map(move |&(column, scale)| scale.standard(self.at(row, column)) as f32)
            };
            let values: Vec<f32> = rows.iter().flat_map(row).collect();
            Tensor::from_slice(&values).reshape([rows.len() as i64, self.features.len() as i64])
        };
        // A constant target is where the test rows may differ from.
        let y_scale = Scale { constant: false, ..scale(self.target) };
        let y = |rows: &[usize]| -> Tensor {
            let values: Vec<f32> =
                rows.iter().map(|&row| y_scale.standard(self.at(row, self.target)) as f32).collect();
            Tensor::from_slice(&values).reshape([rows.len() as i64, 1])
        };
        Ok(Split { x: x(&train), y: y(&train), x_test: x(&test), y_test: y(&test), unit: y_scale.std })
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.values.get(row * self.columns + column).copied().unwrap_or(f64::NAN)
    }
}

/// One split, everything in standard units.
pub struct Split {
    /// `[train, features]`.
    pub x: Tensor,
    /// `[train, 1]`.
    pub y: Tensor,
    /// `[test, features]`.
    pub x_test: Tensor,
    y_test: Tensor,
    /// One standard unit of the target, in its own.
    unit: f64,
}

/// How a split came out, in the target's own unit.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Of the predictive mean.
    pub rmse: f64,
    /// The mean log predictive density of a test row, in nats.
    pub log_likelihood: f64,
}

impl Split {
    /// Scores a prediction of the test rows: its mean `[test, 1]` and, given the targets, its log density `[test]`.
    pub fn outcome(&self, mean: &Tensor, log_density: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Outcome> {
        let rmse = metrics::rmse(mean, &self.y_test)? * self.unit;
        let standard = log_density(&self.y_test)?.mean(Kind::Double).double_value(&[]);
        Ok(Outcome { rmse, log_likelihood: standard - self.unit.ln() })
    }
}

/// A column's mean and standard deviation over the training rows.
#[derive(Clone, Copy)]
struct Scale {
    mean: f64,
    std: f64,
    constant: bool,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Scale {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let std = (values.clone().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        // Compared exactly: the mean of equal values may be off by a rounding, and a tiny std with it.
        if low == high {
            Scale { mean, std: 1.0, constant: true }
        } else {
            Scale { mean, std, constant: false }
        }
    }

    /// A constant column says nothing and is left at zero, in the test rows too.
    fn standard(self, value: f64) -> f64 {
        if self.constant { 0.0 } else { (value - self.mean) / self.std }
    }
}

fn data(file: &Path, problem: &str) -> Error {
    Error::Data { file: file.display().to_string(), row: None, column: None, problem: problem.to_owned() }
}

/// A table of numbers between white space, commas or semicolons.
fn table(path: &Path) -> Result<illia::data::Table> {
    use std::io::BufRead;
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
    let lines = std::io::BufReader::new(file).lines().map_while(std::io::Result::ok);
    let first = lines.map(|line| line.trim().to_owned()).find(|line| !line.is_empty()).unwrap_or_default();
    let delimiter = [',', ';'].into_iter().find(|&d| first.contains(d));
    Csv::new().delimiter(delimiter).read(path)
}

/// Whole numbers below `limit`, however they are written: `7`, `7.0`, `7.000000000000000000e+00`.
fn indices(path: &Path, limit: usize, what: &str) -> Result<Vec<usize>> {
    let whole = |value: f64| {
        if value < 0.0 || value.fract() != 0.0 {
            return Err(data(path, &format!("{value} is no number of a line")));
        }
        if value >= limit as f64 {
            return Err(data(path, &format!("{value} is beyond the {limit} {what} of data.txt")));
        }
        Ok(value as usize)
    };
    table(path)?.values.into_iter().map(whole).collect()
}

/// What n_splits.txt says, or as many as have a file of training rows.
fn count_splits(path: &Path) -> Result<usize> {
    let stated = path.join("n_splits.txt");
    let files = (0..).take_while(|k| path.join(format!("index_train_{k}.txt")).is_file()).count();
    if files == 0 {
        return Err(data(&path.join("index_train_0.txt"), "not there: the folder has no splits"));
    }
    if !stated.is_file() {
        return Ok(files);
    }
    match indices(&stated, 1 << 30, "splits")?.first() {
        Some(&n) if n <= files && n > 0 => Ok(n),
        Some(n) => Err(data(&stated, &format!("{n} splits, but {files} files of training rows"))),
        None => Ok(files),
    }
}
