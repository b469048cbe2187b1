//! Training with checkpoints: Ctrl-C ends the step, `--resume` goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use illia::checkpoint::Checkpoints;
use illia::data::ImageSet;
use illia::likelihood::Categorical;
use illia::prelude::*;
use illia::{Fit, History, KlSchedule, RateSchedule};

use crate::Failure;

/// How a net is trained: Adam, the learning rate falling along half a cosine.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub epochs: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    /// What multiplies KL / N: 1 for the ELBO, less for a colder posterior.
    pub kl_weight: f64,
}

/// A finished training, and how long it took.
pub struct Run {
    pub history: History,
    pub seconds: f64,
}

/// What training needs besides the recipe.
#[derive(Debug, Clone)]
pub struct Session<'a> {
    /// Where the checkpoints of all nets are kept.
    pub folder: &'a Path,
    pub resume: bool,
    quiet: bool,
    interrupted: Arc<AtomicBool>,
}

impl<'a> Session<'a> {
    /// From here on, Ctrl-C ends training after the step under way.
    pub fn new(folder: &'a Path, resume: bool) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        ctrlc::set_handler(move || {
            // A second one is for those who don't want to wait.
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })?;
        Ok(Session { folder, resume, quiet: false, interrupted })
    }

    /// Without a bar, beside another training that has one.
    pub fn quiet(self) -> Self {
        Session { quiet: true, ..self }
    }

    /// Trains `net`, with checkpoints under `name`; None if Ctrl-C ended it.
    pub fn train<M: BayesianModule + ModuleT>(
        &self,
        name: &str,
        net: &M,
        vs: &nn::VarStore,
        examples: &ImageSet,
        recipe: Recipe,
    ) -> Result<Option<Run>, Failure> {
        let folder = self.folder.join(name);
        let checkpoints = Checkpoints::new(&folder).keep(1);
        if !self.resume {
            // Those of an earlier run, which this one does not go on with.
            while let Some(old) = checkpoints.latest()? {
                std::fs::remove_file(old)?;
            }
        }
        let start = Instant::now();
        let history = Fit::new(Categorical)
            .epochs(recipe.epochs)
            .batch_size(recipe.batch_size)
            .learning_rate(recipe.learning_rate)
            .learning_rate_schedule(RateSchedule::Cosine)
            .kl(KlSchedule::Constant(recipe.kl_weight))
            .checkpoints(checkpoints)
            .resume(self.resume)
            .interrupt(Arc::clone(&self.interrupted))
            .progress(!self.quiet)
            .run(net, vs, &examples.images, &examples.labels)?;
        if self.interrupted.load(Ordering::SeqCst) {
            let (done, of) = (history.epochs.len(), recipe.epochs);
            if self.quiet {
                return Ok(None);
            }
            eprintln!(
                "\nstopped after {done} of {of} epochs: the same command with --resume goes on from here"
            );
            return Ok(None);
        }
        Ok(Some(Run { history, seconds: start.elapsed().as_secs_f64() }))
    }
}
