//! A bar on the terminal; nothing without the feature `progress`.

/// How far a loop of steps has come: the part of `indicatif`'s bar that is used here.
pub(crate) struct ProgressBar(#[cfg(feature = "progress")] indicatif::ProgressBar);

#[cfg(feature = "progress")]
impl ProgressBar {
    /// A bar over so many steps; hidden unless it is to be shown and standard error is a terminal.
    pub(crate) fn new(steps: usize, shown: bool) -> Self {
        if !shown {
            return ProgressBar(indicatif::ProgressBar::hidden());
        }
        let bar = indicatif::ProgressBar::new(steps as u64);
        let template = "{msg:<44} {wide_bar:.cyan/dim} {elapsed} < {eta}";
        let style = indicatif::ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        ProgressBar(bar)
    }

    /// Whether anybody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Says how many steps there are in all.
    pub(crate) fn set_length(&self, steps: u64) {
        self.0.set_length(steps);
    }

    /// Says how many steps are done.
    pub(crate) fn set_position(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// Says how many more steps are done.
    pub(crate) fn inc(&self, steps: u64) {
        self.0.inc(steps);
    }

    /// What stands before the bar.
    pub(crate) fn set_message(&self, message: String) {
        self.0.set_message(message);
    }

    /// Takes the bar off the terminal.
    pub(crate) fn finish_and_clear(&self) {
        self.0.finish_and_clear();
    }
}

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
