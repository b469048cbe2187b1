//! A random parameter: posterior, prior, and the draw in use.

mod posterior;
mod prior;
mod scope;

pub use posterior::Posterior;
pub use prior::Prior;
pub(crate) use scope::{Opened, Purpose, Scope, Stack};

use std::borrow::Borrow;
use std::cell::RefCell;

use tch::nn::{Init, Path};
use tch::{Device, Kind, Tensor};

use crate::error::{Result, Within};
use crate::noise::{self, Key, Stream};
use posterior::initial;

mod edit;
pub(crate) mod fused;
mod kl;

/// One concrete set of weights of one random parameter: a value, shared by the forward pass, the
/// KL and freezing.
#[derive(Debug)]
pub struct Draw {
    weights: Tensor,
    noise: Noise,
}

/// Where a draw's noise came from, so that it can be had again without being kept.
#[derive(Debug)]
enum Noise {
    /// A point has none.
    None,
    /// The source gives it again.
    Keyed(Key),
    /// The caller's own.
    Given(Tensor),
}

/// What every forward uses instead of a fresh draw.
#[derive(Debug)]
enum Held {
    /// Weights without gradient, since `freeze`.
    Draw(Draw),
    /// Noise, from which the weights follow with their gradient, since `hold`.
    Noise(Tensor),
}

/// Where a weight's input units are: the columns of a Linear, the input channels of a convolution, an embedding's tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputUnits {
    /// The axis along which they stand within a group.
    pub axis: usize,
    /// Into how many groups the first axis is split, each of which has input units of its own.
    pub groups: i64,
}

impl InputUnits {
    /// One number for each input unit of a weight of this size, in a shape that it can be multiplied with.
    fn of(self, size: &[i64], numbers: impl FnOnce(&[i64]) -> Tensor) -> Tensor {
        let along = |(axis, &n): (usize, &i64)| match axis {
            axis if axis == self.axis => n,
            0 => self.groups,
            _ => 1,
        };
        let shape: Vec<i64> = size.iter().enumerate().map(along).collect();
        let numbers = numbers(&shape);
        match size.first() {
            Some(first) if self.groups > 1 => {
                numbers.repeat_interleave_self_int(first / self.groups, 0, None)
            }
            _ => numbers,
        }
    }
}

impl Draw {
    /// The weights, within the autograd graph of the posterior unless frozen.
    pub fn weights(&self) -> &Tensor {
        &self.weights
    }

    fn detached(&self) -> Draw {
        let noise = match &self.noise {
            Noise::None => Noise::None,
            Noise::Keyed(key) => Noise::Keyed(*key),
            Noise::Given(eps) => Noise::Given(eps.shallow_clone()),
        };
        Draw { weights: self.weights.detach(), noise }
    }
}

/// A parameter of a layer with a prior and a posterior over its values.
///
/// With [`Posterior::Deterministic`] it is a plain weight: no draw, no KL, not counted.
///
/// ```
/// use illia_core::{Posterior, Prior, RandomParameter};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let weight = RandomParameter::new(vs.root(), "weight", &[3, 5], 5, Prior::default(), Posterior::default())?;
/// assert_eq!(weight.num_params(), 15);
/// assert_eq!(weight.draw().weights().size(), [3, 5]);
/// assert!(vs.variables().contains_key("weight.mu") && vs.variables().contains_key("weight.rho"));
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RandomParameter {
    mu: Tensor,
    rho: Option<Tensor>,
    posterior: Posterior,
    prior: Prior,
    /// Where the prior is centred, if not at its own mean: one value for each element.
    prior_centre: Option<Tensor>,
    /// softplus of it is a learned prior's scale.
    prior_rho: Option<Tensor>,
    /// The elements that are no longer part of the model: 0 in every draw, without KL or gradient.
    pruned: Option<edit::Pruned>,
    /// A row of the whole tensor that is no random parameter: an embedding's padding.
    omitted_row: Option<i64>,
    /// Where the input units are, which dropout drops.
    input_units: InputUnits,
    /// Whether its layer can tell the rows of several draws in one forward apart.
    stackable: bool,
    stream: Stream,
    held: Option<Held>,
    /// The draw of the latest forward, without its graph.
    latest: RefCell<Option<Draw>>,
    scope: RefCell<Option<Scope>>,
}

