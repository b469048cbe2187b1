//! Ensembles: nets of one declaration, each from a start of its own, that predict together (Lakshminarayanan et al. 2017).
//!
//! Of points they are a deep ensemble; of posteriors, the equal mixture of them, q = 1/n Σ q_i, which is a better posterior
//! than its members (Jaakkola & Jordan 1998).

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tch::nn::{ModuleT, Path, VarStore};
use tch::{Device, Tensor};

use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::noise::{self, State};
use crate::processes::{ProcessGroup, exchange};
use crate::{BayesianModule, Elbo, Predict, Prediction};

/// One member: a net, or a net and its likelihood, with its variables in a store of its own.
#[derive(Debug)]
pub struct Member<M> {
    /// What the constructor made.
    pub net: M,
    /// Its variables.
    pub vs: VarStore,
    /// Its place in the ensemble, from 0, for members that are not all trained alike.
    pub number: usize,
    noise: State,
}

/// Several of one declaration.
///
/// The noise of each member is its own, from the seed and the member's number: the same numbers come on any number of threads.
///
/// ```
/// use illia_core::infer::ensemble::Ensemble;
/// use illia_core::likelihood::{Gaussian, Likelihood};
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{Fit, Predict};
/// use tch::{Device, Kind, Tensor};
///
/// let x = Tensor::linspace(-1.0, 1.0, 32, (Kind::Float, Device::Cpu)).unsqueeze(1);
/// let noise = 0.1;
/// let mut ensemble =
///     Ensemble::new(3, 1, Device::Cpu, |p| Linear::try_new(p, 1, 1, LinearConfig::default()))?;
/// ensemble.each(&[x.shallow_clone(), &x * 2.0], |member, data| match data {
///     [x, y] => Fit::new(Gaussian::fixed(noise)?).epochs(2).progress(false).run(&member.net, &member.vs, x, y),
///     _ => unreachable!(),
/// })?;
/// assert_eq!(ensemble.predict(&Predict::new().draws(10), &x)?.outputs().size(), [30, 32, 1]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Ensemble<M> {
    members: Vec<Member<M>>,
}

impl<M: Send> Ensemble<M> {
    /// `n` members, each made by `make` at the root of its own store.
    ///
    /// # Errors
    /// [`Error::Configuration`] for no members, and what `make` returns.
    pub fn new(
        n: usize,
        seed: u64,
        device: Device,
        make: impl Fn(&Path) -> Result<M> + Send + Sync,
    ) -> Result<Self> {
        if n == 0 {
            return Err(Error::configuration("members", n, "at least 1"));
        }
        let made = on_threads(cores(), (0..n).collect(), |number| {
            noise::restore(State { seed: seed_of(seed, number as u64), ..State::default() });
            let vs = VarStore::new(device);
            let net = make(&vs.root())?;
            Ok(Member { net, vs, number, noise: noise::state() })
        });
        Ok(Ensemble { members: made.into_iter().collect::<Result<_>>()? })
    }

