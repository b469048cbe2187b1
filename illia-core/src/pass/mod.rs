//! Where a layer's weights come from while code runs forwards, and what it makes of them.
//!
//! There is one stack of passes a thread. A layer asks the innermost pass that knows its parameter's id; a parameter that no
//! pass knows, a teacher's inside a student's step, say, draws for itself at each use. What is frozen stays what it is.

mod draws;
mod elements;
mod estimate;
pub(crate) mod leaves;
mod linear_map;
mod note;
pub(crate) mod patches;
pub(crate) mod record;
mod sample;
mod stack;
pub(crate) mod stacked;

pub use draws::Draws;
pub(crate) use elements::Elements;
pub(crate) use linear_map::LinearMap;
pub(crate) use note::Use;
pub(crate) use stack::{Closed, Mode, Pass, Rows, Stack};

use tch::Tensor;
use tch::nn::ModuleT;

use crate::error::{Result, caught};
use crate::module::BayesianModule;
use crate::noise::{self, Key};
use crate::parameter::{Draw, Factors, Lora, Posterior, RandomParameter, fused};
use leaves::Leaves;
use stack::Site;

impl RandomParameter {
    /// The weights to compute with: the open pass's draw, or the one held if frozen, or a fresh one.
    ///
    /// The draw becomes the latest, which [`freeze`](Self::freeze) would hold, unless it was given.
    pub fn draw(&self) -> Draw {
        if let Some(held) = self.held_draw() {
            return held;
        }
        Draw::new(match stack::mode_of(self) {
            None => {
                if self.is_random() {
                    stack::stranger(self);
                }
                self.fresh_draw()
            }
            Some(Mode::Stacked(_)) => {
                stack::take_one(self);
                tch::no_grad(|| self.fresh_draw())
            }
            Some(Mode::Record) => {
                // Not by the layer's own way of noting what it does.
                stack::with_site(self, |site| {
                    if let Site::Watched = site {
                        *site = Site::Unwatched;
                    }
                });
                self.centre()
            }
            Some(mode) => stack::given(self).unwrap_or_else(|| self.draw_in(mode)),
        })
    }

    /// The draw of a pass that has one at a time.
    fn draw_in(&self, mode: Mode) -> Tensor {
        let leaves = matches!(mode, Mode::Train { .. }) && self.trains_by_leaves();
        let drawn = stack::with_site(self, |site| match site {
            Site::Drawn(weights) => Some(weights.shallow_clone()),
            Site::Unused if leaves => {
                let mut new = Leaves::default();
                let weights = new.draw(self, || self.next_key_as_latest());
                *site = Site::Leaves(new);
                Some(weights)
            }
            Site::Leaves(leaves) => Some(leaves.draw(self, || self.next_key_as_latest())),
            _ => None,
        });
        if let Some(weights) = drawn.flatten() {
            return weights;
        }
        // Outside of the stack: a family of the user's own may do whatever it likes.
        let weights = match mode {
            Mode::Graph | Mode::Train { .. } => self.fresh_draw(),
            Mode::Means => self.location(),
            Mode::Function | Mode::Stacked(_) => tch::no_grad(|| self.plain_draw()),
            Mode::Record => self.centre(),
        };
        stack::with_site(self, |site| *site = Site::Drawn(weights.shallow_clone()));
        weights
    }

    fn next_key_as_latest(&self) -> Key {
        // Leaves are of mean-field Gaussians, which are spread.
        self.next_draw().unwrap_or_else(|| self.stream().next_key())
    }

    /// A fresh draw without graph, by the one-pass kernel where there is one.
    fn plain_draw(&self) -> Tensor {
        let Some(key) = self.next_draw() else { return self.mu().detach() };
        if let Some(drawn) = self.drawn_on_gpu(&[key]) {
            return drawn.select(0, 0);
        }
        let out = self.rho().map(|_| self.mu().empty_like());
        match out.filter(|out| self.write_draw(out, key, false)) {
            Some(out) => out,
            None => self.draw_of(key),
        }
    }

    /// Writes one of a pass's draws without graph, one of `several` made together; false, and nothing is done, where no
    /// kernel does it.
    fn write_draw(&self, out: &Tensor, key: Key, several: bool) -> bool {
        if self.rho().is_none() || self.axes().is_some() {
            return false;
        }
        match self.scale(several) {
            Some(sigma) => fused::draw_scaled(out, self.mu(), &sigma, key),
            None => self.draw_into(out, Some(key), None).is_some(),
        }
    }

    /// A mean-field Gaussian's sigma without graph, made once for all draws of the open pass; None where no kernel makes it.
    fn scale(&self, several: bool) -> Option<Tensor> {
        stack::scale(self, several, || {
            if self.is_on_gpu() {
                return self.rho().map(|rho| rho.detach().softplus());
            }
            let sigma = self.mu().empty_like();
            self.draw_into(&sigma, None, None).map(|_| sigma)
        })
    }

