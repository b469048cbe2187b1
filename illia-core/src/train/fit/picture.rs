//! A run, drawn.

use super::{EpochRecord, History};
use crate::plot::{Colour, Picture, Plot};

impl History {
    /// The run over its epochs: the objective with its parts, the KL, the step size and each metric, and the epoch whose weights the model
    /// has where validation chose one.
    ///
    /// ```no_run
    /// # let history = illia_core::History::default();
    /// history.plot().write("run.svg")?;
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    pub fn plot(&self) -> Picture {
        let mut panels = vec![self.objective()];
        if self.epochs.iter().any(|record| record.kl != 0.0) {
            let kl = self.panel("KL, nats").line_through(Colour::First, self.over(|r| Some(r.kl)));
            panels.push(self.best(kl).picture().titled("How far the posterior is from the prior", ""));
        }
        let steps = self.panel("step size").line_through(Colour::First, self.over(|r| Some(r.learning_rate)));
        panels.push(self.best(steps).picture().titled("How large the steps are", ""));
        for name in self.epochs.last().into_iter().flat_map(|record| record.metrics.keys()) {
            let values = self.over(|record| record.metrics.get(name).copied());
            let plot = self.panel(name).line_through(Colour::First, values);
            panels.push(self.best(plot).picture().titled(name, "on the validation set"));
        }
        let mut rows = Vec::new();
        let mut panels = panels.into_iter().peekable();
        while panels.peek().is_some() {
            rows.push(Picture::row(panels.by_ref().take(2)));
        }
        Picture::column(rows)
    }

    /// What was minimised, and what it is made of.
    fn objective(&self) -> Picture {
        let mut plot = self.panel("nats per example");
        // The first epochs would flatten all others: what is above the frame is cut off.
        let later = self.epochs.iter().skip(self.epochs.len() / 10);
        let values = later.flat_map(|r| [Some(r.nll), Some(r.loss), r.validation_nll].into_iter().flatten());
        let drawn = values.filter(|value| value.is_finite());
        let ends = drawn.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        });
        if let Some((low, high)) = ends {
            let room = 0.05 * (high - low);
            plot = plot.y_range(low - room, high + room);
        }
        plot = plot.line_through(Colour::Ink, self.over(|r| Some(r.loss))).named("objective");
        plot = plot.line_through(Colour::First, self.over(|r| Some(r.nll))).named("NLL in training");
        if self.epochs.iter().any(|record| record.validation_nll.is_some()) {
            plot =
                plot.line_through(Colour::Second, self.over(|r| r.validation_nll)).named("NLL in validation");
        }
        if let Some(epoch) = self.best_epoch {
            plot = plot.upright(Colour::Muted, epoch as f64).named(&format!("epoch {epoch}, kept"));
        }
        plot.picture().titled("What is minimised", "")
    }

    fn panel(&self, y: &str) -> Plot {
        let ends = self.epochs.first().zip(self.epochs.last());
        let (first, last) = ends.map_or((1, 2), |(first, last)| (first.epoch, last.epoch));
        Plot::new("epoch", y).x_range(first as f64, last.max(first + 1) as f64)
    }

    /// The epoch that was kept.
    fn best(&self, plot: Plot) -> Plot {
        match self.best_epoch {
            Some(epoch) => plot.upright(Colour::Muted, epoch as f64),
            None => plot,
        }
    }

    fn over(&self, value: impl Fn(&EpochRecord) -> Option<f64>) -> Vec<(f64, f64)> {
        self.epochs.iter().filter_map(|record| Some((record.epoch as f64, value(record)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_picture_has_a_panel_for_each_thing_that_was_measured() {
        let record = |epoch: usize| EpochRecord {
            epoch,
            nll: 1.0 / epoch as f64,
            kl: 100.0,
            loss: 1.1 / epoch as f64,
            learning_rate: 0.01,
            validation_nll: Some(1.2 / epoch as f64),
            metrics: BTreeMap::from([("accuracy".to_owned(), 0.9)]),
            ..EpochRecord::default()
        };
        let history =
            History { epochs: (1..=30).map(record).collect(), best_epoch: Some(20), ..History::default() };
        let svg = history.plot().svg();
        for name in ["objective", "NLL in validation", "epoch 20, kept", "KL, nats", "step size", "accuracy"]
        {
            assert!(svg.contains(&format!(">{name}<")), "{name}");
        }
        // In each of four panels one line and the kept epoch's; two lines more in the first.
        assert_eq!(svg.matches("<polyline").count(), 6);
        assert_eq!(svg.matches("dashed\"").count(), 4 + 1);
        assert!(!History::default().plot().svg().contains("NaN"));
    }
}