    /// Does `work` with each member, side by side on as many threads as there are cores: training, or anything else. It is given
    /// the tensors `data`, which threads can't share by themselves. The results stand in the members' order.
    ///
    /// # Errors
    /// The first member's that failed; the others have been worked on all the same.
    pub fn each<T: Send>(
        &mut self,
        data: &[Tensor],
        work: impl Fn(&mut Member<M>, &[Tensor]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        self.each_of(data, work, |_| true)
    }

    /// [`each`](Self::each) by several processes: member i is worked on by the one of rank i modulo their number, and then all
    /// have all members. The results are those of this process's members.
    ///
    /// # Errors
    /// As [`each`](Self::each); [`Error::Processes`] where another process has failed or ended.
    pub fn each_by<T: Send>(
        &mut self,
        group: &dyn ProcessGroup,
        data: &[Tensor],
        work: impl Fn(&mut Member<M>, &[Tensor]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let (rank, size) = (group.rank(), group.size());
        let done = self.each_of(data, work, |member| member % size == rank);
        let (done, _) = exchange(group, "ensemble", done, |_| [])?;
        for (number, member) in self.members.iter_mut().enumerate() {
            let mut variables: Vec<_> = member.vs.variables().into_iter().collect();
            variables.sort_by(|a, b| a.0.cmp(&b.0));
            for (_, variable) in variables {
                group.broadcast(&mut variable.detach(), number % size)?;
            }
            let State { next_stream, dropout, .. } = member.noise;
            let mut counts = Tensor::from_slice(&[next_stream, dropout].map(u64::cast_signed));
            group.broadcast(&mut counts, number % size)?;
            let [next_stream, dropout] = [0, 1].map(|at| counts.int64_value(&[at]).cast_unsigned());
            member.noise = State { next_stream, dropout, ..member.noise };
        }
        Ok(done)
    }

    fn each_of<T: Send>(
        &mut self,
        data: &[Tensor],
        work: impl Fn(&mut Member<M>, &[Tensor]) -> Result<T> + Sync,
        is_own: impl Fn(usize) -> bool,
    ) -> Result<Vec<T>> {
        let data = || data.iter().map(Tensor::shallow_clone).collect::<Vec<_>>();
        let own = self.members.iter_mut().enumerate().filter(|(number, _)| is_own(*number));
        let jobs = own.map(|(_, member)| (member, data())).collect();
        let done = on_threads(cores(), jobs, |(member, data)| {
            let _span =
                tracing::debug_span!(target: "illia::infer", "member", number = member.number).entered();
            noise::restore(member.noise);
            let result = work(member, &data);
            member.noise = noise::state();
            result
        });
        done.into_iter().collect()
    }
}

impl<M> Ensemble<M> {
    /// The members.
    pub fn members(&self) -> &[Member<M>] {
        &self.members
    }
}

impl<M: BayesianModule + ModuleT> Ensemble<M> {
    /// The members' predictions for `x` `[batch, ..]` as one, all with the same weight: as many draws of each member as
    /// `predict` says, one member after the other.
    ///
    /// # Errors
    /// As [`Predict::run`].
    pub fn predict(&self, predict: &Predict, x: &Tensor) -> Result<Prediction> {
        let each = self.members.iter().map(|member| predict.run(&member.net, x));
        let each = each.collect::<Result<Vec<_>>>()?;
        let outputs: Vec<&Tensor> = each.iter().map(Prediction::outputs).collect();
        Prediction::from_outputs(Tensor::f_cat(&outputs, 0)?)
    }

    /// A lower bound of the mixture's ELBO on the rows of `x` and `y`, in nats: the mean of the members', with `draws` draws of
    /// each.
    ///
    /// The likelihood's term is that of the mixture itself. KL(q ‖ p) is convex in q, so it is no larger than the mean of
    /// the members'; it is smaller by log n where they don't overlap, and never by more.
    ///
    /// # Errors
    /// As [`Elbo::loss`].
    pub fn elbo(&self, likelihood: impl Likelihood, x: &Tensor, y: &Tensor, draws: usize) -> Result<f64> {
        let rows = x.size().first().map_or(0, |&n| n.max(0) as usize);
        let elbo = Elbo::new(likelihood, rows)?.draws(draws);
        let _no_grad = tch::no_grad_guard();
        let mut sum = 0.0;
        for member in &self.members {
            sum -= elbo.loss(&member.net, x, y)?.loss.f_double_value(&[])? * rows as f64;
        }
        Ok(sum / self.members.len() as f64)
    }
}

/// Neighbouring seeds and members must not meet: SplitMix64's mixing of both (Steele et al. 2014).
fn seed_of(seed: u64, member: u64) -> u64 {
    let mut z = seed.wrapping_add(member.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The results of all jobs, in their order. Each thread has one of libtorch's, as the jobs share the cores already.
fn on_threads<J: Send, T: Send>(
    threads: usize,
    jobs: Vec<J>,
    work: impl Fn(J) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let threads = threads.min(jobs.len());
    let jobs: Vec<_> = jobs.into_iter().map(|job| Mutex::new((Some(job), None))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                tch::set_num_threads(1);
                while let Some(place) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Ok(mut place) = place.lock() else { continue };
                    if let Some(job) = place.0.take() {
                        place.1 = Some(work(job));
                    }
                }
            });
        }
    });
    let lost = || Err(Error::configuration("ensemble", "a member without a result", "one for each"));
    let result = |place: Mutex<(Option<J>, Option<Result<T>>)>| {
        place.into_inner().ok().and_then(|(_, result)| result).unwrap_or_else(lost)
    };
    jobs.into_iter().map(result).collect()
}

#[cfg(test)]
mod tests {
    use tch::Kind;
    use tch::nn::Init;

