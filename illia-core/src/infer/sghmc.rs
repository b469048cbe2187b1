//! Stochastic-gradient MCMC: SGHMC (Chen et al. 2014) and SGLD (Welling & Teh 2011).
//!
//! A chain walks through the weights under noisy gradients of log p(weights | data), the *sum* over the data set plus the
//! prior's, in nats; after a burn-in its positions are draws of the posterior, up to an error that falls with the step size.
//! Positions are tensors of the caller's (a net's variables, say), which the updates change in place.

use tch::Tensor;

use super::{Named, Numbers, number, put, state_of, take, take_number, zip};
use crate::error::Result;

/// The settings of stochastic-gradient Hamiltonian Monte Carlo; equation 13 of Chen et al. (2014) in the discretisation
/// that keeps momentum rather than velocity.
///
/// One step at the position θ with momentum m, for a gradient g and standard normals z:
///
/// ```text
/// θ' = θ + ε/σ² m
/// m' = m + ε g - ε α/σ² m + sqrt(ε τ (2 α - ε β τ)) z
/// ```
///
/// with g at θ ([`update`](Self::update)), or at θ' as in the paper's algorithm 2 ([`drift`](Self::drift), the gradient,
/// [`kick`](Self::kick)): both have the same posterior.
///
/// ```
/// use illia_core::infer::{Named, normals_like, sghmc::Sghmc};
/// use illia_core::noise::Stream;
/// use tch::{Device, Kind, Tensor};
///
/// // The posterior N(0, 1) in one weight: the gradient of its log density is -w.
/// let position = Named::from([("w".to_owned(), Tensor::zeros([1], (Kind::Float, Device::Cpu)))]);
/// let (sghmc, noise) = (Sghmc { learning_rate: 0.1, ..Sghmc::default() }, Stream::new());
/// let mut state = sghmc.init(&position)?;
/// for _ in 0..10 {
///     let gradient = Named::from([("w".to_owned(), -&position["w"])]);
///     sghmc.update(&mut state, &position, &gradient, &normals_like(&position, noise.next_key()))?;
/// }
/// assert_eq!(state.steps(), 10);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sghmc {
    /// ε, the step size; 1e-3 by default.
    pub learning_rate: f64,
    /// α, the friction: how fast momentum is forgotten; 1 by default.
    pub alpha: f64,
    /// β, the estimate of the gradient noise's variance, by which the added noise is lessened; 0 by default.
    pub beta: f64,
    /// σ, the standard deviation of the momentum; 1 by default.
    pub sigma: f64,
    /// τ, the temperature: the draws are of p(weights | data)^(1/τ); 1 by default, 0 is descent with momentum.
    pub temperature: f64,
}

impl Default for Sghmc {
    fn default() -> Self {
        Sghmc { learning_rate: 1e-3, alpha: 1.0, beta: 0.0, sigma: 1.0, temperature: 1.0 }
    }
}

impl Sghmc {
    /// A state at rest, for tensors with the names and shapes of `position`.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a setting outside of its range, and for tensors that are
    /// not of floating-point numbers.
    pub fn init(&self, position: &Named) -> Result<SghmcState> {
        self.noise_std()?;
        zip("positions", position, position)?;
        let rest = |(name, tensor): (&String, &Tensor)| (name.clone(), state_of(tensor).zeros_like());
        Ok(SghmcState { momentum: position.iter().map(rest).collect(), steps: 0 })
    }

    /// One step of the chain: `gradient` is that of the log posterior density at the position as it is, `normals` are
    /// standard normals, both like the position.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a setting outside of its range;
    /// [`Error`](crate::Error) for tensors with other names or shapes. Nothing has changed then.
    pub fn update(
        &self,
        state: &mut SghmcState,
        position: &Named,
        gradient: &Named,
        normals: &Named,
    ) -> Result<()> {
        zip("positions", &state.momentum, position)?;
        let kicked = self.kicked(state, gradient, normals)?;
        self.drift(state, position)?;
        (state.momentum, state.steps) = (kicked, state.steps + 1);
        Ok(())
    }

    /// The step's first half: moves the position by ε/σ² m.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn drift(&self, state: &SghmcState, position: &Named) -> Result<()> {
        self.noise_std()?;
        let step = self.learning_rate / self.sigma.powi(2);
        let _no_grad = tch::no_grad_guard();
        for (_, momentum, position) in zip("positions", &state.momentum, position)? {
            add(position, &(momentum * step));
        }
        Ok(())
    }

    /// The step's second half: gives the momentum the gradient's pull, friction and noise.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn kick(&self, state: &mut SghmcState, gradient: &Named, normals: &Named) -> Result<()> {
        (state.momentum, state.steps) = (self.kicked(state, gradient, normals)?, state.steps + 1);
        Ok(())
    }

    fn kicked(&self, state: &SghmcState, gradient: &Named, normals: &Named) -> Result<Named> {
        let noise = self.noise_std()?;
        let left = 1.0 - self.learning_rate * self.alpha / self.sigma.powi(2);
        let _no_grad = tch::no_grad_guard();
        let pairs = zip("gradients", &state.momentum, gradient)?.into_iter();
        let kicked = |((name, m, g), (_, _, z)): ((&str, &Tensor, &Tensor), (&str, &Tensor, &Tensor))| {
            (name.to_owned(), m * left + like(g, m) * self.learning_rate + like(z, m) * noise)
        };
        Ok(pairs.zip(zip("normals", &state.momentum, normals)?).map(kicked).collect())
    }

    /// sqrt(ε τ (2 α - ε β τ)), of settings that are in their ranges.
    fn noise_std(&self) -> Result<f64> {
        let Sghmc { learning_rate, alpha, beta, sigma, temperature } = *self;
        number("learning_rate", learning_rate, learning_rate > 0.0, "a finite number above 0")?;
        number("alpha", alpha, alpha >= 0.0, "a finite number from 0")?;
        number("sigma", sigma, sigma > 0.0, "a finite number above 0")?;
        noise_std(learning_rate, 2.0 * alpha, beta, temperature)
    }
}

