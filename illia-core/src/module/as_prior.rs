//! What was learnt from yesterday's data is the prior of today's.

use crate::error::{Error, Result};
use crate::module::BayesianModule;

/// Makes the posterior of each random parameter of `net` its prior: what comes next is learnt under what is known already, as Bayes' rule has
/// it for data that come one set after the other (variational continual learning, Nguyen et al. 2018).
///
/// The posterior stays, so that the KL is 0 right after the call, and the next fit begins there. A
/// part of a net is a module too: of a net with a head for each task, call it with the trunk and the head that were trained. Plain weights
/// have no posterior and stay plain. The prior is part of the net, not of its variables: [`checkpoint::save`](crate::checkpoint::save) keeps it,
/// a `VarStore`'s own file does not; a printed net has `Earlier` for it.
///
/// [`Fit`](crate::Fit) and [`Trainer`](crate::Trainer) go by it with every optimiser, [`Ivon`](crate::Ivon) too. A net with nothing set is trained by
/// variational inference then, but for one of a single layer, whose posterior stays the exact one of all data.
///
/// # Errors
/// [`Error::Unfit`] names the first parameter whose posterior is no Gaussian over the weights (points, dropout, adapters, families of your own), is a
/// point that a fit with nothing set left, or has numbers that are not finite; then nothing has been changed.
///
/// ```
/// use illia_core::likelihood::Gaussian;
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{BayesianModule, Fit, posterior_as_prior};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let mut net = Linear::new(vs.root(), 1, 1, LinearConfig::default());
/// let x = Tensor::arange(20, (Kind::Float, Device::Cpu)).unsqueeze(1) / 10.0;
/// let y = &x * 2.0;
/// let fit = Fit::new(Gaussian::fixed(0.5)?).epochs(5).progress(false);
/// fit.run(&net, &vs, &x.narrow(0, 0, 10), &y.narrow(0, 0, 10))?;
/// posterior_as_prior(&mut net)?;
/// assert_eq!(net.kl_cost().nats.double_value(&[]), 0.0);
/// fit.run(&net, &vs, &x.narrow(0, 10, 10), &y.narrow(0, 10, 10))?; // knows all twenty
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn posterior_as_prior<M: BayesianModule + ?Sized>(net: &mut M) -> Result<()> {
    let parameters = net.parameters().into_iter();
    let mut all = parameters.map(|p| p.posterior_for_prior()).collect::<Result<Vec<_>>>()?.into_iter();
    net.each_parameter_mut(&mut |_, parameter| {
        if let Some(earlier) = all.next().flatten() {
            parameter.set_earlier(earlier);
        }
    });
    Ok(())
}

/// Makes the prior of each random parameter of `net` its posterior, where [`posterior_as_prior`] gave it that prior: what a fit has learnt
/// since is forgotten. So a net is fitted to a few kept examples before predictions, and goes on without them.
///
/// # Errors
/// [`Error::Unfit`] names the first random parameter that has another prior; then nothing has been changed.
///
/// ```
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{BayesianModule, posterior_as_prior, posterior_from_prior};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let mut net = Linear::new(vs.root(), 3, 2, LinearConfig::default());
/// assert!(posterior_from_prior(&net).is_err());
/// posterior_as_prior(&mut net)?;
/// // .. fit to the kept examples, and predict ..
/// posterior_from_prior(&net)?;
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn posterior_from_prior<M: BayesianModule + ?Sized>(net: &M) -> Result<()> {
    let parameters = net.parameters();
    if let Some(other) = parameters.iter().find(|p| p.is_random() && p.earlier().is_none()) {
        let problem = "its prior is none that `posterior_as_prior` made".to_owned();
        return Err(Error::Unfit { layer: other.name().to_owned(), problem });
    }
    parameters.iter().for_each(|parameter| parameter.start_at_earlier());
    Ok(())
}

#[cfg(test)]
mod tests;
