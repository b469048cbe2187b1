//! A Bayesian linear layer on the same points, beside the process: it weighs features where that measures distances.

use illia::Result;
use illia::prelude::*;

use crate::encoder::WIDTH;

bnn! {
    struct Classes(intents: i64): [WIDTH] -> [intents] { head: Linear(intents) }
}

const DRAWS: usize = 32;
/// Passes over the training queries: of 20, 40, 60 and 100 the number of the lowest NLL on the validation queries.
const EPOCHS: usize = 60;

/// The layer, trained with nothing else set.
pub struct LinearHead {
    net: Classes,
    _vs: nn::VarStore,
}

impl LinearHead {
    /// From points on the sphere `[n, features]` and their intents' numbers `[n]`.
    pub fn fit(points: &Tensor, labels: &Tensor, intents: i64) -> Result<Self> {
        illia::manual_seed(1);
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Classes::try_new(&vs.root(), intents)?;
        Fit::new(Categorical).epochs(EPOCHS).run(&net, &vs, &scaled(points), labels)?;
        Ok(LinearHead { net, _vs: vs })
    }

    /// log p, `[batch, intents]`.
    pub fn log_probabilities(&self, points: &Tensor) -> Result<Tensor> {
        let prediction = Predict::new().draws(DRAWS).marginal().run(&self.net, &scaled(points))?;
        Ok(prediction.predictive_mean(&Categorical).log())
    }
}

/// Features of a size near 1, as priors expect them: a point's length is 1.
fn scaled(points: &Tensor) -> Tensor {
    points * (WIDTH as f64).sqrt()
}