/// sqrt(ε τ (friction - ε β τ)): the standard deviation of the noise that a step adds.
fn noise_std(learning_rate: f64, friction: f64, beta: f64, temperature: f64) -> Result<f64> {
    number("temperature", temperature, temperature >= 0.0, "a finite number from 0")?;
    let left = friction - learning_rate * beta * temperature;
    let allowed = "from 0, and so small that the gradients' own noise is not more than the step's";
    number("beta", beta, beta >= 0.0 && left >= 0.0, allowed)?;
    Ok((learning_rate * temperature * left).sqrt())
}

/// Adds to a tensor in place, in its own kind.
fn add(position: &Tensor, step: &Tensor) {
    let _ = position.shallow_clone().g_add_(&like(step, position));
}

/// `tensor` in the kind and on the device of `of`.
fn like(tensor: &Tensor, of: &Tensor) -> Tensor {
    tensor.detach().to_kind(of.kind()).to_device(of.device())
}

/// What a chain of SGHMC remembers beside its position.
#[derive(Debug)]
pub struct SghmcState {
    momentum: Named,
    steps: usize,
}

impl SghmcState {
    /// A chain with a momentum given.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for tensors that are not of floating-point numbers.
    pub fn with_momentum(momentum: &Named) -> Result<Self> {
        zip("momenta", momentum, momentum)?;
        let momentum = momentum.iter().map(|(name, m)| (name.clone(), state_of(m))).collect();
        Ok(SghmcState { momentum, steps: 0 })
    }

    /// The momentum.
    pub fn momentum(&self) -> &Named {
        &self.momentum
    }

    /// How many steps were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// All of the state as data.
    pub fn to_named(&self) -> (Named, Numbers) {
        let mut data = Named::new();
        put(&mut data, "momentum", &self.momentum);
        (data, Numbers::from([("steps".to_owned(), self.steps as f64)]))
    }

    /// The state of [`to_named`](Self::to_named)'s data.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a missing number.
    pub fn from_named(data: &Named, numbers: &Numbers) -> Result<Self> {
        Ok(SghmcState { momentum: take(data, "momentum"), steps: take_number(numbers, "steps")? as usize })
    }
}

/// The settings of stochastic-gradient Langevin dynamics, which has no state: θ' = θ + ε g + sqrt(ε τ (2 - ε β τ)) z (Welling &
/// Teh 2011, equation 4, with ε for half of the paper's step size).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgld {
    /// ε, the step size; 1e-3 by default.
    pub learning_rate: f64,
    /// β, the estimate of the gradient noise's variance, by which the added noise is lessened; 0 by default.
    pub beta: f64,
    /// τ, the temperature: the draws are of p(weights | data)^(1/τ); 1 by default, 0 is plain descent.
    pub temperature: f64,
}

impl Default for Sgld {
    fn default() -> Self {
        Sgld { learning_rate: 1e-3, beta: 0.0, temperature: 1.0 }
    }
}

