//! IVON, the improved variational online Newton method (Shen et al. 2024, algorithm 1): a mean-field Gaussian posterior
//! learnt at the price and memory of Adam.
//!
//! The posterior of each weight is N(mean, 1 / (λ (h + δ))): λ is the effective sample size (the number of training
//! examples, at temperature 1), δ the weight decay (λ δ is the prior's precision, its mean 0), h an estimate of the loss's
//! diagonal Hessian. A step draws weights from it, takes the gradient of the loss (the mean over examples, in nats) there, and
//! updates mean, momentum and h. This file is its arithmetic on tensors.

use tch::Tensor;

use super::{Named, Numbers, put, state_of, take, take_number, zip};
use crate::error::{Error, Result};

pub use crate::train::Ivon;

impl Ivon {
    /// The state before the first step: the posterior around `mean`.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`Error::Configuration`] for tensors that are not of floating-point numbers.
    pub fn init(&self, mean: &Named) -> Result<IvonState> {
        self.validate()?;
        zip("means", mean, mean)?;
        let each =
            |f: &dyn Fn(&Tensor) -> Tensor| mean.iter().map(|(name, w)| (name.clone(), f(w))).collect();
        Ok(IvonState {
            mean: each(&|w| state_of(w)),
            momentum: each(&|w| state_of(w).zeros_like()),
            hess: each(&|w| state_of(w).full_like(self.hess_init)),
            steps: 0,
        })
    }

    /// The posterior's standard deviations: 1 / sqrt(λ (h + δ)).
    pub fn std(&self, state: &IvonState) -> Named {
        let std = |(name, hess): (&String, &Tensor)| {
            (name.clone(), ((hess + self.weight_decay) * self.effective_sample_size).rsqrt())
        };
        state.hess.iter().map(std).collect()
    }

    /// How far a draw of the posterior lies from the mean: std times `normals`, standard normals like the mean.
    ///
    /// # Errors
    /// [`Error`] for tensors with other names or shapes.
    pub fn offset(&self, state: &IvonState, normals: &Named) -> Result<Named> {
        let std = self.std(state);
        let offset = |(name, std, z): (&str, &Tensor, &Tensor)| {
            (name.to_owned(), std * z.to_kind(std.kind()).to_device(std.device()))
        };
        Ok(zip("normals", &std, normals)?.into_iter().map(offset).collect())
    }

    /// One step, from the gradients at one or more draws of the state as it is.
    ///
    /// With G the mean of the draws' gradients and X that of gradient times offset, elementwise:
    ///
    /// ```text
    /// g <- β1 g + (1 - β1) G
    /// f = λ (h + δ) X
    /// h <- β2 h + (1 - β2) f + (1 - β2)² / 2 (h - f)² / (h + δ)      the old h on the right
    /// u = (g / (1 - β1^t) + δ mean) / (h + δ)                        the new h; without `debias` g itself
    /// mean <- mean - a clamp(u, ± clip_radius)                       a = learning rate (hess_init + δ) with `rescale_lr`
    /// ```
    ///
    /// The last term of h keeps h + δ above 0 (Lin et al. 2020).
    ///
    /// # Errors
    /// As [`validate`](Self::validate); [`Error`] for no gradients, and for tensors with other names or shapes. Nothing has
    /// changed then.
    pub fn update(&self, state: &mut IvonState, gradients: &IvonGradients) -> Result<()> {
        self.validate()?;
        if gradients.draws == 0 {
            return Err(Error::configuration("gradients", 0, "those of at least one draw"));
        }
        let _no_grad = tch::no_grad_guard();
        let (delta, draws) = (self.weight_decay, gradients.draws as f64);
        let sums = zip("gradients", &state.mean, &gradients.sum)?.into_iter();
        let products = zip("gradients", &state.mean, &gradients.product)?;
        let memory = state.momentum.values().zip(state.hess.values());
        let mut next = IvonState::empty(state.steps + 1);
        for (((name, mean, sum), (_, _, product)), (g, h)) in sums.zip(products).zip(memory) {
            let like = |t: &Tensor| t.to_kind(mean.kind()).to_device(mean.device());
            let f = (h + delta) * like(product) * (self.effective_sample_size / draws);
            let pull = mean * delta;
            let (g, h, by) =
                self.advance((g, h), &(like(sum) / draws), &f, &pull, state.steps, &Tensor::from(delta));
            next.mean.insert(name.to_owned(), mean - by * self.learning_rate);
            next.momentum.insert(name.to_owned(), g);
            next.hess.insert(name.to_owned(), h);
        }
        *state = next;
        Ok(())
    }
}