impl RandomParameter {
    /// Adds the parameter's variables to `p`: `name.mu` and `name.rho` for a Gaussian posterior,
    /// `name.mu` for points and dropout, `name` for a plain weight.
    ///
    /// `fan_in` is the number of inputs of one output unit; initialisations scale with it.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a number outside of its range or
    /// a negative size; [`Error::Torch`](crate::Error::Torch) if the memory can't be had.
    pub fn new<'a>(
        p: impl Borrow<Path<'a>>,
        name: &str,
        shape: &[i64],
        fan_in: i64,
        prior: Prior,
        posterior: Posterior,
    ) -> Result<Self> {
        prior.validate()?;
        posterior.validate()?;
        if shape.iter().any(|&n| n < 1) {
            return Err(crate::Error::configuration("size", format!("{shape:?}"), "every axis at least 1"));
        }
        // Where the memory can't be had, libtorch says so here; later it would be a panic.
        let elements = shape.iter().try_fold(1i64, |product, &n| product.checked_mul(n));
        if elements.is_none_or(|n| n > i64::MAX / 16) {
            return Err(crate::Error::configuration("size", format!("{shape:?}"), "what fits in memory"));
        }
        drop(Tensor::f_empty(shape, (Kind::Double, Device::Cpu)).within(name)?);
        let p = p.borrow();
        let stream = Stream::new();
        let variable = |path: &Path, name: &str, init: Init| {
            let start = initial(init, shape, fan_in, stream.next_key(), p.kind(), p.device());
            path.f_var_copy(name, &start).within(name)
        };
        let (mu, rho) = match posterior {
            Posterior::Gaussian { mu, rho } => {
                let p = p / name;
                (variable(&p, "mu", mu)?, Some(variable(&p, "rho", rho)?))
            }
            Posterior::Point { mu } | Posterior::Dropout { mu, .. } => {
                (variable(&(p / name), "mu", mu)?, None)
            }
            Posterior::Deterministic { init } => (variable(p, name, init)?, None),
        };
        let prior_rho = match prior {
            Prior::LearnedGaussian { std } if posterior.is_random() => {
                let start = Tensor::from(inverse_softplus(std)).to_kind(p.kind());
                Some((p / name).f_var_copy("prior_rho", &start.to_device(p.device())).within(name)?)
            }
            _ => None,
        };
        Ok(RandomParameter {
            mu,
            rho,
            posterior,
            prior,
            prior_centre: None,
            prior_rho,
            pruned: None,
            omitted_row: None,
            input_units: InputUnits { axis: 1, groups: 1 },
            stackable: false,
            stream,
            held: None,
            latest: RefCell::new(None),
            scope: RefCell::new(None),
        })
    }

    /// The posterior's location: its mean for a Gaussian; the weight itself for a plain one.
    pub fn mu(&self) -> &Tensor {
        &self.mu
    }

    /// What sigma = softplus(rho) comes from; Gaussian posteriors have it.
    pub fn rho(&self) -> Option<&Tensor> {
        self.rho.as_ref()
    }

    /// The posterior's standard deviation softplus(rho) = log(1 + exp(rho)), in the graph; Gaussian
    /// posteriors have it.
    pub fn sigma(&self) -> Option<Tensor> {
        self.rho.as_ref().map(Tensor::softplus)
    }

    /// The posterior's family.
    pub fn posterior(&self) -> Posterior {
        self.posterior
    }

    /// The prior's family.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// Replaces the prior by one without a learned scale.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a number outside of its range, and
    /// for [`Prior::LearnedGaussian`], whose variable has to be there from the start.
    pub fn set_prior(&mut self, prior: Prior) -> Result<()> {
        prior.validate()?;
        if matches!(prior, Prior::LearnedGaussian { .. }) && self.prior_rho.is_none() {
            return Err(crate::Error::configuration(
                "prior",
                "LearnedGaussian",
                "only when the layer is made",
            ));
        }
        self.prior = prior;
        Ok(())
    }

    /// Where the prior is centred, if not at its own mean.
    pub(crate) fn prior_centre(&self) -> Option<&Tensor> {
        self.prior_centre.as_ref()
    }

    /// Gives the prior a centre, or takes it away.
    pub(crate) fn set_prior_centre(&mut self, centre: Option<Tensor>) {
        self.prior_centre = centre;
    }

    /// Says where the input units are: along axis 1, in one group, unless told otherwise.
    pub(crate) fn set_input_units(&mut self, units: InputUnits) {
        self.input_units = units;
    }

    /// Whether its layer can tell the rows of several draws in one forward apart.
    pub(crate) fn is_stackable(&self) -> bool {
        self.stackable || self.held.is_some() || !self.is_random()
    }

    /// Says that it can.
    pub(crate) fn set_stackable(&mut self) {
        self.stackable = true;
    }

    /// Forgets the latest forward's draw: the posterior has become another one since.
    pub(crate) fn forget_latest(&self) {
        self.latest.replace(None);
    }

    /// A row of the whole tensor that is no random parameter.
    pub(crate) fn omitted_row(&self) -> Option<i64> {
        self.omitted_row
    }

    /// Says so.
    pub(crate) fn set_omitted_row(&mut self, row: Option<i64>) {
        self.omitted_row = row;
    }

    /// The keys of its draws.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Whether there is anything random about it: false for plain weights.
    pub fn is_random(&self) -> bool {
        self.posterior.is_random()
    }

    /// The number of random elements, without the pruned ones; 0 for a plain weight.
    pub fn num_params(&self) -> usize {
        if self.is_random() { self.mu.numel().saturating_sub(self.num_pruned()) } else { 0 }
    }

    /// The number of weights, random or plain, pruned or not.
    pub fn num_weights(&self) -> usize {
        self.mu.numel()
    }

    fn kind_device(&self) -> (Kind, Device) {
        (self.mu.kind(), self.mu.device())
    }

    /// A fresh draw, or the one held if frozen: the weights to compute with.
    ///
    /// The draw becomes the latest, which [`freeze`](Self::freeze) would hold.
    pub fn draw(&self) -> Draw {
        if let Some(draw) = self.scope_draw() {
            return draw;
        }
        self.is_reached();
        self.draw_without_scope()
    }

    fn draw_without_scope(&self) -> Draw {
        let noise = match &self.held {
            Some(Held::Draw(draw)) => return draw.detached(),
            Some(Held::Noise(eps)) => Noise::Given(eps.shallow_clone()),
            None => self.fresh_noise(),
        };
        let draw = self.draw_with(noise);
        if self.is_random() {
            self.latest.replace(Some(draw.detached()));
        }
        draw
    }

    fn fresh_noise(&self) -> Noise {
        match self.posterior {
            Posterior::Gaussian { .. } | Posterior::Dropout { .. } => Noise::Keyed(self.stream.next_key()),
            Posterior::Point { .. } | Posterior::Deterministic { .. } => Noise::None,
        }
    }

    /// Makes every draw mu + sigma * `eps`, with its gradient to mu and rho, until
    /// [`unfreeze`](Self::unfreeze): how given numbers are reproduced. For Gaussian posteriors;
    /// `eps` has mu's shape.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `eps` is of another shape.
    pub fn hold(&mut self, eps: &Tensor) -> Result<()> {
        if eps.size() != self.mu.size() {
            return Err(crate::Error::Shape {
                layer: "Hold".to_owned(),
                expected: format!("{:?}", self.mu.size()),
                given: eps.size(),
            });
        }
        let (kind, device) = self.kind_device();
        self.held = Some(Held::Noise(eps.detach().to_kind(kind).to_device(device)));
        Ok(())
    }

    fn draw_with(&self, noise: Noise) -> Draw {
        let (kind, device) = self.kind_device();
        let weights = match (&self.posterior, self.sigma(), &noise) {
            (Posterior::Gaussian { .. }, Some(sigma), Noise::Keyed(key)) => {
                self.location() + sigma * noise::normals(*key, &self.mu.size(), kind, device)
            }
            (Posterior::Gaussian { .. }, Some(sigma), Noise::Given(eps)) => self.location() + sigma * eps,
            (Posterior::Dropout { p, .. }, _, Noise::Keyed(key)) => {
                let size = self.mu.size();
                if size.len() < 2 {
                    self.mu.shallow_clone()
                } else {
                    let coins =
                        self.input_units.of(&size, |shape| noise::uniforms(*key, shape, kind, device));
                    &self.mu * coins.ge(*p).to_kind(kind) * (1.0 / (1.0 - p))
                }
            }
            _ => self.mu.shallow_clone(),
        };
        Draw { weights, noise }
    }

    /// (mu, sigma) in the graph, for estimators that draw outputs: Gaussian posteriors that are not
    /// frozen. The latest draw is forgotten, since such a forward has none.
    pub(crate) fn moments(&self) -> Option<(Tensor, Tensor)> {
        if self.held.is_some() {
            return None;
        }
        self.is_reached();
        let sigma = match self.scope_sigma() {
            Some(sigma) => sigma,
            None => self.sigma()?,
        };
        self.latest.replace(None);
        Some((self.location(), sigma))
    }

    /// Fresh standard normals of `like`'s shape, from this parameter's stream.
    pub(crate) fn output_noise(&self, like: &Tensor) -> Tensor {
        noise::normals(self.stream.next_key(), &like.size(), like.kind(), like.device())
    }

    /// Fresh standard normals of the given shape, of the parameter's kind.
    pub(crate) fn noise_of(&self, shape: &[i64]) -> Tensor {
        let (kind, device) = self.kind_device();
        noise::normals(self.stream.next_key(), shape, kind, device)
    }

    /// The key of noise that a kernel makes.
    pub(crate) fn next_key(&self) -> Key {
        self.stream.next_key()
    }

    /// Fresh standard normals of the parameter's own shape.
    pub(crate) fn weight_noise(&self) -> Tensor {
        self.output_noise(&self.mu)
    }

    /// Fresh random signs of the given shape, of `like`'s kind.
    pub(crate) fn signs(&self, shape: &[i64], like: &Tensor) -> Tensor {
        let u = noise::uniforms(self.stream.next_key(), shape, like.kind(), like.device());
        u.ge(0.5).to_kind(like.kind()) * 2.0 - 1.0
    }

    /// Holds one draw without gradient: the latest forward's, or a new one if there was none.
    pub fn freeze(&mut self) {
        if self.is_frozen() || !self.is_random() {
            return;
        }
        let latest = self.latest.borrow_mut().take();
        let draw = latest.unwrap_or_else(|| self.draw_without_scope().detached());
        self.held = Some(Held::Draw(draw));
    }

    /// Lets the held draw go; the next forward draws afresh, and so does [`freeze`](Self::freeze) if it comes first.
    pub fn unfreeze(&mut self) {
        self.held = None;
    }

    /// Whether one draw is held.
    pub fn is_frozen(&self) -> bool {
        matches!(self.held, Some(Held::Draw(_)))
    }
}

/// The rho for which softplus(rho) is `sigma`, stable for small and large values.
pub fn inverse_softplus(sigma: f64) -> f64 {
    if sigma > 20.0 { sigma } else { sigma.exp_m1().ln() }
}
