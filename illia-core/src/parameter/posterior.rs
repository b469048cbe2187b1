//! Posteriors: the family that approximates what is believed of a weight after the data.

use tch::nn::Init;

use super::family::{Dropout, Family, GaussianDropout, Lora, MeanField, Point};
use super::initial::{HE, finite};
use crate::error::Result;

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
    /// [`Automatic`](Self::Automatic) for the layer that comes last, and what `bnn!` gives it where it is a `Linear` of up to 1,024 inputs:
    /// the weights of an output covary. A weight W `[outputs, inputs]` is mu + (softplus(rho) ∘ ε) Qᵀ with the orthogonal Q `[inputs, inputs]`
    /// in the variable `axes`, shared by all outputs; Q is the identity until a [`Fit`](crate::Fit) makes it the eigenvectors of the
    /// curvature (George et al. 2018 have a layer's curvature in this form). Q is never trained.
    AutomaticLast,
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
    /// Gaussian dropout whose rates are learned (Kingma, Salimans & Welling 2015): each input unit's weights are mu times one factor, which
    /// has the posterior N(1, softplus(rho)²) and the prior N(1, std²); mu is a point under the layer's prior. The
    /// KL is one of units, not of weights, so that nets with more weights than examples are not held back at its full weight: of images it
    /// is the surest way here to a net that reads well and knows what it has not seen (docs/digits.md). A bias is a point. The rhos'
    /// steps are three times as long as the weights', since they have farther to go.
    GaussianDropout {
        /// The prior's standard deviation of a factor, above 0.
        std: f64,
        /// The start of mu.
        mu: Init,
        /// The start of each factor's rho.
        rho: Init,
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

    /// Gaussian dropout from He's initialisation, factors with the prior N(1, `std`²) that start at 1 ± 0.05 (rho = -3).
    pub fn gaussian_dropout(std: f64) -> Self {
        Posterior::GaussianDropout { std, mu: HE, rho: Init::Const(-3.0) }
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
            Posterior::Automatic | Posterior::AutomaticLast => {
                Posterior::Gaussian { mu: start, rho: AUTOMATIC_RHO }
            }
            Posterior::Gaussian { rho, .. } => Posterior::Gaussian { mu: start, rho },
            Posterior::Point { .. } => Posterior::Point { mu: start },
            Posterior::Dropout { p, .. } => Posterior::Dropout { p, mu: start },
            Posterior::GaussianDropout { std, rho, .. } => Posterior::GaussianDropout { std, mu: start, rho },
            Posterior::Plain { .. } => Posterior::Plain { init: start },
            Posterior::Lora { .. } | Posterior::Custom(_) => self,
        }
    }

    /// The same start for mu, as a plain weight.
    #[must_use]
    pub fn into_plain(self) -> Self {
        match self {
            Posterior::Gaussian { mu, .. }
            | Posterior::Point { mu }
            | Posterior::Dropout { mu, .. }
            | Posterior::GaussianDropout { mu, .. } => Posterior::Plain { init: mu },
            Posterior::Plain { .. } => self,
            Posterior::Automatic
            | Posterior::AutomaticLast
            | Posterior::Lora { .. }
            | Posterior::Custom(_) => Posterior::plain(),
        }
    }

    /// Whether nobody chose it, so that a fit may find it in its own way.
    pub(crate) fn is_automatic(&self) -> bool {
        matches!(self, Posterior::Automatic | Posterior::AutomaticLast)
    }

    /// Whether the weights are random parameters at all.
    pub fn is_random(&self) -> bool {
        !matches!(self, Posterior::Plain { .. })
    }

    /// The family; a plain weight has none.
    pub(crate) fn family(&self) -> Option<Box<dyn Family>> {
        match *self {
            Posterior::Automatic => Some(Box::new(MeanField { mu: HE, rho: AUTOMATIC_RHO, axes: false })),
            Posterior::AutomaticLast => Some(Box::new(MeanField { mu: HE, rho: AUTOMATIC_RHO, axes: true })),
            Posterior::Gaussian { mu, rho } => Some(Box::new(MeanField { mu, rho, axes: false })),
            Posterior::Point { mu } => Some(Box::new(Point { mu })),
            Posterior::Dropout { p, mu } => Some(Box::new(Dropout { p, mu })),
            Posterior::GaussianDropout { std, mu, rho } => Some(Box::new(GaussianDropout { std, mu, rho })),
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
    /// [`Error::Configuration`](crate::Error::Configuration) names the first number that does not.
    pub fn validate(&self) -> Result<()> {
        match self {
            Posterior::Plain { init } => finite("mu", *init),
            _ => self.family().map_or(Ok(()), |family| family.validate()),
        }
    }
}