/// The gradients of one step, at one or more draws.
#[derive(Debug, Default)]
pub struct IvonGradients {
    sum: Named,
    /// The sum of gradient times offset.
    product: Named,
    draws: usize,
}

impl IvonGradients {
    /// The gradients of a step before its first draw.
    pub fn new() -> Self {
        IvonGradients::default()
    }

    /// Takes in the gradient of the mean loss at the mean plus `offset` ([`Ivon::offset`]).
    ///
    /// # Errors
    /// [`Error`] for tensors with other names or shapes than the offset's, or than the draws' before.
    pub fn add(&mut self, gradient: &Named, offset: &Named) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        if self.draws > 0 {
            zip("gradients", &self.sum, gradient)?;
        }
        let (mut sum, mut product) = (Named::new(), Named::new());
        for (name, offset, gradient) in zip("gradients", offset, gradient)? {
            let gradient = gradient.to_kind(offset.kind()).to_device(offset.device());
            let with = |before: &Named, new: Tensor| match before.get(name) {
                Some(before) => before + new,
                None => new,
            };
            product.insert(name.to_owned(), with(&self.product, &gradient * offset));
            sum.insert(name.to_owned(), with(&self.sum, gradient));
        }
        (self.sum, self.product, self.draws) = (sum, product, self.draws + 1);
        Ok(())
    }
}

/// What IVON remembers: three numbers a weight, and how many steps it took.
#[derive(Debug)]
pub struct IvonState {
    mean: Named,
    momentum: Named,
    hess: Named,
    steps: usize,
}

impl IvonState {
    fn empty(steps: usize) -> Self {
        IvonState { mean: Named::new(), momentum: Named::new(), hess: Named::new(), steps }
    }

    /// The posterior's mean.
    pub fn mean(&self) -> &Named {
        &self.mean
    }

    /// The running mean of the gradient, as it is (not made up for its start at zero).
    pub fn momentum(&self) -> &Named {
        &self.momentum
    }

    /// h, the estimate of the loss's diagonal Hessian.
    pub fn hess(&self) -> &Named {
        &self.hess
    }

    /// How many steps were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// All of the state as data; the steps are part of it, since the debiasing depends on them.
    pub fn to_named(&self) -> (Named, Numbers) {
        let mut data = Named::new();
        for (part, tensors) in [("mean", &self.mean), ("momentum", &self.momentum), ("hess", &self.hess)] {
            put(&mut data, part, tensors);
        }
        (data, Numbers::from([("steps".to_owned(), self.steps as f64)]))
    }

