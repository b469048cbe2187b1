//! Posteriors: the family that approximates what is believed of a weight after the data.

use tch::nn::Init;
use tch::nn::init::{FanInOut, NonLinearity, NormalOrUniform};
use tch::{Device, Kind, Tensor};

use super::family::{Dropout, Family, Lora, MeanField, Point};
use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// The approximating family of a random parameter and where its numbers start.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Posterior {
    /// What there is where nobody says: a mean-field Gaussian N(mu, softplus(rho)²) that starts where a deterministic net would
    /// (He's rule) with a spread that moves it little (rho = -4, sigma = 0.018). Where every random parameter of a net has it under
    /// a Gaussian prior of fixed scale, none is frozen, and the last layer is linear in its weights,
    /// [`Fit`](crate::Fit) trains the means and finds the spread of the last layer by Laplace's approximation; elsewhere it
    /// is [`Gaussian`](Self::Gaussian), trained by variational inference.
    Automatic,
    /// Mean-field Gaussian: N(mu, softplus(rho)²), independent for each element, trained by variational inference
    /// (Blundell et al. 2015). It finds its own spread in every layer, at a price: wide layers are pulled to the prior, so that a
    /// net of two layers may miss a curve that its means alone would fit (Coker et al. 2022), and between two clouds of data it is as
    /// sure as at them (Foong et al. 2020).
    Gaussian {
        /// The start of mu.
        mu: Init,
        /// The start of rho; sigma = softplus(rho) = log(1 + exp(rho)).
        rho: Init,
    },
    /// A point: maximum a posteriori. The KL becomes -log p(mu), the prior's penalty.
    Point {
        /// The start of the point.
        mu: Init,
    },
    /// Dropout as a posterior (Gal & Ghahramani 2016): each input unit's weights are 0 with
    /// probability `p`, else mu / (1 - p). Active in evaluation too.
    Dropout {
        /// The probability that an input unit is dropped, within [0, 1).
        p: f64,
        /// The start of mu.
        mu: Init,
    },
    /// No distribution at all: a plain weight, named as in tch (`fc.weight`), without prior,
    /// draw or KL.
    Plain {
        /// The start of the weight.
        init: Init,
    },
    /// A low-rank adapter on a weight that is loaded and stays as it is (Hu et al. 2022): W = W₀ + (alpha / rank) B A, with a
    /// Gaussian posterior over A, which has the prior, and a point B that starts at 0 (BLoB, Wang et al. 2024). The bias stays
    /// as it is, too. W is a matrix of its first axis by all others.
    Lora {
        /// The rank of the adapter, from 1 on: A is `[rank, inputs]`, B `[outputs, rank]`.
        rank: i64,
        /// Above 0; alpha / rank scales the adapter.
        alpha: f64,
        /// The start of A's rho; sigma = softplus(rho).
        rho: Init,
    },
    /// A family of one's own: [`Posterior::from`] makes it.
    Custom(&'static dyn Family),
}

impl<F: Family + 'static> From<F> for Posterior {
    /// The family is kept for as long as the program runs, so that a posterior is a plain value.
    fn from(family: F) -> Self {
        Posterior::Custom(Box::leak(Box::new(family)))
    }
}

/// He's normal initialisation for weights; biases start uniform within ±1/sqrt(fan in), PyTorch's
/// custom.
pub(crate) const HE: Init =
    Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanIn, non_linearity: NonLinearity::ReLU };

/// Where the spread starts that nobody chose.
const AUTOMATIC_RHO: Init = Init::Const(-4.0);

impl Default for Posterior {
    /// [`Posterior::Automatic`].
    fn default() -> Self {
        Posterior::Automatic
    }
}

impl Posterior {
    /// A Gaussian posterior that starts where a deterministic net would: mu by He's rule
    /// (std = sqrt(2 / fan in)), rho = -5 (sigma = 0.0067), so that deep nets start trainable
    /// whatever their widths.
    pub fn fan_in() -> Self {
        Posterior::Gaussian { mu: HE, rho: Init::Const(-5.0) }
    }

    /// MAP estimation from He's initialisation.
    pub fn point() -> Self {
        Posterior::Point { mu: HE }
    }

    /// MC dropout with probability `p` from He's initialisation.
    pub fn dropout(p: f64) -> Self {
        Posterior::Dropout { p, mu: HE }
    }

    /// A low-rank adapter whose spread starts at 0.0025 (rho = -6), about where Wang et al. (2024) start it.
    pub fn lora(rank: i64, alpha: f64) -> Self {
        Posterior::Lora { rank, alpha, rho: Init::Const(-6.0) }
    }

    /// Plain weights from He's initialisation.
    pub fn plain() -> Self {
        Posterior::Plain { init: HE }
    }

    /// The same with another start for mu; an adapter's, and a family of one's own, stay as they are.
    pub(crate) fn starting_at(self, start: Init) -> Self {
        match self {
            Posterior::Automatic => Posterior::Gaussian { mu: start, rho: AUTOMATIC_RHO },
            Posterior::Gaussian { rho, .. } => Posterior::Gaussian { mu: start, rho },
            Posterior::Point { .. } => Posterior::Point { mu: start },
            Posterior::Dropout { p, .. } => Posterior::Dropout { p, mu: start },
            Posterior::Plain { .. } => Posterior::Plain { init: start },
            Posterior::Lora { .. } | Posterior::Custom(_) => self,
        }
    }

