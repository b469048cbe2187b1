//! SWAG: a Gaussian from the iterates of an optimiser (Maddox et al. 2019).
//!
//! While SGD walks around a solution under a constant or cyclical step size, the mean of its iterates, their variance
//! element by element and their last `rank` deviations from the mean are collected; the posterior is the Gaussian with that
//! mean and half the diagonal covariance plus half the low-rank one (algorithm 1, equation 1). Several such states, from
//! runs of their own, are Multi-SWAG (Wilson & Izmailov 2020): draws are taken from each in turn.

use std::collections::VecDeque;

use tch::{Kind, Tensor};

use super::{Named, Numbers, elements, finite, number, put, split, state_of, take, take_number, zip};
use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// The settings of SWAG.
///
/// ```
/// use illia_core::infer::{Named, swag::Swag};
/// use illia_core::noise::Stream;
/// use tch::Tensor;
///
/// let weights = |w: [f64; 2]| Named::from([("w".to_owned(), Tensor::from_slice(&w))]);
/// let mut state = Swag { rank: 2, ..Swag::default() }.init(&weights([0.0, 0.0]))?;
/// for snapshot in [[0.9, 2.0], [1.1, 2.2], [1.0, 1.8]] {
///     state.collect(&weights(snapshot))?; // after each epoch, say
/// }
/// assert!((state.mean()["w"].double_value(&[0]) - 1.0).abs() < 1e-12);
/// let draw = state.draw(Stream::new().next_key())?;
/// assert_eq!(draw["w"].size(), [2]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Swag {
    /// How many deviations are kept, the latest ones: the rank of the low-rank part. 20 by default; 0 leaves the diagonal
    /// alone.
    pub rank: usize,
    /// The smallest variance of an element; 1e-30 by default, the authors'.
    pub variance_floor: f64,
}

impl Default for Swag {
    fn default() -> Self {
        Swag { rank: 20, variance_floor: 1e-30 }
    }
}

impl Swag {
    /// A state that has collected nothing, for tensors with the names and shapes of `weights`.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a rank of 1 (a covariance of rank 1 needs two deviations), a floor below 0, and
    /// weights that are not of floating-point numbers.
    pub fn init(self, weights: &Named) -> Result<SwagState> {
        if self.rank == 1 {
            return Err(Error::configuration("rank", 1, "0, or at least 2"));
        }
        number("variance_floor", self.variance_floor, self.variance_floor >= 0.0, "a finite number from 0")?;
        zip("weights", weights, weights)?;
        let zeros = || -> Named {
            weights.iter().map(|(name, w)| (name.clone(), state_of(w).zeros_like())).collect()
        };
        let (mean, variance) = (zeros(), zeros());
        Ok(SwagState { settings: self, count: 0, mean, variance, deviations: VecDeque::new() })
    }
}

/// What SWAG has collected.
#[derive(Debug)]
pub struct SwagState {
    settings: Swag,
    count: usize,
    mean: Named,
    /// The mean square distance from the mean, without the floor.
    variance: Named,
    /// The oldest first.
    deviations: VecDeque<Named>,
}

