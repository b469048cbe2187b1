//! Bringing a net to its posterior by gradients: the objective, one step, the loop around it, and what changes over a run.

mod clip;
mod elbo;
mod fit;
mod gradients;
mod kl_schedule;
mod optim;
mod rate_schedule;
mod schedule;
mod sums;
mod together;
mod trainer;
mod update;
mod variables;

pub use clip::Clip;
pub use elbo::{Elbo, ElboTerms};
pub use fit::{Best, Convergence, EpochRecord, Fit, History};
pub use kl_schedule::KlSchedule;
pub use optim::{Adam, AdamW, Ivon, Memory, Moments, Optimiser, PosteriorStep, Sgd};
pub use rate_schedule::RateSchedule;
pub use schedule::Schedule;
pub use trainer::{Terms, Trainer};
