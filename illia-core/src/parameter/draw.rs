//! Draws of one parameter: fresh, the latest, and the one that is held.

use tch::Tensor;

use super::RandomParameter;
use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// One concrete set of weights of one random parameter: a value, shared by the forward pass, the
/// KL and freezing.
#[derive(Debug)]
pub struct Draw {
    weights: Tensor,
}

impl Draw {
    pub(crate) fn new(weights: Tensor) -> Draw {
        Draw { weights }
    }

    /// The weights, within the autograd graph of the posterior unless frozen.
    pub fn weights(&self) -> &Tensor {
        &self.weights
    }
}

/// What every forward uses instead of a fresh draw.
#[derive(Debug)]
pub(crate) enum Held {
    /// Weights without gradient, since `freeze`.
    Weights(Tensor),
    /// Noise, from which the weights follow with their gradient, since `hold`.
    Noise(Tensor),
}

impl RandomParameter {
    /// What is held, as a draw.
    pub(crate) fn held_draw(&self) -> Option<Draw> {
        match self.held.as_ref()? {
            Held::Weights(weights) => Some(Draw::new(weights.shallow_clone())),
            Held::Noise(eps) => Some(Draw::new(self.with_noise(eps))),
        }
    }

    pub(crate) fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// The draw that belongs to a key, in the variables' graph.
    pub(crate) fn draw_of(&self, key: Key) -> Tensor {
        let Some(family) = self.family() else { return self.mu().shallow_clone() };
        match (&self.pruned, self.rho()) {
            (Some(_), Some(_)) => {
                let (kind, device) = self.kind_device();
                self.with_noise(&noise::normals(key, &self.mu().size(), kind, device))
            }
            _ => family.draw(&self.variables, key),
        }
    }

    /// mu + sigma * `eps`, with `eps` along the axes, in the variables' graph.
    pub(crate) fn with_noise(&self, eps: &Tensor) -> Tensor {
        match self.sigma_along_axes() {
            Some(sigma) => self.location() + self.variables.turned(sigma * eps),
            None => self.mu().shallow_clone(),
        }
    }

    /// The next draw's key, which becomes the latest. Where nothing is spread no noise is used up.
    pub(crate) fn next_draw(&self) -> Option<Key> {
        let key = self.is_spread().then(|| self.stream.next_key());
        self.latest.set(key);
        key
    }

    /// A fresh draw, in the variables' graph.
    pub(crate) fn fresh_draw(&self) -> Tensor {
        match self.next_draw() {
            Some(key) => self.draw_of(key),
            None => self.mu().shallow_clone(),
        }
    }

    /// The latest draw's key.
    pub(crate) fn latest(&self) -> Option<Key> {
        self.latest.get()
    }

    /// Forgets the latest forward's draw: what is in use is none, or the posterior has become another one since.
    pub(crate) fn forget_latest(&self) {
        self.latest.set(None);
    }

    /// Makes every draw mu + sigma * `eps` (along the [`axes`](Self::axes), where it has others than its own), with its gradient to mu and rho, until
    /// [`unfreeze`](Self::unfreeze): how given numbers are reproduced. For Gaussian posteriors;
    /// `eps` has mu's shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if `eps` is of another shape.
    pub fn hold(&mut self, eps: &Tensor) -> Result<()> {
        if eps.size() != self.mu().size() {
            let expected = format!("{:?}", self.mu().size());
            return Err(Error::Shape { layer: "Hold".to_owned(), expected, given: eps.size() });
        }
        let (kind, device) = self.kind_device();
        self.held = Some(Held::Noise(eps.detach().to_kind(kind).to_device(device)));
        Ok(())
    }

    /// Holds one draw without gradient: the latest forward's, or a new one if there was none.
    pub fn freeze(&mut self) {
        if self.is_frozen() || !self.is_random() {
            return;
        }
        let weights = tch::no_grad(|| match (&self.held, self.latest.get()) {
            (Some(Held::Noise(eps)), _) => self.with_noise(eps),
            (_, Some(key)) => self.draw_of(key),
            (_, None) => self.fresh_draw(),
        });
        // A point's draw shares its variable's memory, which training goes on to change.
        self.held = Some(Held::Weights(weights.detach().copy()));
    }

    /// Lets the held draw go; the next forward draws afresh, and so does [`freeze`](Self::freeze) if it comes first.
    pub fn unfreeze(&mut self) {
        self.held = None;
    }

    /// Whether one draw is held.
    pub fn is_frozen(&self) -> bool {
        matches!(self.held, Some(Held::Weights(_)))
    }

    /// Holds the posterior's mean, without gradient, until [`unfreeze`](Self::unfreeze).
    pub fn freeze_at_mean(&mut self) {
        if self.is_random() {
            let mean = tch::no_grad(|| self.mean_weights());
            self.held = Some(Held::Weights(mean.detach().copy()));
        }
    }

    /// The posterior's mean, pruned elements 0; a plain weight itself.
    pub(crate) fn mean_weights(&self) -> Tensor {
        match (self.family(), &self.pruned) {
            (None, _) => self.mu().shallow_clone(),
            (Some(_), Some(_)) => self.location(),
            (Some(family), None) => family.mean(&self.variables),
        }
    }
}
