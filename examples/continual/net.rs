//! A trunk that all tasks share, and their heads.

use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Result, bayesian};

bnn! {
    pub struct Trunk(pixels: i64, posterior: Posterior): [pixels] -> [100] {
        posterior: posterior;

        first: Linear(100) -> relu,
        second: Linear(100) -> relu,
    }
}

#[bayesian]
pub struct Net {
    pub trunk: Trunk,
    pub heads: Vec<Linear>,
}

impl Net {
    pub fn new(
        path: &nn::Path,
        pixels: i64,
        (heads, classes): (usize, i64),
        posterior: Posterior,
    ) -> Result<Net> {
        let config = LinearConfig { posterior, ..Default::default() };
        let head = |number| Linear::try_new(path / "heads" / number, 100, classes, config);
        Ok(Net {
            trunk: Trunk::try_new(&(path / "trunk"), pixels, posterior)?,
            heads: (0..heads).map(head).collect::<Result<_>>()?,
        })
    }

    /// Logits `[N, classes]` of pixels `[N, pixels]`, each from the head of its number `[N]`.
    pub fn forward(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let [x, head] = inputs else {
            return Err(illia::Error::configuration("inputs", inputs.len(), "two"));
        };
        let shared = self.trunk.try_forward(x)?;
        let each = self.heads.iter().map(|head| head.try_forward(&shared)).collect::<Result<Vec<_>>>()?;
        let each = Tensor::stack(&each, 1);
        let own = head.reshape([-1, 1, 1]).expand([-1, 1, each.size()[2]], false);
        Ok(each.gather(1, &own, false).squeeze_dim(1))
    }
}
