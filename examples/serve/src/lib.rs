//! A net that illia exported, behind HTTP: tract runs it, libtorch is not there.
//!
//! `cargo run --release -p serve -- --help` lists what can be set; `docs/serving.md` has the whole way from training to an answer.

mod answer;
mod arguments;
mod input;
mod metrics;
mod model;
mod routes;
mod server;
mod statistics;
mod stream;

pub use answer::Rule;
pub use arguments::{Arguments, HELP, Limits};
pub use model::Model;
pub use server::Server;

/// One sentence on what went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
