//! The gradients of one step, added up over its draws and parts.

use tch::Tensor;

use super::clip::{Clip, UsualNorm};
use super::variables::Variables;
use crate::error::{Error, Result};
use crate::noise::{self, Key};
use crate::parameter::fused::{self, Gradients};
use crate::parameter::{ById, ParameterId, RandomParameter};
use crate::pass::Pass;
use crate::processes::{self, ProcessGroup, Reduction};
use crate::simd::finite;

/// The gradients of the trained variables and of the leaves.
pub(super) struct Sums {
    /// In the order of the store's variables; those that are not trained, or that autograd did not reach, have none.
    pub of_variables: Vec<Option<Tensor>>,
    pub of_leaves: OfLeaves,
    draws: usize,
}

#[derive(Default)]
pub(super) struct OfLeaves(ById<OfParameter>);

/// The gradients of one parameter's leaves.
#[derive(Default)]
struct OfParameter {
    /// Of the only draw's weights.
    weights: Option<(Tensor, Key)>,
    /// Of several draws' weights, or of one whose elements covary: their sum, and the sum of each times its noise.
    of_mu: Option<Tensor>,
    /// With those of sigma itself.
    of_sigma: Option<Tensor>,
}

impl Sums {
    pub(super) fn new(variables: usize, draws: usize) -> Sums {
        Sums { of_variables: (0..variables).map(|_| None).collect(), of_leaves: OfLeaves::default(), draws }
    }

    /// Adds the gradients of `loss` by those variables that are trained and by the leaves. `fresh` where the draw in use was
    /// made for it.
    pub(super) fn backward(
        &mut self,
        loss: &Tensor,
        variables: &Variables,
        trained: &[bool],
        pass: &Pass,
        fresh: bool,
    ) -> Result<()> {
        let leaves = pass.leaves();
        let of_leaves = leaves.iter().flat_map(|leaf| leaf.weights.iter().map(|(w, _)| w).chain(&leaf.sigma));
        let of_variables = variables.all().iter().zip(trained).filter(|(_, trained)| **trained);
        let of_variables = of_variables.map(|((_, variable), _)| variable);
        let inputs: Vec<&Tensor> = of_variables.chain(of_leaves).collect();
        if inputs.is_empty() {
            return Ok(());
        }
        let gradients = Tensor::f_run_backward(&[loss], &inputs, false, false);
        let gradients = gradients.map_err(|e| Error::torch("backward", &e))?;
        let mut gradients = gradients.into_iter().map(|gradient| gradient.defined().then(|| dense(gradient)));
        for (sum, _) in self.of_variables.iter_mut().zip(trained).filter(|(_, trained)| **trained) {
            add(sum, gradients.next().flatten());
        }
        for leaf in leaves {
            let of = self.of_leaves.0.entry(leaf.id).or_default();
            if let Some((_, key)) = leaf.weights
                && let Some(gradient) = gradients.next().flatten()
            {
                of.add_weights(gradient, key, leaf.axes.as_ref(), self.draws, fresh);
            }
            if leaf.sigma.is_some() {
                add(&mut of.of_sigma, gradients.next().flatten());
            }
        }
        Ok(())
    }

    /// Checks that all are numbers, then clips them.
    pub(super) fn finish(&mut self, clip: &Clip, usual: &mut UsualNorm) -> Result<()> {
        let no_number = Error::NonFinite { epoch: 0, step: 0, term: "gradient", value: f64::NAN };
        let mut squares = finite::sum_of_squares(self.all()).ok_or(no_number)?;
        let _no_grad = tch::no_grad_guard();
        if let Some(value) = clip.value {
            for gradient in self.all() {
                let _ = gradient.shallow_clone().clamp_(-value, value);
            }
            squares = finite::sum_of_squares(self.all()).unwrap_or(squares);
        }
        if let Some(factor) = clip.factor(squares, usual) {
            for gradient in self.all() {
                let _ = gradient.shallow_clone().g_mul_scalar_(factor);
            }
        }
        Ok(())
    }

