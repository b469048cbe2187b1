//! A random parameter: an id, its variables, their family, the prior, and perhaps a held draw.

mod draw;
mod earlier;
mod edit;
mod estimator;
pub(crate) mod family;
pub(crate) mod fused;
mod id;
mod initial;
mod kl;
mod posterior;
mod prior;

pub use draw::Draw;
pub(crate) use draw::Held;
pub(crate) use earlier::{Earlier, PARTS, POINT};
pub use estimator::Estimator;
pub(crate) use family::{AXES, InputUnits};
pub use family::{Counts, Family, PriorOf, Start, Variables};
pub(crate) use family::{FACTORS, FACTORS_PACE, Factors, INPUT_RHO, Lora};
pub(crate) use id::ById;
pub use id::ParameterId;
pub use posterior::Posterior;
pub use prior::{Custom, Prior};

use std::borrow::Borrow;
use std::cell::Cell;

use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result, Within};
use crate::noise::{Key, Stream};

/// A parameter of a layer with a prior and a posterior over its values.
///
/// With [`Posterior::Plain`] it is a plain weight: no draw, no KL, not counted.
///
/// ```
/// use illia_core::{Posterior, Prior, RandomParameter};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let weight = RandomParameter::new(vs.root(), "weight", &[3, 5], 5, Prior::default(), Posterior::default())?;
/// assert_eq!(weight.num_params(), 15);
/// assert_eq!(weight.draw().weights().size(), [3, 5]);
/// assert!(vs.variables().contains_key("weight.mu") && vs.variables().contains_key("weight.rho"));
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RandomParameter {
    id: ParameterId,
    /// Where it stands in its store: `head.weight`.
    name: String,
    variables: Variables,
    posterior: Posterior,
    /// None for a plain weight.
    family: Option<Box<dyn Family>>,
    /// A fit may find the scale of a prior that nobody chose.
    prior: Cell<Prior>,
    /// Whether nobody chose it, nor the posterior.
    prior_is_automatic: bool,
    /// Where the prior is centred, if not at its own mean: one value for each element.
    prior_centre: Option<Tensor>,
    /// What [`Prior::Earlier`] is.
    earlier: Option<Earlier>,
    /// softplus of it is a learned prior's scale.
    prior_rho: Option<Tensor>,
    /// The elements that are no longer part of the model: 0 in every draw, without KL or gradient.
    pruned: Option<edit::Pruned>,
    /// A row of the whole tensor that is no random parameter: an embedding's padding.
    omitted_row: Option<i64>,
    /// Whether its layer computes several draws at once.
    stackable: bool,
    /// Whether its layer notes what goes in and out of it ([`pass::record`](crate::pass)).
    noted: bool,
    /// What its layer was made to compute its output by.
    estimator: Option<Estimator>,
    stream: Stream,
    held: Option<Held>,
    /// The latest forward's draw.
    latest: Cell<Option<Key>>,
}

