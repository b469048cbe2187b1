//! A run's epochs in files, for whoever draws or compares runs: as a table, and as TensorBoard reads them.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{EpochRecord, Fit, events};
use crate::error::{Error, Result};
use crate::files;

const COLUMNS: &str = "epoch,nll,kl,kl_weight,loss,learning_rate,validation_nll,seconds";

impl<L> Fit<L> {
    /// Writes the epochs into a CSV file as they end: a row for each [`EpochRecord`] with its numbers, then those of
    /// [`metric`](Self::metric) by their names; empty where there is no validation. A file that is there already is replaced, and
    /// begins with the epochs before where a run was resumed. Of several processes the first writes.
    ///
    /// ```no_run
    /// use illia_core::{Fit, likelihood::Categorical};
    ///
    /// let fit = Fit::new(Categorical).log("out/run.csv");
    /// ```
    ///
    /// A file that can't be written is an error that names it, before the first step where that can be known.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.logs.table = Some(path.into());
        self
    }

    /// Writes the epochs as they end into an event file in this folder, which is made if there is none: what `tensorboard --logdir` shows,
    /// the objective with its parts, the KL, the step size and each [`metric`](Self::metric). Runs that are to be compared have folders of
    /// their own; a run that begins anew replaces the file of the one before, one that is resumed goes on. Of several processes the first
    /// writes.
    ///
    /// ```no_run
    /// use illia_core::{Fit, likelihood::Categorical};
    ///
    /// let fit = Fit::new(Categorical).tensorboard("out/runs/1");
    /// ```
    ///
    /// A file that can't be written is an error that names it, before the first step where that can be known.
    #[must_use]
    pub fn tensorboard(mut self, folder: impl Into<PathBuf>) -> Self {
        self.logs.events = Some(folder.into());
        self
    }
}

/// Where a run is written down.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs {
    /// A CSV file.
    table: Option<PathBuf>,
    /// The folder of an event file.
    events: Option<PathBuf>,
}

impl Logs {
    pub fn is_empty(&self) -> bool {
        self.table.is_none() && self.events.is_none()
    }

    /// Begins the files, with the epochs that there were before.
    pub fn begin(&self, metrics: &BTreeSet<&str>, epochs: &[EpochRecord]) -> Result<()> {
        self.table.as_ref().map_or(Ok(()), |path| begin(path, metrics, epochs))?;
        self.events.as_ref().map_or(Ok(()), |folder| events::begin(folder, epochs))
    }

    /// Adds an epoch.
    pub fn add(&self, metrics: &BTreeSet<&str>, record: &EpochRecord) -> Result<()> {
        self.table.as_ref().map_or(Ok(()), |path| add(path, metrics, record))?;
        self.events.as_ref().map_or(Ok(()), |folder| events::add(folder, record))
    }
}

fn begin(path: &Path, metrics: &BTreeSet<&str>, epochs: &[EpochRecord]) -> Result<()> {
    let names: String = metrics.iter().map(|name| format!(",{}", quoted(name))).collect();
    let rows: String = epochs.iter().map(|record| row(metrics, record)).collect();
    files::write_whole(path, |at| {
        std::fs::write(at, format!("{COLUMNS}{names}\n{rows}")).map_err(|e| Error::io(path, e))
    })
}

fn add(path: &Path, metrics: &BTreeSet<&str>, record: &EpochRecord) -> Result<()> {
    let file = OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(row(metrics, record).as_bytes())).map_err(|e| Error::io(path, e))
}

fn row(metrics: &BTreeSet<&str>, record: &EpochRecord) -> String {
    let EpochRecord { epoch, nll, kl, kl_weight, loss, learning_rate, .. } = record;
    let EpochRecord { validation_nll, metrics: measured, seconds, .. } = record;
    let cell = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    // An epoch before a resumption may have been measured otherwise.
    let measured: String =
        metrics.iter().map(|name| format!(",{}", cell(measured.get(*name).copied()))).collect();
    let validation_nll = cell(*validation_nll);
    format!("{epoch},{nll},{kl},{kl_weight},{loss},{learning_rate},{validation_nll},{seconds}{measured}\n")
}

/// A name that could be taken for more than one cell stands in quotes (RFC 4180).
fn quoted(name: &str) -> String {
    match name.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::VarStore;
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::files::scratch::Scratch;
    use crate::likelihood::Gaussian;
    use crate::nn::{Linear, LinearConfig};

    #[test]
    fn a_log_has_a_row_for_each_epoch_and_a_column_for_each_metric() {
        crate::manual_seed(1);
        let folder = Scratch::new();
        let path = folder.join("run.csv");
        let vs = VarStore::new(Device::Cpu);
        let net = Linear::new(vs.root(), 1, 1, LinearConfig::default());
        let x = Tensor::linspace(-1.0, 1.0, 20, (Kind::Float, Device::Cpu)).unsqueeze(1);
        let fit = Fit::new(Gaussian::fixed(0.1).unwrap()).epochs(3).progress(false);
        let fit = fit
            .validation(&x, &x)
            .metric("error, largest", |p, y| Ok((p.mean() - y).abs().max().double_value(&[])));
        let history = fit.log(&path).run(&net, &vs, &x, &(&x * 2.0)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("{COLUMNS},\"error, largest\""));
        assert_eq!(lines.len(), 4);
        for (line, record) in lines[1..].iter().zip(&history.epochs) {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            let metric = record.metrics["error, largest"];
            let expected = [record.epoch as f64, record.nll, record.kl, record.kl_weight, record.loss];
            assert_eq!(cells[..5], expected);
            assert_eq!(
                cells[5..],
                [record.learning_rate, record.validation_nll.unwrap(), record.seconds, metric]
            );
        }
        let before = net.weight.mu().copy();
        let nowhere = Fit::new(Gaussian::fixed(0.1).unwrap()).epochs(1).progress(false);
        let refused = nowhere.log(folder.join("no/run.csv")).run(&net, &vs, &x, &x).unwrap_err();
        assert!(refused.to_string().contains("run.csv"), "{refused}");
        assert_eq!(net.weight.mu(), &before, "nothing was trained for a log that can't be written");
    }
}
