//! The wheel: five actions of which the best depends on where in the unit disc a context lies.

use illia::Result;
use illia::data::Tensors;
use illia::noise::{self, Key};
use illia::prelude::*;

pub const ACTIONS: i64 = 5;
/// What rewards are divided by for the nets.
const SCALE: f64 = 50.0;

/// Contexts `[rounds, 2]`, uniform in the unit disc; each action's expected reward `[rounds, actions]`, and the rewards.
pub struct Wheel {
    pub contexts: Tensor,
    expected: Tensor,
    rewards: Tensor,
}

impl Wheel {
    pub fn new(rounds: i64, delta: f64, seed: u64) -> Wheel {
        let key = |draw| Key { seed, stream: 1 << 40, draw };
        let uniform = |draw| noise::uniforms(key(draw), &[rounds], Kind::Float, Device::Cpu);
        let (radius, angle) = (uniform(0).sqrt(), uniform(1) * std::f64::consts::TAU);
        let (x, y) = (&radius * angle.cos(), &radius * angle.sin());
        let far = radius.gt(delta);
        // The first action pays 1.2 everywhere, the others 1, but the one of the context's quarter 50 far out.
        let quarter = |right: bool, top: bool| {
            let of = |t: &Tensor, positive: bool| if positive { t.gt(0.0) } else { t.le(0.0) };
            far.logical_and(&of(&x, right)).logical_and(&of(&y, top)).to_kind(Kind::Float) * 49.0 + 1.0
        };
        let first = x.full_like(1.2);
        let expected = Tensor::stack(
            &[first, quarter(true, true), quarter(true, false), quarter(false, true), quarter(false, false)],
            1,
        );
        let noise = noise::normals(key(2), &[rounds, ACTIONS], Kind::Float, Device::Cpu) * 0.01;
        Wheel { contexts: Tensor::stack(&[x, y], 1), rewards: &expected + noise, expected }
    }

    /// The rounds in which these actions were taken: contexts and actions, and what was paid.
    pub fn known(&self, actions: &Tensor) -> Result<Tensors> {
        let (rounds, actions) = (actions.size()[0], actions.unsqueeze(1));
        let paid = self.rewards.narrow(0, 0, rounds).gather(1, &actions, false) / SCALE;
        Tensors::new(vec![self.contexts.narrow(0, 0, rounds), actions], paid)
    }

    /// The regret of each round's action, `[rounds]`.
    pub fn regret(&self, actions: &Tensor) -> Tensor {
        let taken = self.expected.gather(1, &actions.unsqueeze(1), false).squeeze_dim(1);
        self.expected.amax([1i64], false) - taken
    }
}
