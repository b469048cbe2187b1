//! The pages of the book, so that the programs in them are compiled. `language` has its own place in the documentation, and what
//! `compile-errors` holds is compiled, and refused, by `tests/ui-tests`.

#[doc = include_str!("../docs/active-learning.md")]
mod active_learning {}
#[doc = include_str!("../docs/calibration.md")]
mod calibration {}
#[doc = include_str!("../docs/coming-from.md")]
mod coming_from {}
#[doc = include_str!("../docs/data.md")]
mod data {}
#[doc = include_str!("../docs/distributed.md")]
mod distributed {}
#[doc = include_str!("../docs/export.md")]
mod export {}
#[doc = include_str!("../docs/first-net.md")]
mod first_net {}
#[doc = include_str!("../docs/gpu.md")]
mod gpu {}
#[doc = include_str!("../docs/images.md")]
mod images {}
#[doc = include_str!("../docs/posteriors.md")]
mod posteriors {}
#[doc = include_str!("../docs/pretrained.md")]
mod pretrained {}
#[doc = include_str!("../docs/regression.md")]
mod regression {}
#[doc = include_str!("../docs/serving.md")]
mod serving {}
#[doc = include_str!("../docs/setup.md")]
mod setup {}
#[doc = include_str!("../docs/tabular.md")]
mod tabular {}
#[doc = include_str!("../docs/text.md")]
mod text {}
#[doc = include_str!("../docs/time-series.md")]
mod time_series {}
