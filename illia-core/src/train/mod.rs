//! Bringing a net to its posterior by gradients: the objective, one step, the loop around it, and what changes over a run.

mod elbo;
pub(crate) mod fit;
mod learning_rate;
pub(crate) mod optim;
pub(crate) mod schedule;
pub(crate) mod trainer;

pub use elbo::{Elbo, ElboTerms};
pub use fit::{EpochRecord, Fit, History};
pub use learning_rate::LearningRate;
pub use optim::Adam;
pub use schedule::KlSchedule;
pub use trainer::{Terms, Trainer};
