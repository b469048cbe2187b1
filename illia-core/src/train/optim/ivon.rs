//! IVON, the improved variational online Newton method (Shen et al. 2024, algorithm 1), as an optimiser of a net's mean-field
//! Gaussians: state of two numbers a weight beside mu and rho, of which rho is the Hessian's other face.

use tch::Tensor;

use super::{Memory, Optimiser, PosteriorStep};
use crate::error::{Error, Result};
use crate::noise;

/// The settings of IVON.
///
/// ```
/// use illia_core::infer::{Named, ivon::{Ivon, IvonGradients}, normals_like};
/// use illia_core::noise::Stream;
/// use tch::Tensor;
///
/// // The loss (w - 3)² / 2 of each of 100 examples: the posterior is N(3, 1 / 100) but for the prior's pull.
/// let ivon = Ivon { learning_rate: 0.2, effective_sample_size: 100.0, beta2: 0.99, ..Ivon::default() };
/// let mut state = ivon.init(&Named::from([("w".to_owned(), Tensor::from_slice(&[0f64]))]))?;
/// let noise = Stream::new();
/// for _ in 0..500 {
///     let offset = ivon.offset(&state, &normals_like(state.mean(), noise.next_key()))?;
///     let w = &state.mean()["w"] + &offset["w"];
///     let mut gradients = IvonGradients::new();
///     gradients.add(&Named::from([("w".to_owned(), w - 3)]), &offset)?;
///     ivon.update(&mut state, &gradients)?;
/// }
/// assert!((state.mean()["w"].double_value(&[0]) - 3.0).abs() < 0.2);
/// # Ok::<(), illia_core::Error>(())
/// ```
/// As the optimiser of a [`Fit`](crate::Fit) or [`Trainer`](crate::Trainer) it moves every mean-field Gaussian of a net, whose
/// prior and number of examples it knows: `Fit::new(likelihood).optimiser(Ivon::default())`. λ is N over the KL's weight and δ
/// the prior's precision over λ, whatever `effective_sample_size` and `weight_decay` say, and mu and rho hold the
/// posterior; weights are drawn whatever the estimator. Plain variables go by their average gradient, brought to
/// a root mean square of 1, at a hundredth of the step size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ivon {
    /// The step size; 0.1 by default.
    pub learning_rate: f64,
    /// λ, the number of training examples, by which the posterior narrows.
    pub effective_sample_size: f64,
    /// h at the start; 1 by default.
    pub hess_init: f64,
    /// The decay of the mean gradient; 0.9 by default.
    pub beta1: f64,
    /// The decay of the Hessian; 0.99999 by default.
    pub beta2: f64,
    /// δ: the prior's precision divided by λ; 1e-4 by default.
    pub weight_decay: f64,
    /// The longest step of an element before the step size; none by default.
    pub clip_radius: Option<f64>,
    /// Whether the step size is multiplied by `hess_init + weight_decay`, so that its first steps are a gradient descent's;
    /// true by default.
    pub rescale_lr: bool,
    /// Whether the mean gradient is made up for its start at zero; true by default.
    pub debias: bool,
}

impl Default for Ivon {
    /// The authors' defaults, with an effective sample size of 1: set it to the number of training examples.
    fn default() -> Self {
        Ivon {
            learning_rate: 0.1,
            effective_sample_size: 1.0,
            hess_init: 1.0,
            beta1: 0.9,
            beta2: 0.99999,
            weight_decay: 1e-4,
            clip_radius: None,
            rescale_lr: true,
            debias: true,
        }
    }
}