    /// The state of [`to_named`](Self::to_named)'s data.
    ///
    /// # Errors
    /// [`Error`] for a missing number or tensor, and for tensors that don't belong together.
    pub fn from_named(data: &Named, numbers: &Numbers) -> Result<Self> {
        let (mean, momentum, hess) = (take(data, "mean"), take(data, "momentum"), take(data, "hess"));
        zip("momenta", &mean, &momentum)?;
        zip("Hessians", &mean, &hess)?;
        Ok(IvonState { mean, momentum, hess, steps: take_number(numbers, "steps")? as usize })
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

    #[test]
    fn its_fixed_point_is_the_exact_posterior_of_a_linear_gaussian_model() {
        manual_seed(5);
        // The mean loss k (w - 3)² / 2 under the prior N(0, 1 / (λ δ)): the posterior is N(3 k / (k + δ), 1 / (λ (k + δ))).
        let (k, weights, delta) = (0.4, 2000, 0.05);
        let ivon = Ivon {
            learning_rate: 0.05,
            effective_sample_size: 500.0,
            hess_init: 1.0,
            beta2: 0.999,
            weight_decay: delta,
            ..Ivon::default()
        };
        let mut state = ivon.init(&named(Tensor::zeros([weights], (Kind::Double, Device::Cpu)))).unwrap();
        let noise = Stream::new();
        for _ in 0..12_000 {
            let mut gradients = IvonGradients::new();
            for _ in 0..2 {
                let offset = ivon.offset(&state, &normals_like(state.mean(), noise.next_key())).unwrap();
                let gradient = (&state.mean()["w"] + &offset["w"] - 3.0) * k;
                gradients.add(&named(gradient), &offset).unwrap();
            }
            ivon.update(&mut state, &gradients).unwrap();
        }
        // Over 2,000 weights: the mean and the Hessian are known to their spread over the weights / sqrt(2000).
        let (mean, hess) = (&state.mean()["w"], &state.hess()["w"]);
        let error = |t: &Tensor| 5.0 * t.std(false).double_value(&[]) / f64::from(weights as i32).sqrt();
        let off = mean.mean(Kind::Double).double_value(&[]) - 3.0 * k / (k + delta);
        assert!(off.abs() < error(mean), "mean off by {off}");
        let off = hess.mean(Kind::Double).double_value(&[]) - k;
        // The correction of second order lifts h by about (1 - β2) / 4 of the estimate's own variance over h + δ.
        assert!(off.abs() < error(hess) + 0.002, "Hessian off by {off}, {}", error(hess));
        let std = ivon.std(&state)["w"].mean(Kind::Double).double_value(&[]);
        assert!((std * (500.0 * (k + delta)).sqrt() - 1.0).abs() < 0.01, "{std}");
    }

    #[test]
    fn one_step_by_hand() {
        let ivon = Ivon {
            learning_rate: 0.5,
            effective_sample_size: 4.0,
            hess_init: 0.75,
            beta1: 0.5,
            beta2: 0.5,
            weight_decay: 0.25,
            clip_radius: Some(0.3),
            ..Ivon::default()
        };
        let mut state = ivon.init(&named(Tensor::from_slice(&[1.0]))).unwrap();
        let offset = ivon.offset(&state, &named(Tensor::from_slice(&[2.0]))).unwrap();
        assert_eq!(offset["w"].double_value(&[0]), 1.0);
        let mut gradients = IvonGradients::new();
        gradients.add(&named(Tensor::from_slice(&[0.25])), &offset).unwrap();
        ivon.update(&mut state, &gradients).unwrap();
        // f = 4 · 1 · 0.25 = 1; h = 0.375 + 0.5 + 0.125 · 0.0625; u = (0.25 + 0.25) / (h + 0.25), clipped to 0.3; a = 0.5 · 1.
        assert_eq!(state.momentum()["w"].double_value(&[0]), 0.125);
        assert_eq!(state.hess()["w"].double_value(&[0]), 0.8828125);
        assert!((state.mean()["w"].double_value(&[0]) - 0.85).abs() < 1e-15);
    }

    #[test]
    fn a_saved_state_goes_on_to_the_bit() {
        let ivon = Ivon { effective_sample_size: 50.0, beta2: 0.9, ..Ivon::default() };
        let mut state = ivon.init(&named(Tensor::from_slice(&[1f32, -2.0]))).unwrap();
        let step = |state: &mut IvonState| {
            let offset = ivon.offset(state, &named(Tensor::from_slice(&[0.3f32, 1.2]))).unwrap();
            let mut gradients = IvonGradients::new();
            gradients.add(&named(Tensor::from_slice(&[0.5f32, -0.1])), &offset).unwrap();
            ivon.update(state, &gradients).unwrap();
        };
        step(&mut state);
        let (data, numbers) = state.to_named();
        let mut other = IvonState::from_named(&data, &numbers).unwrap();
        step(&mut state);
        step(&mut other);
        assert_eq!(state.to_named(), other.to_named());
        assert_eq!(other.steps(), 2);
        assert!(IvonState::from_named(&data, &Numbers::new()).is_err());
    }

    #[test]
    fn mistakes_are_said_and_change_nothing() {
        let ivon = Ivon::default();
        let mean = named(Tensor::from_slice(&[1.0]));
        let mut state = ivon.init(&mean).unwrap();
        assert!(ivon.update(&mut state, &IvonGradients::new()).is_err());
        let wrong = named(Tensor::from_slice(&[1.0, 2.0]));
        assert!(ivon.offset(&state, &wrong).is_err());
        let mut gradients = IvonGradients::new();
        assert!(gradients.add(&wrong, &mean).is_err());
        gradients.add(&wrong, &wrong).unwrap();
        assert!(ivon.update(&mut state, &gradients).is_err());
        assert_eq!((state.steps(), state.mean()["w"].double_value(&[0])), (0, 1.0));
        for bad in [
            Ivon { learning_rate: 0.0, ..ivon },
            Ivon { effective_sample_size: f64::NAN, ..ivon },
            Ivon { beta1: 1.0, ..ivon },
            Ivon { weight_decay: -0.1, ..ivon },
            Ivon { clip_radius: Some(0.0), ..ivon },
        ] {
            assert!(bad.init(&mean).is_err());
        }
    }
}