impl SwagState {
    /// Takes one iterate of the optimiser in.
    ///
    /// Mean and variance follow Welford's recurrence rather than the paper's running mean of squares: the same numbers,
    /// without the difference of two large ones that costs single precision its digits.
    ///
    /// # Errors
    /// [`Error`] for other names or shapes than at [`Swag::init`], and for NaN or infinity; nothing has changed then.
    pub fn collect(&mut self, weights: &Named) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        finite("weights", weights)?;
        let (old, new) = (self.count as f64, (self.count + 1) as f64);
        let (mut mean, mut variance, mut deviation) = (Named::new(), Named::new(), Named::new());
        for ((name, before, weight), spread) in
            zip("weights", &self.mean, weights)?.into_iter().zip(self.variance.values())
        {
            let step = weight.to_kind(before.kind()).to_device(before.device()) - before;
            let after = before + &step / new;
            let left = &step * (old / new);
            variance.insert(name.to_owned(), (spread + step.square() / new) * (old / new));
            deviation.insert(name.to_owned(), left);
            mean.insert(name.to_owned(), after);
        }
        (self.mean, self.variance, self.count) = (mean, variance, self.count + 1);
        if self.settings.rank > 0 {
            self.deviations.push_back(deviation);
            while self.deviations.len() > self.settings.rank {
                self.deviations.pop_front();
            }
        }
        Ok(())
    }

    /// The settings.
    pub fn settings(&self) -> Swag {
        self.settings
    }

    /// How many iterates were collected.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean of the iterates: the weights of stochastic weight averaging (SWA).
    pub fn mean(&self) -> &Named {
        &self.mean
    }

    /// The variance of the iterates, element by element, at least the floor.
    pub fn variance(&self) -> Named {
        let floored =
            |(name, v): (&String, &Tensor)| (name.clone(), v.clamp_min(self.settings.variance_floor));
        self.variance.iter().map(floored).collect()
    }

    /// The kept deviations of each tensor, `[kept, ..]`, the oldest first; each from the mean at its time.
    pub fn deviations(&self) -> Named {
        let stacked = |(name, mean): (&String, &Tensor)| {
            let each: Vec<&Tensor> =
                self.deviations.iter().filter_map(|deviation| deviation.get(name)).collect();
            let mut none = vec![0];
            none.extend(mean.size());
            let stack = if each.is_empty() {
                mean.new_zeros(none, (mean.kind(), mean.device()))
            } else {
                Tensor::stack(&each, 0)
            };
            (name.clone(), stack)
        };
        self.mean.iter().map(stacked).collect()
    }

    /// How many deviations are kept: as many as there are iterates, up to the rank.
    pub fn kept(&self) -> usize {
        self.deviations.len()
    }

    /// A draw of all weights: its noise is that of `key`.
    ///
    /// # Errors
    /// [`Error::Configuration`] if nothing was collected.
    pub fn draw(&self, key: Key) -> Result<Named> {
        let total: i64 = self.mean.values().map(elements).sum();
        let numbers = noise::normals(key, &[total + self.kept() as i64], Kind::Float, tch::Device::Cpu);
        let (z1, z2) = split(&self.mean, &numbers);
        self.draw_given(&z1, &z2)
    }

    /// The draw of given standard normals: `z1` like the weights, `z2` `[kept]`, one number for each deviation, the same for
    /// all tensors: mean + (sqrt(variance) z1 + sum_k z2_k deviation_k / sqrt(kept - 1)) / sqrt(2).
    ///
    /// Without deviations it is [`draw_diagonal_given`](Self::draw_diagonal_given).
    ///
    /// # Errors
    /// [`Error::Configuration`] if nothing was collected; [`Error::Shape`] for noise of other shapes.
    pub fn draw_given(&self, z1: &Named, z2: &Tensor) -> Result<Named> {
        let kept = self.kept() as i64;
        if z2.size() != [kept] {
            let expected = format!("[{kept}]: a number for each deviation");
            return Err(Error::Shape { layer: "z2".to_owned(), expected, given: z2.size() });
        }
        if kept == 0 {
            return self.draw_diagonal_given(z1);
        }
        let diagonal = self.diagonal(z1)?;
        let scale = ((kept - 1).max(1) as f64).sqrt();
        let draw = |(((name, mean), spread), deviations): (((&String, &Tensor), &Tensor), &Tensor)| {
            let z2 = z2.to_kind(mean.kind()).to_device(mean.device());
            let low_rank =
                z2.matmul(&deviations.reshape([kept, elements(mean)])).reshape(mean.size()) / scale;
            (name.clone(), mean + (spread + low_rank) / 2f64.sqrt())
        };
        let deviations = self.deviations();
        Ok(self.mean.iter().zip(diagonal.values()).zip(deviations.values()).map(draw).collect())
    }

    /// A draw of the diagonal Gaussian alone (SWAG-diagonal): its noise is that of `key`.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn draw_diagonal(&self, key: Key) -> Result<Named> {
        self.draw_diagonal_given(&super::normals_like(&self.mean, key))
    }

    /// The diagonal draw of given standard normals, like the weights: mean + sqrt(variance) z1.
    ///
    /// # Errors
    /// As [`draw_given`](Self::draw_given).
    pub fn draw_diagonal_given(&self, z1: &Named) -> Result<Named> {
        let diagonal = self.diagonal(z1)?;
        let draw = |((name, mean), spread): ((&String, &Tensor), &Tensor)| (name.clone(), mean + spread);
        Ok(self.mean.iter().zip(diagonal.values()).map(draw).collect())
    }

    /// sqrt(variance) z1.
    fn diagonal(&self, z1: &Named) -> Result<Named> {
        if self.count == 0 {
            return Err(Error::configuration("snapshots", 0, "at least one (call `collect` while training)"));
        }
        let variance = self.variance();
        let spread = |(name, v, z): (&str, &Tensor, &Tensor)| {
            (name.to_owned(), v.sqrt() * z.to_kind(v.kind()).to_device(v.device()))
        };
        Ok(zip("z1", &variance, z1)?.into_iter().map(spread).collect())
    }

    /// All of the state as data.
    pub fn to_named(&self) -> (Named, Numbers) {
        let mut data = Named::new();
        put(&mut data, "mean", &self.mean);
        put(&mut data, "variance", &self.variance);
        put(&mut data, "deviations", &self.deviations());
        let numbers = [
            ("count", self.count as f64),
            ("rank", self.settings.rank as f64),
            ("variance_floor", self.settings.variance_floor),
        ];
        (data, numbers.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The state of [`to_named`](Self::to_named)'s data.
    ///
    /// # Errors
    /// [`Error`] for a missing number or tensor, and for tensors that don't belong together.
    pub fn from_named(data: &Named, numbers: &Numbers) -> Result<Self> {
        let (mean, variance, stacks) = (take(data, "mean"), take(data, "variance"), take(data, "deviations"));
        let settings = Swag {
            rank: take_number(numbers, "rank")? as usize,
            variance_floor: take_number(numbers, "variance_floor")?,
        };
        let count = take_number(numbers, "count")? as usize;
        let kept = settings.rank.min(count);
        let mut state = settings.init(&mean)?;
        zip("variances", &mean, &variance)?;
        for k in 0..kept as i64 {
            let mut deviation = Named::new();
            for (name, stack) in &stacks {
                let one = (stack.size().first() == Some(&(kept as i64))).then(|| stack.select(0, k));
                let wrong = || {
                    Error::configuration(
                        "deviations",
                        format!("{:?} of {name}", stack.size()),
                        "the kept ones",
                    )
                };
                deviation.insert(name.clone(), one.ok_or_else(wrong)?);
            }
            zip("deviations", &mean, &deviation)?;
            state.deviations.push_back(deviation);
        }
        (state.mean, state.variance, state.count) = (mean, variance, count);
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{Stream, manual_seed};

    fn named(values: &[f64]) -> Named {
        Named::from([("w".to_owned(), Tensor::from_slice(values))])
    }

    fn values(named: &Named) -> Vec<f64> {
        Vec::<f64>::try_from(named["w"].to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    #[test]
    fn three_iterates_by_hand() {
        let mut state = Swag { rank: 2, ..Swag::default() }.init(&named(&[0.0])).unwrap();
        for w in [1.0, 3.0, 8.0] {
            state.collect(&named(&[w])).unwrap();
        }
        assert_eq!(values(state.mean()), [4.0]);
        // ((-3)² + (-1)² + 4²) / 3
        assert!((values(&state.variance())[0] - 26.0 / 3.0).abs() < 1e-12);
        // 3 - 2 and 8 - 4; the first was dropped.
        assert_eq!(values(&state.deviations()), [1.0, 4.0]);
        let draw = state.draw_given(&named(&[0.0]), &Tensor::from_slice(&[1.0, 0.5])).unwrap();
        assert!((values(&draw)[0] - (4.0 + 3.0 / 2f64.sqrt())).abs() < 1e-12);
    }

    #[test]
    fn a_small_variance_at_a_large_mean_survives_single_precision() {
        let weights = |w: f32| Named::from([("w".to_owned(), Tensor::from_slice(&[w]))]);
        let mut state = Swag::default().init(&weights(0.0)).unwrap();
        for k in 0..64 {
            // Exact in single precision: 1000 and 1000 + 1/64, in turns.
            state.collect(&weights(1000.0 + f32::from(k % 2 == 1) / 64.0)).unwrap();
        }
        let variance = state.variance()["w"].double_value(&[0]);
        let exact = (0.5f64 / 64.0).powi(2);
        // The mean square, 1e6, has a resolution of 0.06 here: sq - mean² would be noise.
        assert!((variance / exact - 1.0).abs() < 0.02, "{variance} for {exact}");
    }

    #[test]
    fn draws_have_the_covariance_that_they_should() {
        manual_seed(11);
        let iterates = [[0.3, 1.0], [0.9, -0.5], [-1.1, 0.2], [0.4, 0.8], [1.6, -1.0]];
        let mut state = Swag { rank: 4, ..Swag::default() }.init(&named(&[0.0, 0.0])).unwrap();
        for w in iterates {
            state.collect(&named(&w)).unwrap();
        }
        let d = state.deviations()["w"].shallow_clone();
        let covariance = (state.variance()["w"].diag(0) + d.tr().matmul(&d) / 3.0) / 2.0;
        let (stream, n) = (Stream::new(), 40_000);
        let draws: Vec<Tensor> =
            (0..n).map(|_| state.draw(stream.next_key()).unwrap().remove("w").unwrap()).collect();
        let x = Tensor::stack(&draws, 0) - &state.mean()["w"];
        let found = x.tr().matmul(&x) / f64::from(n);
        // The variance of a product of two normals is c_ii c_jj + c_ij²: five standard errors.
        let diagonal = covariance.diagonal(0, 0, 1);
        let error = (diagonal.outer(&diagonal) + covariance.square()).sqrt() / f64::from(n).sqrt() * 5.0;
        assert_eq!((found - covariance).abs().le_tensor(&error).all().int64_value(&[]), 1);
        assert_eq!(state.draw(stream.next_key()).unwrap()["w"].kind(), Kind::Double);
    }

    #[test]
    fn a_saved_state_goes_on_to_the_bit() {
        let mut state = Swag { rank: 3, ..Swag::default() }.init(&named(&[0.0, 0.0])).unwrap();
        for k in 0..5 {
            if k == 2 {
                let (data, numbers) = state.to_named();
                let mut other = SwagState::from_named(&data, &numbers).unwrap();
                other.collect(&named(&[0.1, 0.2])).unwrap();
                assert_eq!((state.count(), other.count()), (2, 3));
            }
            state.collect(&named(&[f64::from(k) * 0.7, 1.0 / f64::from(k + 1)])).unwrap();
        }
        let (data, numbers) = state.to_named();
        let again = SwagState::from_named(&data, &numbers).unwrap();
        assert_eq!(again.to_named(), (data, numbers));
        let key = Stream::new().next_key();
        assert_eq!(again.draw(key).unwrap(), state.draw(key).unwrap());
    }

    #[test]
    fn mistakes_are_said_and_change_nothing() {
        let mut state = Swag::default().init(&named(&[0.0])).unwrap();
        let message = |r: Result<Named>| r.unwrap_err().to_string();
        assert!(message(state.draw(Stream::new().next_key())).contains("collect"));
        state.collect(&named(&[1.0])).unwrap();
        for wrong in [named(&[1.0, 2.0]), named(&[f64::NAN]), Named::new()] {
            assert!(state.collect(&wrong).is_err());
        }
        let stranger = Named::from([("v".to_owned(), Tensor::from_slice(&[1.0]))]);
        assert!(state.collect(&stranger).unwrap_err().to_string().contains('v'));
        assert_eq!((state.count(), values(state.mean())), (1, vec![1.0]));
        assert!(state.draw_given(&named(&[0.0]), &Tensor::from_slice(&[0.0, 0.0])).is_err());
        assert!(Swag { rank: 1, ..Swag::default() }.init(&named(&[0.0])).is_err());
    }
}