impl RandomParameter {
    /// Adds the parameter's variables to `p`: `name.mu` and `name.rho` for a Gaussian posterior,
    /// `name.mu` for points and dropout, that and `name.input_rho` for Gaussian dropout, `name` for a plain weight, `name.mu`, `name.lora_a`, `name.lora_a_rho` and `name.lora_b`
    /// for an adapter (with [`Posterior::Lora`] what has fewer than two axes is a plain weight that is not trained).
    ///
    /// `fan_in` is the number of inputs of one output unit; initialisations scale with it.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a number outside of its range, a size below 1, or a path that another layer has; then the
    /// store is as before. [`Error::Torch`] if the memory can't be had.
    pub fn new<'a>(
        p: impl Borrow<Path<'a>>,
        name: &str,
        shape: &[i64],
        fan_in: i64,
        prior: Prior,
        posterior: Posterior,
    ) -> Result<Self> {
        Self::of_input_units(p, name, shape, fan_in, prior, posterior, InputUnits::default())
    }

    /// [`new`](Self::new) for a weight whose input units lie elsewhere than along its second axis.
    pub(crate) fn of_input_units<'a>(
        p: impl Borrow<Path<'a>>,
        name: &str,
        shape: &[i64],
        fan_in: i64,
        prior: Prior,
        posterior: Posterior,
        input_units: InputUnits,
    ) -> Result<Self> {
        prior.validate()?;
        posterior.validate()?;
        // There is no rank to lower in a vector: it stays what it is loaded as.
        let stays = shape.len() < 2 && matches!(posterior, Posterior::Lora { .. });
        let posterior = if stays { posterior.into_plain() } else { posterior };
        if shape.iter().any(|&n| n < 1) {
            return Err(Error::configuration("size", format!("{shape:?}"), "every axis at least 1"));
        }
        // Where the memory can't be had, libtorch says so here; later it would be a panic.
        let elements = shape.iter().try_fold(1i64, |product, &n| product.checked_mul(n));
        if elements.is_none_or(|n| n > i64::MAX / 16) {
            return Err(Error::configuration("size", format!("{shape:?}"), "what fits in memory"));
        }
        drop(Tensor::f_empty(shape, (Kind::Double, Device::Cpu)).within(name)?);
        let p = p.borrow();
        let (family, stream) = (posterior.family(), Stream::new());
        let start = Start { shape, fan_in, kind: p.kind(), device: p.device(), input_units, stream: &stream };
        let starts = match (&family, &posterior) {
            (Some(family), _) => family.start(&start),
            (None, Posterior::Plain { init }) => vec![("", start.initial(*init))],
            (None, _) => Vec::new(),
        };
        if starts.first().is_none_or(|(_, mu)| mu.size() != shape) {
            return Err(Error::configuration(
                "family",
                posterior.name(),
                "one that starts `mu` in the parameter's shape",
            ));
        }
        let own = p / name;
        let taken = starts.iter().find(|(variable, _)| match variable.is_empty() {
            true => p.get(name).is_some(),
            false => own.get(variable).is_some(),
        });
        let path = full_name(p, name);
        if taken.is_some() {
            return Err(Error::configuration(
                "path",
                path,
                "a path of its own for each layer; another one has this",
            ));
        }
        let fixed = family.as_ref().map_or(&[] as &[&str], |family| family.fixed());
        let mut all = Vec::new();
        for (variable, start) in starts {
            let (at, called) = if variable.is_empty() { (p, name) } else { (&own, variable) };
            let added = match stays || fixed.contains(&variable) {
                true => at.f_zeros_no_train(called, &start.size()).and_then(|mut zeros| {
                    tch::no_grad(|| zeros.f_copy_(&start))?;
                    Ok(zeros)
                }),
                false => at.f_var_copy(called, &start),
            };
            all.push((variable, added.within(name)?));
        }
        let prior_is_automatic = prior == Prior::Automatic && posterior.is_automatic();
        let prior = prior.scaled(shape, fan_in);
        let prior_rho = match prior {
            Prior::LearnedGaussian { std } if family.is_some() => {
                let start = Tensor::from(inverse_softplus(std)).to_kind(p.kind()).to_device(p.device());
                Some(own.f_var_copy(PRIOR_RHO, &start).within(name)?)
            }
            _ => None,
        };
        Ok(RandomParameter {
            id: ParameterId::new(),
            name: path,
            variables: Variables::new(all, input_units),
            posterior,
            family,
            prior: Cell::new(prior),
            prior_is_automatic,
            prior_centre: None,
            earlier: None,
            prior_rho,
            pruned: None,
            omitted_row: None,
            stackable: false,
            noted: false,
            estimator: None,
            stream,
            held: None,
            latest: Cell::new(None),
        })
    }

    /// What the parameter is known by in this process.
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// Its layer's path and its own name: `head.weight`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name of each of its variables in their store, with the variable: those of its family, and a learned prior's scale.
    pub fn named_variables(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let own = self.variables.all.iter().map(|(variable, tensor)| (*variable, tensor));
        own.chain(self.prior_rho.as_ref().map(|rho| (PRIOR_RHO, rho))).map(|(variable, tensor)| {
            let name =
                if variable.is_empty() { self.name.clone() } else { format!("{}.{variable}", self.name) };
            (name, tensor)
        })
    }

    /// The posterior's location: its mean for a Gaussian; the weight itself for a plain one.
    pub fn mu(&self) -> &Tensor {
        self.variables.mu()
    }

    /// What sigma = softplus(rho) comes from; Gaussian posteriors have it.
    pub fn rho(&self) -> Option<&Tensor> {
        match self.posterior {
            Posterior::Automatic | Posterior::AutomaticLast | Posterior::Gaussian { .. } => {
                self.variables.get("rho")
            }
            _ => None,
        }
    }

    /// What its spread is the softplus of, with the variable's name: rho, or that of Gaussian dropout's factors. A family of one's own may
    /// call a variable so and mean something else.
    pub(crate) fn spread(&self) -> Option<(&'static str, &Tensor)> {
        match self.posterior {
            Posterior::GaussianDropout { .. } => {
                self.variables.get(INPUT_RHO).map(|of_units| (INPUT_RHO, of_units))
            }
            _ => self.rho().map(|rho| ("rho", rho)),
        }
    }

    /// The posterior's standard deviation of each element, in the graph; Gaussian posteriors have it. It is softplus(rho) =
    /// log(1 + exp(rho)) but where the elements covary, and [`axes`](Self::axes) along which they don't have it instead.
    pub fn sigma(&self) -> Option<Tensor> {
        self.sigma_along_axes().map(|sigma| self.variables.of_elements(sigma))
    }

    /// softplus(rho), in the graph; Gaussian posteriors have it.
    pub(crate) fn sigma_along_axes(&self) -> Option<Tensor> {
        self.rho().map(Tensor::softplus)
    }

    /// The directions along which the elements of each of a weight's rows are independent with standard deviations of softplus(rho):
    /// an orthogonal matrix `[inputs, inputs]` with one in each column. None where those are the elements' own.
    pub fn axes(&self) -> Option<&Tensor> {
        self.variables.axes()
    }

    /// Whether there is a variable for axes.
    pub(crate) fn has_axes(&self) -> bool {
        self.variables.get(family::AXES).is_some()
    }

    /// Turns the axes, where there is a variable for them.
    pub(crate) fn set_axes(&self, axes: &Tensor) {
        if self.has_axes() {
            self.variables.set_axes(axes);
            self.forget_latest();
        }
    }

    /// The variables of the posterior's family.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The posterior's family, as it was declared.
    pub fn posterior(&self) -> Posterior {
        self.posterior
    }

    pub(crate) fn family(&self) -> Option<&dyn Family> {
        self.family.as_deref()
    }

    /// The prior.
    pub fn prior(&self) -> Prior {
        self.prior.get()
    }

    /// Whether the prior's scale is for a fit to find.
    pub(crate) fn prior_is_automatic(&self) -> bool {
        self.prior_is_automatic && self.earlier.is_none()
    }

    /// Says what a fit found for a prior that nobody chose; one that somebody chose stays.
    pub(crate) fn find_prior(&self, prior: Prior) {
        if self.prior_is_automatic() && prior.validate().is_ok() {
            self.prior.set(prior);
        }
    }

    /// Replaces the prior by one without a learned scale.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a number outside of its range, and
    /// for [`Prior::LearnedGaussian`], whose variable has to be there from the start.
    pub fn set_prior(&mut self, prior: Prior) -> Result<()> {
        prior.validate()?;
        if prior.is_learned() && self.prior_rho.is_none() {
            return Err(Error::configuration("prior", format!("{prior:?}"), "only when the layer is made"));
        }
        self.prior.set(prior);
        self.earlier = None;
        Ok(())
    }

    /// The variable behind a learned prior's scale.
    pub(crate) fn prior_rho(&self) -> Option<&Tensor> {
        self.prior_rho.as_ref()
    }

    /// Where the prior is centred, if not at its own mean.
    pub(crate) fn prior_centre(&self) -> Option<&Tensor> {
        self.prior_centre.as_ref()
    }

    /// Gives the prior a centre, or takes it away.
    pub(crate) fn set_prior_centre(&mut self, centre: Option<Tensor>) {
        self.prior_centre = centre;
    }

    /// Whether its layer computes several draws at once, or needs not since it is the same in all.
    pub(crate) fn is_stackable(&self) -> bool {
        self.stackable || self.held.is_some() || !self.is_random()
    }

    /// Whether its layer computes several draws at once.
    pub(crate) fn stacks(&self) -> bool {
        self.stackable
    }

    /// Says that its layer does.
    pub(crate) fn set_stackable(&mut self) {
        self.stackable = true;
    }

    /// Whether its layer notes what goes in and out of it, in a pass that asks for that.
    pub(crate) fn is_noted(&self) -> bool {
        self.noted
    }

    /// Says that its layer does.
    pub(crate) fn set_noted(&mut self) {
        self.noted = true;
    }

    /// The estimator that its layer was made with, where it has one.
    pub(crate) fn estimator(&self) -> Option<Estimator> {
        self.estimator
    }

    /// Says which estimator its layer was made with.
    pub(crate) fn set_estimator(&mut self, estimator: Estimator) {
        self.estimator = Some(estimator);
    }

    /// A row of the whole tensor that is no random parameter.
    pub(crate) fn omitted_row(&self) -> Option<i64> {
        self.omitted_row
    }

    /// Says which row of the whole tensor is no random parameter.
    pub(crate) fn set_omitted_row(&mut self, row: Option<i64>) {
        self.omitted_row = row;
    }

    /// The keys of its draws.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Whether there is anything random about it: false for plain weights.
    pub fn is_random(&self) -> bool {
        self.family.is_some()
    }

    /// Whether two of its draws differ.
    pub(crate) fn is_spread(&self) -> bool {
        self.family().is_some_and(Family::is_spread)
    }

    /// The number of random elements, without the pruned ones; 0 for a plain weight.
    pub fn num_params(&self) -> usize {
        self.counts().random.saturating_sub(self.num_pruned())
    }

    /// The number of weights, random or plain, pruned or not.
    pub fn num_weights(&self) -> usize {
        let counts = self.counts();
        counts.random + counts.plain
    }

    fn counts(&self) -> Counts {
        match self.family() {
            Some(family) => family.counts(&self.variables),
            None => Counts { random: 0, plain: self.mu().numel() },
        }
    }

    pub(crate) fn kind_device(&self) -> (Kind, Device) {
        (self.mu().kind(), self.mu().device())
    }
}

const PRIOR_RHO: &str = "prior_rho";

/// `name` at `p`, dotted.
pub(crate) fn full_name(p: &Path<'_>, name: &str) -> String {
    p.components().chain([name]).collect::<Vec<_>>().join(".")
}

/// The rho for which softplus(rho) is `sigma`, stable for small and large values.
pub fn inverse_softplus(sigma: f64) -> f64 {
    if sigma > 20.0 { sigma } else { sigma.exp_m1().ln() }
}
