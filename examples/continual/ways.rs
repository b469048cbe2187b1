//! Ways to learn one task after the other.

use illia::data::Coreset;

/// A way, by its name on the command line and in the picture.
#[derive(Debug)]
pub struct Way {
    pub name: &'static str,
    pub title: &'static str,
    pub how: How,
    /// Which examples of a task are kept, if any.
    pub kept: Option<Coreset>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum How {
    /// A net without a posterior, trained on.
    FineTune,
    /// The posterior of a task is the prior of the next: by Adam, or by IVON.
    AsPrior { ivon: bool },
    /// A new net on what is kept of all tasks so far.
    Kept,
    /// A new net on all data of all tasks so far: what there is to reach.
    Together,
}

pub const WAYS: [Way; 7] = [
    Way { name: "fine-tune", title: "trained on, without a posterior", how: How::FineTune, kept: None },
    Way { name: "vcl", title: "posterior as prior", how: How::AsPrior { ivon: false }, kept: None },
    Way {
        name: "vcl-random",
        title: "posterior as prior, some kept by chance",
        how: How::AsPrior { ivon: false },
        kept: Some(Coreset::Random),
    },
    Way {
        name: "vcl-k-center",
        title: "posterior as prior, centres kept",
        how: How::AsPrior { ivon: false },
        kept: Some(Coreset::KCenter),
    },
    Way { name: "ivon", title: "posterior as prior, by IVON", how: How::AsPrior { ivon: true }, kept: None },
    Way { name: "kept", title: "what is kept by chance, alone", how: How::Kept, kept: Some(Coreset::Random) },
    Way { name: "together", title: "all data of all tasks", how: How::Together, kept: None },
];
