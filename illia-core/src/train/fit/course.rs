//! How long a run takes where nobody says, when the step size begins to fall, and whether the run has arrived.
//!
//! All of it follows from the epochs' records alone, so that a run which goes on from a checkpoint decides as it would have.

use super::{Convergence, EpochRecord};

/// Steps over which the objective is averaged before it is compared.
const WINDOW: usize = 300;
/// Steps after which the step size falls, whether the objective has settled or not.
const LONGEST: usize = 10_000;
/// Steps that the fall takes at least: what the noise of the last iterates is averaged over.
const FALL: usize = 4_000;
/// The part of all progress so far that a window has to add to count as progress.
const PROGRESS: f64 = 0.005;

/// Where a run of no given length stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Course {
    /// How many epochs had the full step size, once that is known.
    pub settled: Option<usize>,
    /// How many epochs there will be in all, once that is known.
    pub epochs: Option<usize>,
}

impl Course {
    /// What the records say: the step size falls once two windows in a row have brought nothing, and then for as long as it
    /// took to get there.
    pub(super) fn of(records: &[EpochRecord], steps_per_epoch: usize) -> Course {
        let width = WINDOW.div_ceil(steps_per_epoch);
        let mut best = f64::INFINITY;
        let (mut first, mut idle) = (None, 0);
        for (at, window) in records.chunks_exact(width).enumerate() {
            let (mean, error) = mean_and_error(window);
            let first = *first.get_or_insert(mean);
            let enough = error.max(PROGRESS * (first - best.min(first)));
            idle = if at > 0 && best - mean < enough { idle + 1 } else { 0 };
            best = best.min(mean);
            let epochs = (at + 1) * width;
            if idle == 2 || epochs * steps_per_epoch >= LONGEST {
                let fall = epochs.max(FALL.div_ceil(steps_per_epoch));
                return Course { settled: Some(epochs), epochs: Some(epochs + fall) };
            }
        }
        Course { settled: None, epochs: None }
    }

    /// What the full step size is multiplied by, `epochs` being done, a part of the one under way among them: half a cosine down
    /// to 0 once the objective has settled (Loshchilov & Hutter 2017).
    pub(super) fn factor(&self, epochs: f64) -> f64 {
        let (Some(settled), Some(all)) = (self.settled, self.epochs) else { return 1.0 };
        let part = (epochs - settled as f64) / (all - settled).max(1) as f64;
        0.5 * (1.0 + (std::f64::consts::PI * part.clamp(0.0, 1.0)).cos())
    }
}

/// What a run should have been given, if it ended before it arrived: the last tenth of it was still better than the tenth before,
/// by more than their noise and by more than a hundredth of all progress.
pub(super) fn advice(records: &[EpochRecord], convergence: &Convergence) -> Option<String> {
    of_objective(records).or_else(|| of_sigmas(convergence))
}

/// A tenth of the epochs, at least one.
pub(super) fn tenth(records: &[EpochRecord]) -> usize {
    (records.len() / 10).max(1)
}

/// What may pull on the sigmas of a run that has arrived, in nats a weight.
const PULL: f64 = 0.3;

fn of_sigmas(convergence: &Convergence) -> Option<String> {
    let pull = convergence.sigma_pull.filter(|pull| *pull > PULL)?;
    let moved = convergence.sigma_moved.unwrap_or_default();
    Some(format!(
        "the sigmas are on their way yet, pulled by {pull:.2} nats a weight, and have moved by a factor of {:.2}: give the run more \
         `epochs` or a larger `learning_rate`, or start `rho` nearer to where it goes",
        moved.exp()
    ))
}

fn of_objective(records: &[EpochRecord]) -> Option<String> {
    let tenth = records.len() / 10;
    let (rest, last) = records.split_at_checked(records.len().checked_sub(tenth.max(1))?)?;
    let (_, before) = rest.split_at_checked(rest.len().checked_sub(tenth.max(1))?)?;
    let (now, error) = mean_and_error(last);
    let (then, error_then) = mean_and_error(before);
    let first = records.first()?.loss;
    let falls = then - now;
    if tenth > 0 && falls > 2.0 * error.hypot(error_then) && falls > 0.01 * (first - now).abs() {
        return Some(format!(
            "the objective was still falling, by {falls:.3} nats an example in the last tenth of {} epochs: give the run more \
             `epochs`, or a larger `learning_rate`",
            records.len()
        ));
    }
    let best = records.iter().map(|record| record.loss).fold(f64::INFINITY, f64::min);
    if tenth > 0 && now - best > 0.1 * (first - best).abs() && now - best > 4.0 * error {
        return Some(format!(
            "the objective ended at {now:.3} nats an example, above its best of {best:.3}: a smaller `learning_rate`, or \
             `clip`, would keep it"
        ));
    }
    None
}

/// The mean objective over some epochs, and its standard error.
pub(super) fn mean_and_error(records: &[EpochRecord]) -> (f64, f64) {
    let n = records.len().max(1) as f64;
    let mean = records.iter().map(|record| record.loss).sum::<f64>() / n;
    let squares: f64 = records.iter().map(|record| (record.loss - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0) / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(losses: impl Iterator<Item = f64>) -> Vec<EpochRecord> {
        losses.map(|loss| EpochRecord { loss, ..Default::default() }).collect()
    }

    #[test]
    fn the_step_size_falls_once_the_objective_has_settled() {
        // One epoch a window; down to 1, then nothing but a hundredth up and down.
        let losses = records(
            (0..40).map(|i| if i < 10 { 11.0 - f64::from(i) } else { 1.0 + 0.01 * f64::from(i % 2) }),
        );
        assert_eq!(Course::of(&losses[..9], WINDOW).settled, None);
        let course = Course::of(&losses, WINDOW);
        assert_eq!(course, Course { settled: Some(13), epochs: Some(27) });
        assert_eq!((course.factor(5.0), course.factor(27.0)), (1.0, 0.0));
        assert!((course.factor(20.0) - 0.5).abs() < 1e-12);
        // What never settles ends all the same.
        let falling = records((0..1000).map(|i| -f64::from(i)));
        assert_eq!(Course::of(&falling, WINDOW).settled, Some(LONGEST.div_ceil(WINDOW)));
    }

    #[test]
    fn a_run_that_has_not_arrived_is_told_so() {
        assert!(
            of_objective(&records((0..100).map(|i| 100.0 - f64::from(i))))
                .is_some_and(|a| a.contains("epochs"))
        );
        assert!(of_objective(&records((0..100).map(|i| (-f64::from(i) / 5.0).exp()))).is_none());
        let worse = records((0..100).map(|i| if i < 50 { 10.0 - f64::from(i) / 5.0 } else { 9.0 }));
        assert!(of_objective(&worse).is_some_and(|a| a.contains("above its best")));
        let on_its_way = |share| Convergence { sigma_pull: share, ..Default::default() };
        let sentence = advice(&[], &on_its_way(Some(0.6)));
        assert!(sentence.is_some_and(|a| a.contains("by 0.60 nats") && a.contains("`epochs`")));
        assert!([None, Some(0.01)].map(|share| advice(&[], &on_its_way(share))).iter().all(Option::is_none));
        assert!(of_objective(&[]).is_none() && of_objective(&records([1.0].into_iter())).is_none());
    }
}
