//! The evidence lower bound, per example and in nats, through plain autograd.

use tch::Tensor;
use tch::nn::ModuleT;

use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::{BayesianModule, kl_in_training, sum_over};
use crate::pass::{Mode, Pass, forward};
use crate::train::trainer::mean_nll;

/// The negative ELBO per example: nll + weight * KL / N (Blundell et al. 2015, equation 2, divided by N).
///
/// It is the reference for [`Fit`](crate::Fit)'s faster step and what a training loop of one's own calls.
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::Elbo;
/// use tch::{Device, Kind, Tensor, nn, nn::OptimizerConfig};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root(), 5, 3, LinearConfig::default());
/// let mut adam = nn::Adam::default().build(&vs, 1e-3).unwrap();
/// let (x, y) = (Tensor::ones([4, 5], (Kind::Float, Device::Cpu)), Tensor::from_slice(&[0i64, 1, 2, 0]));
///
/// let terms = Elbo::new(Categorical, 1000)?.draws(2).loss(&net, &x, &y)?;
/// adam.backward_step(&terms.loss);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Elbo<L> {
    likelihood: L,
    data_len: usize,
    draws: usize,
    kl_weight: f64,
}

/// The objective and its two terms, scalars in the autograd graph.
#[derive(Debug)]
pub struct ElboTerms {
    /// nll + weight * kl / N, in nats per example: to be minimised.
    pub loss: Tensor,
    /// The batch's mean negative log-likelihood, averaged over the draws, in nats per example.
    pub nll: Tensor,
    /// KL(posterior ‖ prior), in nats.
    pub kl: Tensor,
}

impl<L: Likelihood> Elbo<L> {
    /// The objective for a data set of `data_len` examples: one draw, the KL in full.
    ///
    /// # Errors
    /// [`Error::Configuration`] for an empty data set.
    pub fn new(likelihood: L, data_len: usize) -> Result<Self> {
        if data_len == 0 {
            return Err(Error::configuration("data_len", 0, "at least 1 example"));
        }
        Ok(Elbo { likelihood, data_len, draws: 1, kl_weight: 1.0 })
    }

    /// How many draws the likelihood is averaged over, each a fresh one.
    #[must_use]
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// What multiplies KL / N: below 1 for annealing or a cold posterior.
    #[must_use]
    pub fn kl_weight(mut self, weight: f64) -> Self {
        self.kl_weight = weight;
        self
    }

    /// The terms for a batch, the net in training mode. Each draw is one function, also of a layer that the forward uses more
    /// than once. What is frozen counts in the KL but is not moved by it.
    ///
    /// # Errors
    /// What a layer returns for inputs that it does not take, and the likelihood for outputs or targets that it does not fit;
    /// [`Error::Configuration`] for no draws or a KL weight that is not a finite number from 0.
    pub fn loss<M: BayesianModule + ModuleT>(&self, net: &M, x: &Tensor, y: &Tensor) -> Result<ElboTerms> {
        self.loss_with(net, std::slice::from_ref(x), y, |_, train| forward(net, x, train))
    }

    /// The same for a net of any inputs, whose outputs `forward` computes from them in training mode.
    ///
    /// # Errors
    /// As [`loss`](Self::loss), and what `forward` returns.
    pub fn loss_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        y: &Tensor,
        forward: impl Fn(&[Tensor], bool) -> Result<Tensor>,
    ) -> Result<ElboTerms> {
        if self.draws == 0 {
            return Err(Error::configuration("draws", 0, "at least 1"));
        }
        if !(self.kl_weight.is_finite() && self.kl_weight >= 0.0) {
            return Err(Error::configuration("kl_weight", self.kl_weight, "a finite number from 0"));
        }
        let parameters = net.parameters();
        let one = || {
            let _pass = Pass::over(&parameters, Mode::Graph, None);
            Ok::<_, Error>(mean_nll(&self.likelihood.log_likelihood(&forward(inputs, true)?, y)?))
        };
        let mut nll: Tensor = one()?;
        // Where it is an estimate, at the first draw, as in a training step.
        let kl = sum_over(&parameters, kl_in_training).nats;
        for _ in 1..self.draws {
            nll += one()?;
        }
        let nll = nll / self.draws as f64;
        let loss = &nll + &kl * (self.kl_weight / self.data_len as f64);
        Ok(ElboTerms { loss, nll, kl })
    }
}
