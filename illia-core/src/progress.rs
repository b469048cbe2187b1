//! A bar on the terminal, or a line now and then where there is none; nothing without the feature `progress`.

#[cfg(feature = "progress")]
use std::{
    cell::Cell,
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// From line to line.
#[cfg(feature = "progress")]
const PAUSE: Duration = Duration::from_secs(5);

/// How far a loop of steps has come: the part of `indicatif`'s bar that is used here.
#[cfg(feature = "progress")]
pub(crate) struct ProgressBar {
    bar: indicatif::ProgressBar,
    /// When the last line was written, or the loop began, where lines are.
    line: Option<Cell<Instant>>,
}

#[cfg(feature = "progress")]
impl ProgressBar {
    /// A bar over so many steps, if it is to be shown.
    pub(crate) fn new(steps: usize, shown: bool) -> Self {
        let lines = shown && !stderr().is_terminal();
        let line = lines.then(|| Cell::new(Instant::now()));
        if !shown || lines {
            let bar = indicatif::ProgressBar::with_draw_target(
                Some(steps as u64),
                indicatif::ProgressDrawTarget::hidden(),
            );
            return ProgressBar { bar, line };
        }
        let bar = indicatif::ProgressBar::new(steps as u64);
        let template = "{msg:<44} {wide_bar:.cyan/dim} {elapsed} < {eta}";
        let style = indicatif::ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        ProgressBar { bar, line }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        self.line.is_some() || !self.bar.is_hidden()
    }

    /// Says how many steps there are in all.
    pub(crate) fn set_length(&self, steps: u64) {
        self.bar.set_length(steps);
    }

    /// Says how many steps are done.
    pub(crate) fn set_position(&self, steps: u64) {
        self.bar.set_position(steps);
    }

    /// Says how many more steps are done.
    pub(crate) fn inc(&self, steps: u64) {
        self.bar.inc(steps);
        let Some(last) = &self.line else { return };
        if last.get().elapsed() < PAUSE {
            return;
        }
        last.set(Instant::now());
        // Nobody may be there to read it.
        writeln!(stderr(), "{}", self.line()).ok();
    }

    /// What stands before the bar.
    pub(crate) fn set_message(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Takes the bar off the terminal.
    pub(crate) fn finish_and_clear(&self) {
        self.bar.finish_and_clear();
    }

    /// `epoch 12 of 40: nll 0.31, step 600 of 2000, 42s < 1m`
    fn line(&self) -> String {
        let message = self.bar.message();
        let comma = if message.is_empty() { "" } else { ", " };
        let of = self.bar.length().filter(|&steps| steps > 0).map(|steps| format!(" of {steps}"));
        let (elapsed, eta) = (self.bar.elapsed(), self.bar.eta());
        let [elapsed, eta] = [elapsed, eta].map(indicatif::HumanDuration);
        let eta = of.as_ref().map(|_| format!(" < {eta:#}"));
        let (of, eta) = (of.unwrap_or_default(), eta.unwrap_or_default());
        format!("{message}{comma}step {}{of}, {elapsed:#}{eta}", self.bar.position())
    }
}

#[cfg(not(feature = "progress"))]
pub(crate) struct ProgressBar();

#[cfg(not(feature = "progress"))]
impl ProgressBar {
    pub(crate) fn new(_steps: usize, _shown: bool) -> Self {
        ProgressBar()
    }
    pub(crate) fn is_shown(&self) -> bool {
        false
    }
    pub(crate) fn set_length(&self, _steps: u64) {}
    pub(crate) fn set_position(&self, _steps: u64) {}
    pub(crate) fn inc(&self, _steps: u64) {}
    pub(crate) fn set_message(&self, _message: String) {}
    pub(crate) fn finish_and_clear(&self) {}
}

#[cfg(all(test, feature = "progress"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let bar = indicatif::ProgressBar::hidden();
        let progress = ProgressBar { bar, line: Some(Cell::new(Instant::now())) };
        progress.set_position(3);
        assert_eq!(progress.line(), "step 3, 0s");
        progress.set_length(8);
        progress.set_message("epoch 2 of 4: nll 0.5".to_owned());
        let line = progress.line();
        assert!(line.starts_with("epoch 2 of 4: nll 0.5, step 3 of 8, 0s < "), "{line}");
    }
}
