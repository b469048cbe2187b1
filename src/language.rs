//! The language of [`bnn!`](crate::bnn) and [`#[bayesian]`](macro@crate::bayesian), rule by rule: each with a program that runs and one that
//! does not compile.

#[doc = include_str!("../docs/language/chain.md")]
pub mod chain {}

#[doc = include_str!("../docs/language/sizes.md")]
pub mod sizes {}

#[doc = include_str!("../docs/language/values.md")]
pub mod values {}

#[doc = include_str!("../docs/language/blocks.md")]
pub mod blocks {}

#[doc = include_str!("../docs/language/sequences.md")]
pub mod sequences {}

#[doc = include_str!("../docs/language/images.md")]
pub mod images {}

#[doc = include_str!("../docs/language/graphs.md")]
pub mod graphs {}

#[doc = include_str!("../docs/language/adapters.md")]
pub mod adapters {}

#[doc = include_str!("../docs/language/distributions.md")]
pub mod distributions {}

#[doc = include_str!("../docs/language/modules.md")]
pub mod modules {}
