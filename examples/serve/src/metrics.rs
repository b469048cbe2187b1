//! What is counted, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the histogram's buckets, in seconds.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Default)]
pub struct Metrics {
    /// By path and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    pub rows: AtomicU64,
    pub refused: AtomicU64,
    /// Predictions by their bucket, those beyond the last in none; their microseconds; their number.
    buckets: [AtomicU64; BUCKETS.len()],
    microseconds: AtomicU64,
    predictions: AtomicU64,
}

impl Metrics {
    pub fn answered(&self, path: &'static str, status: u16) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry((path, status)).or_default() += 1;
    }

    /// A prediction that was made, from the request's whole body to its answer.
    pub fn predicted(&self, took: Duration) {
        if let Some(i) = BUCKETS.iter().position(|&end| took.as_secs_f64() <= end) {
            self.buckets[i].fetch_add(1, Relaxed);
        }
        self.microseconds.fetch_add(took.as_micros() as u64, Relaxed);
        self.predictions.fetch_add(1, Relaxed);
    }

    /// All of it, with what stands now.
    pub fn text(&self, predicting: usize, connections: usize) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP serve_{name} {help}\n# TYPE serve_{name} {kind}");
            for (labels, value) in lines {
                let _ = writeln!(text, "serve_{name}{labels} {value}");
            }
        };
        let plain = |value: u64| [(String::new(), value.to_string())];
        let requests: Vec<_> = {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            let line = |((path, status), n): (&(&str, u16), &u64)| {
                (format!("{{path=\"{path}\",status=\"{status}\"}}"), n.to_string())
            };
            requests.iter().map(line).collect()
        };
        family("requests_total", "counter", "Answered requests.", &requests);
        family("rows_total", "counter", "Rows that were predicted.", &plain(self.rows.load(Relaxed)));
        family(
            "refused_total",
            "counter",
            "Rows whose answer was refused.",
            &plain(self.refused.load(Relaxed)),
        );
        family("predicting", "gauge", "Predictions under way or waiting.", &plain(predicting as u64));
        family("connections", "gauge", "Open connections.", &plain(connections as u64));

        let mut below = 0;
        let mut lines: Vec<(String, String)> = BUCKETS
            .iter()
            .zip(&self.buckets)
            .map(|(end, bucket)| {
                below += bucket.load(Relaxed);
                (format!("_bucket{{le=\"{end}\"}}"), below.to_string())
            })
            .collect();
        let (all, seconds) = (self.predictions.load(Relaxed), self.microseconds.load(Relaxed) as f64 / 1e6);
        lines.push(("_bucket{le=\"+Inf\"}".to_owned(), all.max(below).to_string()));
        lines.push(("_sum".to_owned(), seconds.to_string()));
        lines.push(("_count".to_owned(), all.max(below).to_string()));
        family("seconds", "histogram", "From a request's body to its answer.", &lines);
        text
    }
}
