//! What came back, counted and timed.

use std::collections::BTreeMap;
use std::time::Duration;

/// Of one connection, or of all.
#[derive(Default)]
pub struct Seen {
    /// By those with 200.
    pub took: Vec<Duration>,
    pub statuses: BTreeMap<u16, usize>,
    pub lost: usize,
}

impl Seen {
    pub fn add(&mut self, other: Seen) {
        self.took.extend(other.took);
        self.lost += other.lost;
        for (status, n) in other.statuses {
            *self.statuses.entry(status).or_default() += n;
        }
    }

    pub fn print(&mut self, connections: usize, all: Duration) {
        self.took.sort();
        let at = |share: f64| {
            let place = ((self.took.len() as f64 * share) as usize).min(self.took.len().saturating_sub(1));
            1e3 * self.took.get(place).map_or(f64::NAN, Duration::as_secs_f64)
        };
        let rate = self.took.len() as f64 / all.as_secs_f64();
        let answers: Vec<String> =
            self.statuses.iter().map(|(status, n)| format!("{n} of {status}")).collect();
        let answers = answers.join(", ");
        println!(
            "| {connections} | {rate:.0} | {:.2} | {:.2} | {answers} | {} |",
            at(0.5),
            at(0.99),
            self.lost
        );
    }
}
