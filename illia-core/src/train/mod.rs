//! Bringing a net to its posterior by gradients: the objective, one step, the loop around it, and what changes over a run.

mod elbo;
mod fit;
mod learning_rate;
mod optim;
mod schedule;
mod sums;
mod trainer;
mod update;
mod variables;

pub use elbo::{Elbo, ElboTerms};
pub use fit::{EpochRecord, Fit, History};
pub use learning_rate::LearningRate;
pub use optim::{Adam, AdamW, Ivon, Memory, Optimiser, PosteriorStep, Sgd};
pub use schedule::KlSchedule;
pub use trainer::{Clip, Terms, Trainer};