impl Ivon {
    /// Checks that every number lies where the method is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(&self) -> Result<()> {
        let range = |name: &str, value: f64, inside: bool, allowed: &str| match inside && value.is_finite() {
            true => Ok(()),
            false => Err(Error::configuration(name, value, allowed)),
        };
        for (name, value) in [
            ("learning_rate", self.learning_rate),
            ("effective_sample_size", self.effective_sample_size),
            ("hess_init", self.hess_init),
            ("clip_radius", self.clip_radius.unwrap_or(1.0)),
        ] {
            range(name, value, value > 0.0, "a finite number above 0")?;
        }
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            range(name, beta, (0.0..1.0).contains(&beta), "from 0 to below 1")?;
        }
        range("weight_decay", self.weight_decay, self.weight_decay >= 0.0, "a finite number from 0")
    }

    /// The new average gradient and Hessian, and what is to be taken off the mean per unit of the step size. `g` and `h` are
    /// the old ones, `gradient` the average of the draws' gradients, `f` the estimate of the Hessian, `pull` the prior's gradient at the
    /// mean, δ times the distance from the prior's mean where elements are independent.
    pub(crate) fn advance(
        &self,
        (g, h): (&Tensor, &Tensor),
        gradient: &Tensor,
        f: &Tensor,
        pull: &Tensor,
        steps: usize,
        delta: &Tensor,
    ) -> (Tensor, Tensor, Tensor) {
        let (rate1, rate2) = (1.0 - self.beta1, 1.0 - self.beta2);
        let debias = if self.debias { 1.0 - self.beta1.powf((steps + 1) as f64) } else { 1.0 };
        // Of several δ the least: no element then takes a longer step than with one of its own.
        let rescale = if self.rescale_lr { self.hess_init + delta.min().double_value(&[]) } else { 1.0 };
        let g = g * self.beta1 + gradient * rate1;
        let correction = (h - f).square() / (h + delta) * (rate2 * rate2 / 2.0);
        let h = h * self.beta2 + f * rate2 + correction;
        let mut u = (&g / debias + pull) / (&h + delta);
        if let Some(radius) = self.clip_radius {
            u = u.clamp(-radius, radius);
        }
        (g, h, u * rescale)
    }
}