    /// A mean-field Gaussian's draws without graph on a GPU, `[keys, ..]`, each as it would be alone; None elsewhere.
    fn drawn_on_gpu(&self, keys: &[Key]) -> Option<Tensor> {
        if !self.is_on_gpu() || self.axes().is_some() {
            return None;
        }
        let sigma = self.scale(true)?;
        let mu = self.mu().detach();
        let noise = |key: &Key| noise::normals(*key, &mu.size(), mu.kind(), mu.device());
        Some(Tensor::stack(&keys.iter().map(noise).collect::<Vec<_>>(), 0) * sigma + mu)
    }

    /// The weights of the next `draws` draws, `[draws, ..]`: those that as many passes would draw, and the same for every
    /// use in one forward. A parameter that is not random, or frozen, is the same in all.
    pub(crate) fn stacked_draws(&self, draws: i64) -> Tensor {
        let mut shape = vec![draws];
        shape.extend(self.mu().size());
        if let Some(given) = stack::given(self) {
            return given;
        }
        let known = stack::with_site(self, |site| match site {
            Site::Stacked(weights) => Some(weights.shallow_clone()),
            _ => None,
        });
        let Some(before) = known else {
            let one =
                self.held_draw().map_or_else(|| self.fresh_draw(), |held| held.weights().shallow_clone());
            return one.unsqueeze(0).expand(shape, false);
        };
        if let Some(stacked) = before {
            return stacked;
        }
        if self.is_on_gpu() && self.rho().is_some() && self.axes().is_none() {
            let keys: Vec<Key> = (0..draws).filter_map(|_| self.next_draw()).collect();
            if let Some(out) = self.drawn_on_gpu(&keys) {
                stack::with_site(self, |site| *site = Site::Stacked(out.shallow_clone()));
                return out;
            }
        }
        let out = Tensor::empty(shape, self.kind_device());
        for draw in 0..draws {
            let slot = out.select(0, draw);
            let key = self.next_draw();
            if key.is_none_or(|key| !self.write_draw(&slot, key, draws > 1)) {
                let weights = key.map_or_else(|| self.mu().shallow_clone(), |key| self.draw_of(key));
                slot.shallow_clone().copy_(&weights);
            }
        }
        stack::with_site(self, |site| *site = Site::Stacked(out.shallow_clone()));
        out
    }

    /// How the open pass stacks draws, if it does.
    pub(crate) fn stack(&self) -> Option<Stack> {
        match stack::mode_of(self) {
            Some(Mode::Stacked(stack)) if self.held().is_none() => Some(stack),
            _ => None,
        }
    }

    /// Whether a step of training, or its objective, is under way for it.
    pub(crate) fn is_in_training(&self) -> bool {
        matches!(stack::mode_of(self), Some(Mode::Train { .. } | Mode::Means | Mode::Graph))
    }

    /// Mean and standard deviation in the graph, the latter along the axes, for estimators that draw outputs: families that have them,
    /// where neither frozen nor in a pass of functions. The latest draw is forgotten, since such a forward has none.
    pub(crate) fn moments(&self) -> Option<(Tensor, Tensor)> {
        if self.held().is_some() || stack::given(self).is_some() {
            return None;
        }
        let mode = stack::mode_of(self);
        if matches!(mode, Some(Mode::Function | Mode::Record | Mode::Means | Mode::Train { draws: true, .. }))
        {
            return None;
        }
        if matches!(mode, Some(Mode::Train { .. })) && self.trains_by_leaves() {
            let sigma = stack::with_site(self, |site| {
                if let Site::Unused = site {
                    *site = Site::Leaves(Leaves::default());
                }
                match site {
                    Site::Leaves(leaves) => leaves.sigma(self),
                    _ => None,
                }
            });
            self.forget_latest();
            return Some((self.location(), sigma.flatten()?));
        }
        if let Some(Mode::Stacked(_)) = mode
            && self.rho().is_some()
            && let Some(sigma) = self.scale(true)
        {
            self.forget_latest();
            return Some((self.location(), sigma));
        }
        let (mean, std) = match self.sigma_along_axes() {
            Some(sigma) => (self.mu().shallow_clone(), sigma),
            None => self.family()?.moments(self.variables())?,
        };
        if mode.is_none() {
            stack::stranger(self);
        }
        self.forget_latest();
        Some(match self.pruned_mask() {
            Some(_) => (self.location(), std),
            None => (mean, std),
        })
    }

    /// An adapter's factors in the graph, where a step of training or its objective is under way and nothing is held or given:
    /// for estimators that go through them one after the other. The latest draw is forgotten.
    pub(crate) fn factors(&self) -> Option<Factors> {
        let Posterior::Lora { rank, alpha, rho } = self.posterior() else { return None };
        if self.held().is_some() || stack::given(self).is_some() || !self.is_in_training() {
            return None;
        }
        let factors = Lora { rank, alpha, rho }.factors(self.variables())?;
        self.forget_latest();
        Some(factors)
    }