    /// Adds up those of all processes, in one message for each kind of number.
    pub(super) fn reduce(&mut self, group: &dyn ProcessGroup, parameters: &[&RandomParameter]) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        let mut all: Vec<&mut Tensor> = self.in_order(parameters);
        while let Some(kind) = all.first().map(|gradient| gradient.kind()) {
            let (own, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|gradient| gradient.kind() == kind);
            let flat: Vec<Tensor> = own.iter().map(|gradient| gradient.reshape([-1])).collect();
            let mut flat = Tensor::f_cat(&flat, 0).map_err(|e| Error::torch("gradients", &e))?;
            group.all_reduce(&mut flat, Reduction::Sum)?;
            let mut start = 0;
            for gradient in own {
                let (shape, len) = (gradient.size(), gradient.numel() as i64);
                *gradient = flat.narrow(0, start, len).view(shape.as_slice());
                start += len;
            }
            all = rest;
        }
        Ok(())
    }

    /// A hash of which gradients there are, and by which noise: what has to be the same in all processes.
    pub(super) fn layout(&mut self, parameters: &[&RandomParameter]) -> u64 {
        let keys: Vec<_> = parameters
            .iter()
            .filter_map(|p| self.of_leaves.0.get(&p.id())?.weights.as_ref().map(|(_, key)| *key))
            .collect();
        let present: Vec<bool> = self.of_variables.iter().map(Option::is_some).collect();
        let shapes: Vec<_> = self.in_order(parameters).iter().map(|g| (g.kind(), g.size())).collect();
        processes::hash(format!("{present:?} {shapes:?} {keys:?}").as_bytes())
    }

    /// All gradients in an order that is the same in all processes: the store's, then the traversal's.
    fn in_order(&mut self, parameters: &[&RandomParameter]) -> Vec<&mut Tensor> {
        let mut leaves: ById<&mut OfParameter> =
            self.of_leaves.0.iter_mut().map(|(id, of)| (*id, of)).collect();
        let of_leaves = parameters.iter().filter_map(move |p| leaves.remove(&p.id())).flat_map(|of| {
            let weights = of.weights.as_mut().map(|(gradient, _)| gradient);
            weights.into_iter().chain(&mut of.of_mu).chain(&mut of.of_sigma)
        });
        self.of_variables.iter_mut().flatten().chain(of_leaves).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Tensor> {
        let of_leaves = self.of_leaves.0.values().flat_map(|of| {
            of.weights.iter().map(|(gradient, _)| gradient).chain(&of.of_mu).chain(&of.of_sigma)
        });
        self.of_variables.iter().flatten().chain(of_leaves)
    }
}

impl OfParameter {
    fn add_weights(&mut self, gradient: Tensor, key: Key, axes: Option<&Tensor>, draws: usize, fresh: bool) {
        if draws == 1 && axes.is_none() {
            let before = self.weights.take().filter(|_| !fresh);
            let sum = match before {
                Some((sum, _)) => sum + gradient,
                None => gradient,
            };
            self.weights = Some((sum, key));
            return;
        }
        let _no_grad = tch::no_grad_guard();
        let of_mu = self.of_mu.take().unwrap_or_else(|| gradient.zeros_like());
        let of_sigma = self.of_sigma.take().unwrap_or_else(|| gradient.zeros_like());
        if axes.is_none() && fused::accumulate(&of_mu, &of_sigma, &gradient, key) {
            (self.of_mu, self.of_sigma) = (Some(of_mu), Some(of_sigma));
            return;
        }
        let eps = noise::normals(key, &gradient.size(), gradient.kind(), gradient.device());
        let along = axes.map_or_else(|| gradient.shallow_clone(), |axes| gradient.matmul(axes));
        (self.of_mu, self.of_sigma) = (Some(of_mu + &gradient), Some(of_sigma + along * eps));
    }
}

impl OfLeaves {
    /// A parameter's, with those of its variables.
    pub(super) fn gradients<'a>(
        &'a self,
        id: ParameterId,
        of_mu: Option<&'a Tensor>,
        of_rho: Option<&'a Tensor>,
    ) -> OfPosterior<'a> {
        OfPosterior { leaves: self.0.get(&id), of_mu, of_rho }
    }
}

/// All gradients of one mean-field Gaussian.
pub(super) struct OfPosterior<'a> {
    leaves: Option<&'a OfParameter>,
    of_mu: Option<&'a Tensor>,
    of_rho: Option<&'a Tensor>,
}

impl OfPosterior<'_> {
    /// Hands them to `f` in the form that updates take.
    pub(super) fn with<R>(&self, f: impl FnOnce(&Gradients<'_>) -> R) -> R {
        let leaves = self.leaves;
        let drawn = leaves.and_then(|leaves| leaves.of_mu.as_ref());
        let both = match (drawn, self.of_mu) {
            (Some(drawn), Some(own)) => Some(drawn + own),
            _ => None,
        };
        f(&Gradients {
            weights: leaves
                .and_then(|leaves| leaves.weights.as_ref())
                .map(|(gradient, key)| (gradient, *key)),
            mu: both.as_ref().or(drawn).or(self.of_mu),
            sigma: leaves.and_then(|leaves| leaves.of_sigma.as_ref()),
            rho: self.of_rho,
        })
    }
}

fn add(sum: &mut Option<Tensor>, gradient: Option<Tensor>) {
    if let Some(gradient) = gradient {
        *sum = Some(match sum.take() {
            Some(sum) => sum + gradient,
            None => gradient,
        });
    }
}

/// A gradient in the layout of its variable: autograd may return a sparse or an expanded one.
fn dense(gradient: Tensor) -> Tensor {
    if gradient.is_sparse() { gradient.to_dense(None, false) } else { gradient.contiguous() }
}