impl Optimiser for Ivon {
    fn name(&self) -> &'static str {
        "ivon"
    }

    fn validate(&self) -> Result<()> {
        Ivon::validate(self)
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The running average: of mu's gradient, and of the Hessian for rho.
    fn slots(&self) -> &'static [&'static str] {
        &["average"]
    }

    fn needs_draws(&self) -> bool {
        true
    }

    fn step(&self, variable: &mut Tensor, gradient: &Tensor, memory: &mut Memory, learning_rate: f64) {
        memory.steps += 1;
        let [average] = memory.tensors.as_mut_slice() else { return };
        let _ = average.lerp_(&gradient.to_kind(average.kind()), 1.0 - self.beta1);
        let size = average.square().mean(average.kind()).sqrt().clamp_min(1e-12);
        *variable -= (&*average / size * (0.01 * learning_rate)).to_kind(variable.kind());
    }

    fn step_posterior(&self, posterior: &mut PosteriorStep<'_>) -> bool {
        let parameter = posterior.parameter;
        // Mean and Hessian are the elements' own.
        parameter.straighten();
        let (Some(rho), Some(sigma)) = (parameter.rho(), parameter.sigma()) else { return false };
        let [of_mu, of_rho] = &mut posterior.memories;
        let (kind, device) = parameter.kind_device();
        // E[gradient * noise] / sigma is the Hessian's diagonal, by Stein's identity.
        let (gradient, f) = match (posterior.gradients.weights, posterior.gradients.sigma) {
            (Some((gradient, key)), _) => {
                let eps = noise::normals(key, &sigma.size(), kind, device);
                (gradient.shallow_clone(), gradient * eps / &sigma)
            }
            (None, Some(of_sigma)) => {
                let Some(of_mu) = posterior.gradients.mu else { return false };
                // Autograd has added the KL's part to it where that is none of the leaves', and the prior has its own place below.
                let of_draws = match parameter.earlier() {
                    Some(earlier) => of_mu - earlier.pull(parameter.mu()) * posterior.weight,
                    None => of_mu.shallow_clone(),
                };
                (of_draws, of_sigma / &sigma)
            }
            (None, None) => return false,
        };
        let samples =
            if posterior.weight > 0.0 { 1.0 / posterior.weight } else { self.effective_sample_size };
        let (delta, pull) = match (parameter.earlier(), parameter.gaussian_prior()) {
            (Some(earlier), _) => {
                let delta = (earlier.precision(None) / samples).to_kind(kind);
                (delta, earlier.pull(parameter.mu()) / samples)
            }
            (None, prior) => {
                let delta = prior.map_or(self.weight_decay, |p| 1.0 / (samples * f64::from(p.std).powi(2)));
                let off = parameter.centred(parameter.mu()) - prior.map_or(0.0, |p| f64::from(p.mean));
                (Tensor::from(delta), off * delta)
            }
        };
        let ([average], [hess]) = (of_mu.tensors.as_mut_slice(), of_rho.tensors.as_mut_slice()) else {
            return false;
        };
        if of_rho.steps == 0 {
            let _ = hess.fill_(self.hess_init);
        }
        let steps = of_mu.steps.max(0) as usize;
        let (g, h, by) = self.advance((average, hess), &gradient, &f, &pull, steps, &delta);
        let [learning_rate, _] = posterior.learning_rates;
        let mut mu = parameter.mu().shallow_clone();
        mu -= (by * learning_rate).to_kind(kind);
        // rho for which softplus(rho) is 1 / sqrt(λ (h + δ)).
        let sigma = ((&h + delta) * samples).rsqrt();
        let inverse = sigma.clamp_max(20.0).expm1().log().where_self(&sigma.lt(20.0), &sigma);
        rho.shallow_clone().copy_(&inverse);
        average.copy_(&g);
        hess.copy_(&h);
        if let Some(mask) = parameter.pruned_mask() {
            let _ = mu.masked_fill_(mask, 0.0);
            let _ = rho.shallow_clone().masked_fill_(mask, f64::NEG_INFINITY);
        }
        of_mu.steps += 1;
        of_rho.steps += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, Module};
    use tch::{Device, Kind};

    use super::*;
    use crate::nn::{Linear, LinearConfig};
    use crate::{Prior, Trainer, manual_seed};

    /// On a linear net with Gaussian noise the mean-field fixed point is known: the exact posterior's mean, and the inverse root
    /// of the precision's diagonal (Bishop 2006, section 10.1.2).
    #[test]
    fn its_fixed_point_on_a_linear_net_is_the_exact_one() {
        manual_seed(5);
        let (n, noise, std) = (200i64, 0.5, 0.8);
        let options = (Kind::Float, Device::Cpu);
        let x = Tensor::randn([n, 3], options);
        let y = x.matmul(&Tensor::from_slice(&[1f32, -2.0, 0.5]).unsqueeze(1))
            + Tensor::randn([n, 1], options) * noise;
        let precision = x.tr().matmul(&x) / (noise * noise) + Tensor::eye(3, options) / (std * std);
        let mean = precision.inverse().matmul(&x.tr().matmul(&y)) / (noise * noise);
        for draws in [1, 4] {
            let vs = nn::VarStore::new(Device::Cpu);
            let prior = Prior::Gaussian { mean: 0.0, std };
            let net = Linear::new(vs.root(), 3, 1, LinearConfig { bias: false, prior, ..Default::default() });
            let ivon = Ivon { beta2: 0.999, hess_init: 1.0, ..Ivon::default() };
            let mut trainer = Trainer::new(ivon, n as usize).unwrap();
            for step in 0..4000 {
                trainer.learning_rate = 0.1 * (1.0 - f64::from(step) / 4000.0);
                let nll = || Ok((net.forward(&x) - &y).square().mean(Kind::Float) * (0.5 / (noise * noise)));
                trainer.step_draws(&net, &vs, 1.0, draws, nll).unwrap();
            }
            let sigma = precision.diag(0).rsqrt();
            let off = ((net.weight.mu().squeeze_dim(0) - mean.squeeze_dim(1)) / &sigma).abs().max();
            let ratio = net.weight.sigma().unwrap().squeeze_dim(0) / &sigma - 1.0;
            // The Hessian's average over 1000 steps of one draw: about sqrt(2 / 1000) = 4.5 %, the deviation half of that.
            assert!(off.double_value(&[]) < 0.2, "{draws}: {off:?}");
            assert!(ratio.abs().max().double_value(&[]) < 0.12, "{draws}: {ratio}");
        }
    }
}