    /// The standard deviations of its input units' factors, in the graph, where a step of training or its objective is under way and
    /// nothing is held or given: for estimators that give each example factors of its own. The latest draw is forgotten.
    pub(crate) fn factor_std(&self) -> Option<Tensor> {
        if self.held().is_some() || stack::given(self).is_some() || !self.is_in_training() {
            return None;
        }
        if !matches!(self.posterior(), Posterior::GaussianDropout { .. }) {
            return None;
        }
        let std = self.variables().factor_std()?;
        self.forget_latest();
        Some(std)
    }

    /// Whether it has a mean and a standard deviation to draw outputs by.
    pub(crate) fn has_moments(&self) -> bool {
        self.held().is_none()
            && stack::given(self).is_none()
            && (self.rho().is_some()
                || self.family().is_some_and(|family| family.moments(self.variables()).is_some()))
    }

    /// What `make` returns, made once for all draws of a pass.
    pub(crate) fn once_for_all_draws<E>(
        &self,
        make: impl FnOnce() -> Result<(Tensor, Tensor), E>,
    ) -> Result<(Tensor, Tensor), E> {
        let made = stack::with_site(self, |site| match site {
            Site::Shared(a, b) => Some((a.shallow_clone(), b.shallow_clone())),
            _ => None,
        });
        if let Some(Some(shared)) = made {
            return Ok(shared);
        }
        let (a, b) = make()?;
        stack::with_site(self, |site| *site = Site::Shared(a.shallow_clone(), b.shallow_clone()));
        Ok((a, b))
    }

    /// Fresh standard normals of `like`'s shape, from this parameter's stream: each row's own.
    pub(crate) fn output_noise(&self, like: &Tensor) -> Tensor {
        self.row_noise(&like.size(), like)
    }

    fn row_noise(&self, shape: &[i64], like: &Tensor) -> Tensor {
        let key = self.stream().next_key();
        noise::normals_from(key, first_element(shape), shape, like.kind(), like.device())
    }

    /// The same of another shape, whose first axis is that of the rows: each example's own.
    pub(crate) fn example_noise(&self, shape: &[i64], like: &Tensor) -> Tensor {
        elements::by_example(shape, |shape| self.row_noise(shape, like))
    }

    /// Fresh standard normals of the given shape, of the parameter's kind.
    pub(crate) fn noise_of(&self, shape: &[i64]) -> Tensor {
        let (kind, device) = self.kind_device();
        noise::normals(self.stream().next_key(), shape, kind, device)
    }

    /// The key of noise that a kernel makes.
    pub(crate) fn next_key(&self) -> Key {
        self.stream().next_key()
    }

    /// Fresh standard normals of the parameter's own shape.
    pub(crate) fn weight_noise(&self) -> Tensor {
        self.noise_of(&self.mu().size())
    }

    /// Fresh random signs of the given shape, of `like`'s kind: each example's own.
    pub(crate) fn signs(&self, shape: &[i64], like: &Tensor) -> Tensor {
        let key = self.stream().next_key();
        elements::by_example(shape, |shape| {
            let u = noise::uniforms_from(key, first_element(shape), shape, like.kind(), like.device());
            u.ge(0.5).to_kind(like.kind()) * 2.0 - 1.0
        })
    }
}

/// Uniforms in [0, 1) of `like`'s shape, each example's own.
pub(crate) fn uniforms_like(like: &Tensor, key: Key) -> Tensor {
    let shape = like.size();
    noise::uniforms_from(key, first_element(&shape), &shape, like.kind(), like.device())
}

/// Where the noise of a tensor's first row is in that of the whole batch, of which other processes may have rows before.
fn first_element(shape: &[i64]) -> usize {
    stack::rows().and_then(|rows| rows.first_element(shape)).unwrap_or(0)
}

/// A module's output, its error as a `Result`: by its fallible forward, where it has one. A user's own is stopped where the
/// profile unwinds; under `panic = "abort"` the process ends there.
pub(crate) fn forward<M: BayesianModule + ModuleT>(net: &M, x: &Tensor, train: bool) -> Result<Tensor> {
    net.try_forward_module(x, train).unwrap_or_else(|| caught(|| net.forward_t(x, train)))
}

/// `x` with the rows of all draws, where a forward of several is under way and `x` has those of one: for code that joins it
/// with what has all.
pub fn of_all_draws(x: &Tensor) -> Tensor {
    let Some(stack) = stack::innermost_stack() else { return x.shallow_clone() };
    if stack.draws < 2 || x.size().first() != Some(&stack.rows) {
        return x.shallow_clone();
    }
    let mut repeats = vec![1; x.dim()];
    if let Some(first) = repeats.first_mut() {
        *first = stack.draws;
    }
    x.repeat(repeats)
}
