//! The methods' numbers, a table for each net. Those of the small digits were chosen on 400 of their training digits, those of the larger
//! images on 10,000 of Fashion-MNIST's: docs/digits.md has what was tried.

use illia::prelude::*;

use crate::mnist;
use crate::net::{Beliefs, HE, NARROW, OF_UNITS, WIDE};
use crate::train::Recipe;
use crate::ways::Way;

/// A method, and its numbers for one of the nets.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub name: &'static str,
    pub way: Way,
    pub beliefs: Beliefs,
    pub recipe: Recipe,
}

/// About the scale that `auto` finds by the evidence.
const PRIOR: Prior = Prior::FanIn { scale: 8.0 };
const POINTS: Beliefs = Beliefs::new(PRIOR, Posterior::Point { mu: HE });
/// A mask of the first layer would leave out the whole image, its only channel.
const MASKS: Beliefs = Beliefs { posterior: Posterior::Dropout { p: 0.05, mu: HE }, ..POINTS };
const NOTHING_SET: Beliefs = Beliefs::new(Prior::Automatic, Posterior::Automatic);

/// The small digits: the KL's full weight, and what is colder.
const DIGITS: Recipe = Recipe { epochs: 100, batch_size: 32, learning_rate: 3e-3, kl_weight: 1.0 };
const COLD: Recipe = Recipe { kl_weight: 0.02, ..DIGITS };

pub static OF_DIGITS: [Rule; 11] = [
    Rule { name: "vi", way: Way::Families, beliefs: WIDE, recipe: COLD },
    Rule { name: "auto", way: Way::Auto { settles: true }, beliefs: NOTHING_SET, recipe: DIGITS },
    Rule {
        name: "ivon",
        way: Way::Ivon { hessian: 0.03 },
        beliefs: Beliefs { prior: PRIOR, ..WIDE },
        recipe: Recipe { kl_weight: 0.1, ..DIGITS },
    },
    Rule { name: "laplace", way: Way::Laplace { temperature: 0.1 }, beliefs: POINTS, recipe: DIGITS },
    Rule { name: "swag", way: Way::Swag { walk: 40 }, beliefs: POINTS, recipe: DIGITS },
    Rule {
        name: "sghmc",
        way: Way::Sghmc { burn_in: 1000, steps: 2000, temperature: 0.1 },
        beliefs: POINTS,
        recipe: DIGITS,
    },
    Rule { name: "moments", way: Way::Moments, beliefs: WIDE, recipe: COLD },
    // Half of the epochs for each, two and a half times as many in all.
    Rule {
        name: "ensemble",
        way: Way::Points { members: 5 },
        beliefs: POINTS,
        recipe: Recipe { epochs: 50, ..DIGITS },
    },
    Rule { name: "dropout", way: Way::Families, beliefs: MASKS, recipe: DIGITS },
    // Factors that start near 1 need twice as many epochs to become as wide as they may.
    Rule {
        name: "gaussian-dropout",
        way: Way::Families,
        beliefs: OF_UNITS,
        recipe: Recipe { epochs: 200, ..DIGITS },
    },
    Rule { name: "point", way: Way::Points { members: 1 }, beliefs: POINTS, recipe: DIGITS },
];

/// The larger images: ten epochs in all, whatever they are spent on.
const IMAGES: Recipe = mnist::RECIPE;
const COOL: Recipe = Recipe { kl_weight: 0.1, ..IMAGES };
/// The tighter the points are held, the more the last layer leaves open where no image was.
const TIGHT: Beliefs = Beliefs { prior: Prior::FanIn { scale: 4.0 }, ..POINTS };

pub static OF_IMAGES: [Rule; 11] = [
    Rule { name: "vi", way: Way::Families, beliefs: NARROW, recipe: COOL },
    Rule { name: "auto", way: Way::Auto { settles: false }, beliefs: NOTHING_SET, recipe: IMAGES },
    Rule {
        name: "ivon",
        way: Way::Ivon { hessian: 0.03 },
        beliefs: Beliefs { prior: PRIOR, ..NARROW },
        recipe: COOL,
    },
    Rule { name: "laplace", way: Way::Laplace { temperature: 0.3 }, beliefs: TIGHT, recipe: IMAGES },
    Rule {
        name: "swag",
        way: Way::Swag { walk: 4 },
        beliefs: POINTS,
        recipe: Recipe { epochs: 6, ..IMAGES },
    },
    // 1,876 steps of 128 are four epochs.
    Rule {
        name: "sghmc",
        way: Way::Sghmc { burn_in: 626, steps: 1250, temperature: 0.1 },
        beliefs: POINTS,
        recipe: Recipe { epochs: 6, ..IMAGES },
    },
    Rule { name: "moments", way: Way::Moments, beliefs: NARROW, recipe: COOL },
    Rule {
        name: "ensemble",
        way: Way::Points { members: 5 },
        beliefs: POINTS,
        recipe: Recipe { epochs: 2, ..IMAGES },
    },
    Rule { name: "dropout", way: Way::Families, beliefs: MASKS, recipe: IMAGES },
    Rule { name: "gaussian-dropout", way: Way::Families, beliefs: OF_UNITS, recipe: IMAGES },
    Rule { name: "point", way: Way::Points { members: 1 }, beliefs: POINTS, recipe: IMAGES },
];