    /// The same start for mu, as a plain weight.
    #[must_use]
    pub fn into_plain(self) -> Self {
        match self {
            Posterior::Gaussian { mu, .. } | Posterior::Point { mu } | Posterior::Dropout { mu, .. } => {
                Posterior::Plain { init: mu }
            }
            Posterior::Plain { .. } => self,
            Posterior::Automatic | Posterior::Lora { .. } | Posterior::Custom(_) => Posterior::plain(),
        }
    }

    /// Whether the weights are random parameters at all.
    pub fn is_random(&self) -> bool {
        !matches!(self, Posterior::Plain { .. })
    }

    /// The family; a plain weight has none.
    pub(crate) fn family(&self) -> Option<Box<dyn Family>> {
        match *self {
            Posterior::Automatic => Some(Box::new(MeanField { mu: HE, rho: AUTOMATIC_RHO })),
            Posterior::Gaussian { mu, rho } => Some(Box::new(MeanField { mu, rho })),
            Posterior::Point { mu } => Some(Box::new(Point { mu })),
            Posterior::Dropout { p, mu } => Some(Box::new(Dropout { p, mu })),
            Posterior::Plain { .. } => None,
            Posterior::Lora { rank, alpha, rho } => Some(Box::new(Lora { rank, alpha, rho })),
            Posterior::Custom(own) => Some(Box::new(own)),
        }
    }

    /// The family's name and whatever of its settings a file has to agree with.
    pub fn name(&self) -> String {
        self.family().map_or_else(|| "Plain".to_owned(), |family| family.name())
    }

    /// The Python library's posterior: mu ~ N(0, 0.1²), rho ~ N(-7, 0.1²).
    pub fn python() -> Self {
        Posterior::Gaussian {
            mu: Init::Randn { mean: 0.0, stdev: 0.1 },
            rho: Init::Randn { mean: -7.0, stdev: 0.1 },
        }
    }

    /// Checks that every number lies where the family is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(&self) -> Result<()> {
        match self {
            Posterior::Plain { init } => finite("mu", *init),
            _ => self.family().map_or(Ok(()), |family| family.validate()),
        }
    }
}

/// Refuses a start that is no finite number.
pub(crate) fn finite(name: &str, init: Init) -> Result<()> {
    let (numbers, std) = match init {
        Init::Const(value) => ([value, 0.0], 0.0),
        Init::Randn { mean, stdev } => ([mean, stdev], stdev),
        Init::Uniform { lo, up } => ([lo, up], 0.0),
        Init::Orthogonal { gain } => ([gain, 0.0], 0.0),
        Init::Kaiming { .. } => ([0.0; 2], 0.0),
    };
    if numbers.iter().all(|number| number.is_finite()) && std >= 0.0 {
        return Ok(());
    }
    Err(Error::configuration(
        name,
        format!("{init:?}"),
        "a start with finite numbers, its spread not below 0",
    ))
}

/// A tensor filled by `init` from keyed noise: tch's rules, the library's numbers.
///
/// `fan_in` is the number of inputs of one output unit; a bias has no fan of its own, so Kaiming's
/// rule gives it U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
pub(crate) fn initial(
    init: Init,
    shape: &[i64],
    fan_in: i64,
    key: Key,
    kind: Kind,
    device: Device,
) -> Tensor {
    let uniform = |low: f64, high: f64| noise::uniforms(key, shape, kind, device) * (high - low) + low;
    let normal = |mean: f64, std: f64| noise::normals(key, shape, kind, device) * std + mean;
    match init {
        Init::Const(value) => Tensor::full(shape, value, (kind, device)),
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Uniform { lo, up } => uniform(lo, up),
        Init::Kaiming { .. } if shape.len() < 2 => {
            let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
            uniform(-bound, bound)
        }
        Init::Kaiming { dist, fan, non_linearity } => {
            let fan = match fan {
                FanInOut::FanIn => fan_in,
                FanInOut::FanOut => fan.for_weight_dims(shape),
            };
            let std = non_linearity.gain() / (fan.max(1) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0.0, std),
                NormalOrUniform::Uniform => uniform(-3f64.sqrt() * std, 3f64.sqrt() * std),
            }
        }
        Init::Orthogonal { gain } if shape.len() >= 2 => {
            let rows = shape.first().copied().unwrap_or(1);
            let flat = normal(0.0, 1.0).reshape([rows, -1]);
            let wide = flat.size().last().is_some_and(|&cols| rows < cols);
            let (q, r) = Tensor::linalg_qr(&if wide { flat.tr() } else { flat }, "reduced");
            // Saxe et al. (2014): the sign makes the matrix uniform over the orthogonal group.
            let q = q * r.diag(0).sign();
            (if wide { q.tr() } else { q }).reshape(shape) * gain
        }
        Init::Orthogonal { gain } => normal(0.0, gain),
    }
}
