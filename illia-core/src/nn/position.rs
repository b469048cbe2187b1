//! What a transformer adds to its sequence: a random vector for each place (Gehring et al. 2017), and one more place in front,
//! from which a class is read (Devlin et al. 2019; Dosovitskiy et al. 2021).

use std::borrow::Borrow;

use tch::nn::{Module, Path};
use tch::{Kind, Tensor};

use super::graph::one_to_one;
use super::{element_by_element, shows, size};
use crate::error::{Error, Result, Within, fail, fail_at};
use crate::graph::Value;
use crate::module::BayesianModule;
use crate::parameter::{InputUnits, Posterior, Prior, RandomParameter};
use crate::pass::Use;
use crate::pass::patches::one_hot;

/// The settings of a [`PositionEmbedding`] or a [`ClassToken`].
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenConfig {
    /// The prior of the vectors.
    pub prior: Prior,
    /// The posterior of the vectors.
    pub posterior: Posterior,
}

/// `x_t + w_t`: a vector for each place is added, `[batch, seq, features]` to the same, `seq` at most `max`.
///
/// ```
/// use illia_core::nn::PositionEmbedding;
/// use tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let position = PositionEmbedding::new(vs.root() / "position", 16, 8, Default::default());
/// let x = Tensor::ones([4, 5, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(position.forward(&x).size(), [4, 5, 8]);
/// ```
#[derive(Debug)]
pub struct PositionEmbedding {
    /// The vectors, `[max, features]`.
    pub weight: RandomParameter,
    max: i64,
    features: i64,
}

impl PositionEmbedding {
    /// Vectors of `features` numbers for `max` places.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, max: i64, features: i64, config: TokenConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, max, features, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// Vectors of `features` numbers for `max` places.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1 or a distribution's number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        max: i64,
        features: i64,
        config: TokenConfig,
    ) -> Result<Self> {
        let shape = [size("max", max, 1)?, size("features", features, 1)?];
        let (units, TokenConfig { prior, posterior }) = (InputUnits { axis: 0, groups: 1 }, config);
        let mut weight =
            RandomParameter::of_input_units(p, "weight", &shape, features, prior, posterior, units)?;
        weight.set_noted();
        Ok(PositionEmbedding { weight, max, features })
    }

    /// `[batch, seq, features]` to the same.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, or a sequence longer than `max`.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        match x.size().as_slice() {
            &[batch, seq, features] if seq <= self.max && features == self.features => {
                let weight = &self.weight;
                let added =
                    |w: &Tensor| w.f_narrow(0, 0, seq).and_then(|w| x.f_add(&w)).within("PositionEmbedding");
                if !weight.is_recorded() {
                    return added(weight.draw().weights());
                }
                let the_use =
                    Use { kind: "PositionEmbedding", weight, bias: None, feature_axis: 1, transposed: true };
                the_use.note(added(&weight.centre())?, || {
                    let places = Tensor::f_arange(seq, (Kind::Int64, x.device()))?;
                    one_hot(&places.f_expand([batch, seq], false)?, self.max, x)
                })
            }
            given => Err(Error::Shape {
                layer: "PositionEmbedding".to_owned(),
                expected: format!("[batch, at most {}, {}]", self.max, self.features),
                given: given.to_vec(),
            }),
        }
    }
}

/// One more place in front of the sequence: `[batch, seq, features]` to `[batch, seq + 1, features]`.
#[derive(Debug)]
pub struct ClassToken {
    /// The vector in front, `[features]`.
    pub weight: RandomParameter,
    features: i64,
}

impl ClassToken {
    /// A place of `features` numbers.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, features: i64, config: TokenConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, features, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A place of `features` numbers.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1 or a distribution's number outside of its range.
    pub fn try_new<'a>(p: impl Borrow<Path<'a>>, features: i64, config: TokenConfig) -> Result<Self> {
        let shape = [size("features", features, 1)?];
        let mut weight = RandomParameter::new(p, "weight", &shape, features, config.prior, config.posterior)?;
        weight.set_noted();
        Ok(ClassToken { weight, features })
    }

    /// `[batch, seq, features]` to `[batch, seq + 1, features]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        match x.size().as_slice() {
            &[batch, _, features] if features == self.features => {
                let weight = &self.weight;
                let before = |w: &Tensor| {
                    let token = w.f_expand([batch, 1, features], false).within("ClassToken")?;
                    Tensor::f_cat(&[&token, x], 1).within("ClassToken")
                };
                if !weight.is_recorded() {
                    return before(weight.draw().weights());
                }
                let the_use =
                    Use { kind: "ClassToken", weight, bias: None, feature_axis: 1, transposed: false };
                let output = before(&weight.centre())?;
                // A bias of the first place alone.
                let first = output.detach().narrow(2, 0, 1).zeros_like();
                let _ = first.narrow(1, 0, 1).fill_(1.0);
                the_use.note(output, || first.f_unsqueeze(1))
            }
            given => Err(Error::Shape {
                layer: "ClassToken".to_owned(),
                expected: format!("[batch, seq, {}]", self.features),
                given: given.to_vec(),
            }),
        }
    }
}

macro_rules! one_weight {
    ($($layer:ty),*) => {$(
        impl BayesianModule for $layer {
            shows!(weight);
            element_by_element!();
            fn try_forward_module(&self, x: &Tensor, _: bool) -> Option<Result<Tensor>> {
                Some(self.try_forward(x))
            }
            fn per_example(&self) -> bool {
                true
            }
            fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
                Some(one_to_one(inputs, |x| self.written(x)))
            }
        }

        impl Module for $layer {
            /// # Panics
            /// With the layer, the expected and the given shape, where `try_forward` is an error.
            fn forward(&self, x: &Tensor) -> Tensor {
                self.try_forward(x).unwrap_or_else(|error| fail(error))
            }
        }
    )*};
}

one_weight!(PositionEmbedding, ClassToken);

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, nn::VarStore};

    #[test]
    fn places_are_told_apart_and_a_class_stands_in_front() {
        let vs = VarStore::new(Device::Cpu);
        let mut position = PositionEmbedding::new(vs.root() / "position", 4, 3, TokenConfig::default());
        let mut class = ClassToken::new(vs.root() / "class", 3, TokenConfig::default());
        position.freeze();
        class.freeze();
        let x = Tensor::randn([2, 3, 3], (Kind::Float, Device::Cpu));
        let y = position.forward(&x);
        let added = &y - &x;
        assert!(added.get(0).allclose(&added.get(1), 1e-5, 1e-6, false), "the same in each example");
        assert!(!added.select(1, 0).allclose(&added.select(1, 1), 1e-3, 1e-4, false));
        assert!(position.try_forward(&Tensor::zeros([1, 5, 3], (Kind::Float, Device::Cpu))).is_err());
        let with = class.forward(&x);
        assert!(with.size() == [2, 4, 3] && with.narrow(1, 1, 3).allclose(&x, 0.0, 0.0, false));
        assert_eq!(position.kl_cost().num_params + class.kl_cost().num_params, 4 * 3 + 3);
    }
}