impl Sgld {
    /// One step of the chain: `gradient` is that of the log posterior density at the position, `normals` are standard
    /// normals, both like the position.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a setting outside of its range;
    /// [`Error`](crate::Error) for tensors with other names or shapes. Nothing has changed then.
    pub fn update(&self, position: &Named, gradient: &Named, normals: &Named) -> Result<()> {
        let Sgld { learning_rate, beta, temperature } = *self;
        number("learning_rate", learning_rate, learning_rate > 0.0, "a finite number above 0")?;
        let noise = noise_std(learning_rate, 2.0, beta, temperature)?;
        let _no_grad = tch::no_grad_guard();
        let gradients = zip("gradients", position, gradient)?.into_iter();
        for ((_, position, g), (_, _, z)) in gradients.zip(zip("normals", position, normals)?) {
            add(position, &(g * learning_rate + like(z, g) * noise));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::infer::normals_like;
    use crate::noise::{Stream, manual_seed};

    fn named(tensor: Tensor) -> Named {
        Named::from([("w".to_owned(), tensor)])
    }

    /// Runs many chains of one number side by side on N(2, `variance`), and gives the mean and variance of where they are.
    fn stationary(steps: usize, variance: f64, mut step: impl FnMut(&Named, &Named)) -> (f64, f64) {
        let position = named(Tensor::zeros([CHAINS], (Kind::Double, Device::Cpu)));
        let mut kept = Vec::new();
        for t in 0..steps {
            step(&position, &named((2.0 - &position["w"]) / variance));
            if t >= steps / 2 && t % 10 == 0 {
                kept.push(position["w"].copy());
            }
        }
        let all = Tensor::cat(&kept, 0);
        (all.mean(Kind::Double).double_value(&[]), all.var(false).double_value(&[]))
    }

    const CHAINS: i64 = 4000;

    #[test]
    fn sghmc_has_the_posterior_at_any_temperature() {
        manual_seed(8);
        for (temperature, sigma) in [(1.0, 1.0), (0.5, 0.7)] {
            let sghmc = Sghmc { learning_rate: 0.02, alpha: 1.0, sigma, temperature, ..Sghmc::default() };
            let mut state = sghmc.init(&named(Tensor::zeros([CHAINS], (Kind::Double, Device::Cpu)))).unwrap();
            let noise = Stream::new();
            let (mean, variance) = stationary(2000, 0.5, |position, gradient| {
                let normals = normals_like(position, noise.next_key());
                sghmc.update(&mut state, position, gradient, &normals).unwrap();
            });
            // Chains are independent, so the mean is known to sd / sqrt(CHAINS) at worst; the discretisation adds a share of
            // the order of the step size to the variance.
            assert!((mean - 2.0).abs() < 5.0 * (0.5 / CHAINS as f64).sqrt(), "{mean}");
            assert!(
                (variance / (0.5 * temperature) - 1.0).abs() < 5.0 * (2.0 / CHAINS as f64).sqrt() + 0.05,
                "{variance}"
            );
        }
    }

    #[test]
    fn sgld_has_the_posterior() {
        manual_seed(9);
        let sgld = Sgld { learning_rate: 0.01, ..Sgld::default() };
        let noise = Stream::new();
        let (mean, variance) = stationary(1500, 0.5, |position, gradient| {
            sgld.update(position, gradient, &normals_like(position, noise.next_key())).unwrap();
        });
        // θ' = (1 - 2ε) θ + … has the variance 2ε / (1 - (1 - 2ε)²) = 0.5 / (1 - ε).
        let exact = 0.5 / (1.0 - 0.01);
        assert!((mean - 2.0).abs() < 5.0 * (0.5 / CHAINS as f64).sqrt(), "{mean}");
        assert!((variance / exact - 1.0).abs() < 5.0 * (2.0 / CHAINS as f64).sqrt(), "{variance}");
    }

    #[test]
    fn without_temperature_it_descends_and_draws_nothing() {
        let sghmc = Sghmc { learning_rate: 0.1, alpha: 2.0, temperature: 0.0, ..Sghmc::default() };
        let position = named(Tensor::from_slice(&[5.0]));
        let mut state = sghmc.init(&position).unwrap();
        for _ in 0..300 {
            let gradient = named(2.0 - &position["w"]);
            sghmc.update(&mut state, &position, &gradient, &named(Tensor::from_slice(&[1e3]))).unwrap();
        }
        assert!((position["w"].double_value(&[0]) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_saved_chain_goes_on_to_the_bit() {
        let sghmc = Sghmc { learning_rate: 0.1, ..Sghmc::default() };
        let position = named(Tensor::from_slice(&[1f32, 2.0]));
        let mut state = sghmc.init(&position).unwrap();
        let ones = named(Tensor::from_slice(&[1f32, -1.0]));
        sghmc.update(&mut state, &position, &ones, &ones).unwrap();
        let (data, numbers) = state.to_named();
        let (mut other, there) =
            (SghmcState::from_named(&data, &numbers).unwrap(), named(position["w"].copy()));
        sghmc.update(&mut state, &position, &ones, &ones).unwrap();
        sghmc.update(&mut other, &there, &ones, &ones).unwrap();
        assert_eq!((position, state.to_named()), (there, other.to_named()));
    }

    #[test]
    fn mistakes_change_nothing() {
        let position = named(Tensor::from_slice(&[1.0]));
        let good = named(Tensor::from_slice(&[1.0]));
        let sghmc = Sghmc::default();
        let mut state = sghmc.init(&position).unwrap();
        let wrong = named(Tensor::from_slice(&[1.0, 2.0]));
        assert!(sghmc.update(&mut state, &position, &wrong, &good).is_err());
        assert!(sghmc.update(&mut state, &position, &good, &wrong).is_err());
        assert!(sghmc.update(&mut state, &wrong, &good, &good).is_err());
        assert!(Sgld::default().update(&position, &good, &wrong).is_err());
        let noisy = Sghmc { learning_rate: 0.1, beta: 30.0, ..sghmc };
        assert!(noisy.update(&mut state, &position, &good, &good).unwrap_err().to_string().contains("beta"));
        assert!(Sghmc { temperature: -1.0, ..sghmc }.init(&position).is_err());
        assert_eq!((position["w"].double_value(&[0]), state.steps()), (1.0, 0));
    }
}
