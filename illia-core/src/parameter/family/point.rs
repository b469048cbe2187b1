//! A point: maximum a posteriori. Its cost is -log p(mu), the prior's penalty.

use tch::Tensor;
use tch::nn::Init;

use super::{Family, PriorOf, Start, Variables};
use crate::error::Result;
use crate::noise::Key;
use crate::parameter::initial::finite;

/// A point and where it starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub mu: Init,
}

impl Family for Point {
    fn name(&self) -> String {
        "Point".to_owned()
    }

    fn validate(&self) -> Result<()> {
        finite("mu", self.mu)
    }

    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        vec![("mu", start.initial(self.mu))]
    }

    fn draw(&self, variables: &Variables, _: Key) -> Tensor {
        variables.mu().shallow_clone()
    }

    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        Some(-prior.log_density(variables.mu()))
    }

    fn is_spread(&self) -> bool {
        false
    }
}
