//! Means over seeds, and how they are shown.

use illia::Result;
use serde_json::{Map, Value, json};

use crate::setting::{Numbers, Setting};

/// A problem and setting: what each seed gave.
pub struct Row {
    pub problem: String,
    pub setting: Setting,
    pub seeds: Vec<Result<Numbers>>,
}

impl Row {
    /// The mean and the standard deviation over the seeds of each number.
    fn summary(&self) -> Vec<(&'static str, f64, f64)> {
        let runs: Vec<&Numbers> = self.seeds.iter().flatten().collect();
        let Some(first) = runs.first() else { return Vec::new() };
        let n = runs.len() as f64;
        let of = |at: usize, name: &'static str| {
            let values = || runs.iter().filter_map(|run| run.get(at)).map(|(_, value)| *value);
            let mean = values().sum::<f64>() / n;
            let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
            (name, mean, (squares / (n - 1.0).max(1.0)).sqrt())
        };
        first.iter().enumerate().map(|(at, (name, _))| of(at, name)).collect()
    }

    fn failed(&self) -> usize {
        self.seeds.iter().filter(|run| run.is_err()).count()
    }

    /// One object: the means, `failed` seeds, whose fit ended with an error and are in no mean, and `deviation` over the others.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("problem".to_owned(), json!(self.problem));
        object.insert("setting".to_owned(), json!(self.setting.name()));
        object.insert("seeds".to_owned(), json!(self.seeds.len()));
        object.insert("failed".to_owned(), json!(self.failed()));
        let mut deviation = Map::new();
        for (name, mean, std) in self.summary() {
            object.insert(name.to_owned(), json!(mean));
            deviation.insert(name.to_owned(), json!(std));
        }
        object.insert("deviation".to_owned(), Value::Object(deviation));
        Value::Object(object)
    }

    /// One line.
    pub fn line(&self) -> String {
        let numbers: Vec<String> =
            self.summary().iter().map(|(name, mean, _)| format!("{name} {mean:.3}")).collect();
        let failed = match self.failed() {
            0 => String::new(),
            n => format!("{n} of {} failed  ", self.seeds.len()),
        };
        format!("{:<36} {:<8} {failed}{}", self.problem, self.setting.name(), numbers.join("  "))
    }
}