    use super::*;
    use crate::likelihood::Gaussian;
    use crate::nn::{Linear, LinearConfig};
    use crate::{Fit, Posterior, Prior, inverse_softplus};

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn a_member_is_the_same_in_any_company_and_unlike_the_others() {
        let x = Tensor::linspace(-1.0, 1.0, 20, FLOAT).unsqueeze(1);
        let outputs = |n: usize| {
            let make = |p: &Path| Linear::try_new(p, 1, 1, LinearConfig::default());
            let mut ensemble = Ensemble::new(n, 7, Device::Cpu, make).unwrap();
            assert!(ensemble.members().iter().map(|member| member.number).eq(0..n));
            let each = ensemble.each(&[x.shallow_clone(), &x * 2.0], |member, data| {
                let fit = Fit::new(Gaussian::fixed(0.1)?).epochs(3).batch_size(8).progress(false);
                fit.run(&member.net, &member.vs, &data[0], &data[1])?;
                Ok(Predict::new().draws(4).run(&member.net, &data[0])?.outputs().shallow_clone())
            });
            each.unwrap()
        };
        let (alone, three) = (outputs(1), outputs(3));
        assert_eq!(alone[0], three[0]);
        assert_ne!(three[0], three[1]);
        assert_eq!(three, outputs(3));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let draw = |threads| {
            let seeds = (0..5).map(|member| State { seed: seed_of(3, member), ..State::default() });
            let made = on_threads(threads, seeds.collect(), |state| {
                noise::restore(state);
                Ok(noise::normals(noise::Stream::new().next_key(), &[100], Kind::Float, Device::Cpu))
            });
            made.into_iter().collect::<Result<Vec<_>>>().unwrap()
        };
        assert_eq!(draw(1), draw(4));
    }

    #[test]
    fn the_first_mistake_of_a_member_is_the_ensembles() {
        let make = |p: &Path| Linear::try_new(p, 1, 1, LinearConfig::default());
        assert!(Ensemble::new(0, 1, Device::Cpu, make).is_err());
        let mut ensemble = Ensemble::new(3, 1, Device::Cpu, make).unwrap();
        let refused = ensemble.each(&[], |_, _| Err::<(), _>(Error::configuration("x", 1, "2")));
        assert!(refused.unwrap_err().to_string().contains('x'));
        let wrong = Tensor::zeros([2, 5], FLOAT);
        assert!(ensemble.predict(&Predict::new(), &wrong).is_err());
    }

    /// One weight w ~ N(0, 1), y_i = w x_i + N(0, σ²): with every member the exact posterior, the mixture is it too and the
    /// ELBO the log evidence, log N(y; 0, σ² I + x xᵀ); with any other members it is less.
    #[test]
    fn its_elbo_is_the_evidence_at_the_exact_posterior_and_less_elsewhere() {
        let (x, y, noise) = ([0.5f64, -1.0, 2.0], [0.4f64, -1.2, 2.1], 0.5f64);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let precision = 1.0 + dot(&x, &x) / noise.powi(2);
        let mean = dot(&x, &y) / noise.powi(2) / precision;
        let log_evidence = -0.5
            * (3.0 * (std::f64::consts::TAU * noise.powi(2)).ln()
                + precision.ln()
                + dot(&y, &y) / noise.powi(2)
                - mean.powi(2) * precision);
        let column = |v: &[f64]| Tensor::from_slice(v).to_kind(Kind::Float).unsqueeze(1);
        let elbo = |means: [f64; 2]| {
            let number = std::sync::atomic::AtomicUsize::new(0);
            let config = |mu: f64| LinearConfig {
                bias: false,
                prior: Prior::Gaussian { mean: 0.0, std: 1.0 },
                posterior: Posterior::Gaussian {
                    mu: Init::Const(mu),
                    rho: Init::Const(inverse_softplus(precision.powf(-0.5))),
                },
                ..LinearConfig::default()
            };
            let make = |p: &Path| {
                Linear::try_new(p, 1, 1, config(means[number.fetch_add(1, Ordering::Relaxed) % 2]))
            };
            let ensemble = Ensemble::new(2, 5, Device::Cpu, make).unwrap();
            ensemble.elbo(Gaussian::fixed(noise).unwrap(), &column(&x), &column(&y), 4000).unwrap()
        };
        // A draw's log-likelihood has the standard deviation of (w - mean)² Σx² / 2σ², at most 1/sqrt(2) nats.
        let error = 5.0 * 0.5f64.sqrt() / 8000f64.sqrt();
        assert!((elbo([mean, mean]) - log_evidence).abs() < error);
        // A member away by d costs d² precision / 2, here 2 nats, half of it in the mean; its draws vary by 2 nats more.
        let away = mean + 2.0 / precision.sqrt();
        assert!((elbo([mean, away]) - (log_evidence - 1.0)).abs() < 3.0 * error);
    }
}
