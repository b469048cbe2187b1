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
use crate::{BayesianModule, Elbo, Predict, Prediction};

/// One member: a net, or a net and its likelihood, with its variables in a store of its own.
#[derive(Debug)]
pub struct Member<M> {
    /// What the constructor made.
    pub net: M,
    /// Its variables.
    pub vs: VarStore,
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
        let empty = (0..n as u64).map(|member| State { seed: seed_of(seed, member), ..State::default() });
        let made = on_threads(empty.collect(), |state| {
            noise::restore(state);
            let vs = VarStore::new(device);
            let net = make(&vs.root())?;
            Ok(Member { net, vs, noise: noise::state() })
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
        let own = || data.iter().map(Tensor::shallow_clone).collect::<Vec<_>>();
        let jobs = self.members.iter_mut().map(|member| (member, own()));
        let done = on_threads(jobs.collect(), |(member, data)| {
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

/// The results of all jobs, in their order. Each thread has one of libtorch's, as the jobs share the cores already.
fn on_threads<J: Send, T: Send>(jobs: Vec<J>, work: impl Fn(J) -> Result<T> + Sync) -> Vec<Result<T>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(jobs.len());
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
