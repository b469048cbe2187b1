//! The stack of passes that are open in a thread, and what each knows of its parameters.

use std::cell::RefCell;
use std::marker::PhantomData;

use tch::Tensor;

use super::draws::Draws;
use super::leaves::{Leaf, Leaves};
use super::record::Record;
use crate::parameter::{ById, Estimator, ParameterId, RandomParameter};

/// Where weights come from while a pass is open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// One draw of each parameter, in the posterior's graph: plain autograd.
    Graph,
    /// One draw, of which what estimators consume are the leaves of a training step's graph.
    Train {
        /// Whether only draws are consumed, whatever the estimator.
        draws: bool,
        /// What [`Estimator::Automatic`] stands for.
        automatic: Estimator,
    },
    /// Every parameter's mean, in the variables' graph: a step that trains the means alone.
    Means,
    /// One draw without gradient: one function, whatever the estimator.
    Function,
    /// Several draws in one forward.
    Stacked(Stack),
    /// Every parameter's mean without gradient; layers that are linear in watched ones note what goes in and out.
    Record,
}

/// How many draws one forward computes, behind each other in the batch axis.
///
/// In such a forward a tensor has either the rows of one draw, which all draws share, or those of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    pub draws: i64,
    /// Examples of one draw.
    pub rows: i64,
    /// Whether only each example's own distribution is wanted, not one function for all of them.
    pub marginal: bool,
}

/// What a parameter has come to in a pass.
#[derive(Debug)]
pub(super) enum Site {
    /// It was not used yet.
    Unused,
    /// One draw.
    Drawn(Tensor),
    /// The leaves of a training step.
    Leaves(Leaves),
    /// `[draws, ..]`, for one forward.
    Stacked(Tensor),
    /// Mean and standard deviation of an output that all draws share.
    Shared(Tensor, Tensor),
    /// Its layer notes what goes in and out.
    Watched,
    /// So it was asked, but code that knows nothing of that took the weights.
    Unwatched,
}

/// One pass: its parameters by their ids.
#[derive(Debug)]
struct Frame {
    mode: Mode,
    sites: ById<Site>,
    /// softplus(rho) of parameters that were drawn more than once.
    scales: ById<Tensor>,
    /// Whether a draw was made before the current one.
    renewed: bool,
    /// Draws that were given, and which of them is next.
    given: Option<(Draws, i64)>,
    /// Random parameters that no pass knew, with the names of their variables.
    strangers: Vec<(String, Tensor)>,
    /// Whether a forward of several draws came by code that takes one.
    one_taken: bool,
    /// What layers noted.
    records: Vec<Record>,
    /// Where among a batch's rows those that go through the net are, where other processes have the rest.
    rows: Option<Rows>,
}

/// Some rows of a batch: the number of the first, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub first: usize,
    pub len: usize,
}

impl Rows {
    /// The number of the first of the batch's elements that a tensor of `shape`, one row after the other, holds; None for one
    /// that has no rows of examples.
    pub(super) fn first_element(self, shape: &[i64]) -> Option<usize> {
        let axis = usize::try_from(*shape.first()?).ok().filter(|axis| axis.is_multiple_of(self.len))?;
        let inner: i64 = shape.iter().skip(1).product();
        Some(self.first * (axis / self.len) * usize::try_from(inner).ok()?)
    }
}

/// What a pass leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    /// What the estimators consumed.
    pub leaves: ById<Leaves>,
    /// The variables of random parameters that drew for themselves, by name.
    pub strangers: Vec<(String, Tensor)>,
}

thread_local! {
    static PASSES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// A pass that is open until this is dropped, also when a user's forward panics. Passes close in the reverse of the order in
/// which they were opened, and stay in their thread.
#[derive(Debug)]
pub(crate) struct Pass {
    depth: usize,
    not_send: PhantomData<*const ()>,
}

impl Pass {
    /// Opens a pass over those of the parameters that are not frozen; over all of them where it records.
    pub(crate) fn over(parameters: &[&RandomParameter], mode: Mode, given: Option<Draws>) -> Pass {
        let all = matches!(mode, Mode::Record);
        let is_open = |parameter: &RandomParameter| parameter.is_random() && parameter.held().is_none();
        let open = parameters.iter().filter(|parameter| all || is_open(parameter));
        let sites = open.map(|parameter| (parameter.id(), Site::Unused)).collect();
        let given = given.map(|draws| (draws, 0));
        let depth = PASSES.with_borrow_mut(|passes| {
            passes.push(Frame {
                mode,
                sites,
                scales: ById::default(),
                renewed: false,
                given,
                strangers: Vec::new(),
                one_taken: false,
                records: Vec::new(),
                rows: None,
            });
            passes.len()
        });
        Pass { depth, not_send: PhantomData }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Frame) -> R) -> Option<R> {
        PASSES.with_borrow_mut(|passes| passes.get_mut(self.depth - 1).map(f))
    }

    /// Lets the next forward make other draws, `draws` of them if several at once.
    pub(crate) fn renew(&self, draws: i64) {
        self.with(|frame| {
            frame.renewed = true;
            if let Some((_, next)) = &mut frame.given {
                *next += match frame.mode {
                    Mode::Stacked(stack) => stack.draws,
                    _ => 1,
                };
            }
            if let Mode::Stacked(stack) = &mut frame.mode {
                stack.draws = draws;
            }
            for site in frame.sites.values_mut() {
                match site {
                    Site::Leaves(leaves) => leaves.renew(),
                    Site::Shared(..) => {}
                    _ => *site = Site::Unused,
                }
            }
        });
    }

    /// Says which rows of a batch the next forward computes, so that their noise is theirs whoever computes them.
    pub(crate) fn computes(&self, rows: Rows) {
        self.with(|frame| frame.rows = Some(rows));
    }

    /// What a step's loss is to be differentiated by: the leaves of the draw in use.
    pub(crate) fn leaves(&self) -> Vec<Leaf> {
        let all = self.with(|frame| {
            let sites = frame.sites.iter().filter_map(|(id, site)| match site {
                Site::Leaves(leaves) => Some(leaves.in_use(*id)),
                _ => None,
            });
            sites.collect()
        });
        all.unwrap_or_default()
    }

    /// A parameter's KL in nats, where its draw's pass over memory summed it.
    pub(crate) fn closed_kl(&self, id: ParameterId) -> Option<f64> {
        self.with(|frame| match frame.sites.get(&id)? {
            Site::Leaves(leaves) => leaves.kl(),
            _ => None,
        })
        .flatten()
    }

    /// Lets the layers of these parameters note what goes in and out.
    pub(crate) fn watch(&self, ids: impl IntoIterator<Item = ParameterId>) {
        self.with(|frame| frame.sites.extend(ids.into_iter().map(|id| (id, Site::Watched))));
    }

    /// What layers noted since it was last asked for.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.with(|frame| std::mem::take(&mut frame.records)).unwrap_or_default()
    }

    /// Whether code that notes nothing took a watched parameter.
    pub(crate) fn missed(&self, id: ParameterId) -> bool {
        self.with(|frame| matches!(frame.sites.get(&id), Some(Site::Unwatched))).unwrap_or(false)
    }

    /// Whether a forward of several draws came by code that takes a single one: its output means nothing then.
    pub(crate) fn took_one(&self) -> bool {
        self.with(|frame| frame.one_taken).unwrap_or(false)
    }

    /// Ends the pass.
    pub(crate) fn close(self) -> Closed {
        let closed = self.with(|frame| {
            let sites = std::mem::take(&mut frame.sites).into_iter();
            let leaves = sites.filter_map(|(id, site)| match site {
                Site::Leaves(leaves) => Some((id, leaves)),
                _ => None,
            });
            Closed { leaves: leaves.collect(), strangers: std::mem::take(&mut frame.strangers) }
        });
        closed.unwrap_or_default()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        PASSES.with_borrow_mut(|passes| passes.truncate(self.depth - 1));
    }
}

/// The mode of the innermost pass that knows the parameter.
pub(super) fn mode_of(parameter: &RandomParameter) -> Option<Mode> {
    PASSES.with_borrow(|passes| {
        passes.iter().rev().find_map(|frame| frame.knows(parameter.id()).then_some(frame.mode))
    })
}

/// The innermost forward of several draws, if one is under way.
pub(super) fn innermost_stack() -> Option<Stack> {
    PASSES.with_borrow(|passes| match passes.last()?.mode {
        Mode::Stacked(stack) => Some(stack),
        _ => None,
    })
}

/// Which rows of a batch the innermost pass computes, where it has not all.
pub(super) fn rows() -> Option<Rows> {
    PASSES.with_borrow(|passes| passes.last()?.rows)
}

/// Notes that a single draw was taken in a forward of several.
pub(super) fn take_one(parameter: &RandomParameter) {
    PASSES.with_borrow_mut(|passes| {
        if let Some(frame) = passes.iter_mut().rev().find(|frame| frame.knows(parameter.id())) {
            frame.one_taken = true;
        }
    });
}

/// Whether the innermost pass that knows the parameter wants its layer to note what goes in and out.
pub(super) fn watches(parameter: &RandomParameter) -> bool {
    with_site(parameter, |site| matches!(site, Site::Watched | Site::Unwatched)).unwrap_or(false)
}

/// Notes what went in and out of the parameter's layer.
pub(super) fn note(parameter: &RandomParameter, record: Record) {
    PASSES.with_borrow_mut(|passes| {
        if let Some(frame) = passes.iter_mut().rev().find(|frame| frame.knows(parameter.id())) {
            frame.records.push(record);
        }
    });
}

/// Runs `f` on what the innermost pass that knows the parameter has of it.
pub(super) fn with_site<R>(parameter: &RandomParameter, f: impl FnOnce(&mut Site) -> R) -> Option<R> {
    PASSES.with_borrow_mut(|passes| {
        let frame = passes.iter_mut().rev().find(|frame| frame.sites.contains_key(&parameter.id()))?;
        frame.sites.get_mut(&parameter.id()).map(f)
    })
}

/// A parameter's softplus(rho), which `make` makes once for all draws of the innermost pass that knows it: from the second
/// draw on, or at once where `several` are made. A single draw is faster without.
pub(super) fn scale(
    parameter: &RandomParameter,
    several: bool,
    make: impl FnOnce() -> Option<Tensor>,
) -> Option<Tensor> {
    let id = parameter.id();
    let known = PASSES.with_borrow(|passes| {
        let frame = passes.iter().rev().find(|frame| frame.sites.contains_key(&id))?;
        (several || frame.renewed).then(|| frame.scales.get(&id).map(Tensor::shallow_clone))
    })?;
    if known.is_some() {
        return known;
    }
    let made = make()?;
    PASSES.with_borrow_mut(|passes| {
        if let Some(frame) = passes.iter_mut().rev().find(|frame| frame.sites.contains_key(&id)) {
            frame.scales.insert(id, made.shallow_clone());
        }
    });
    Some(made)
}

/// The given draws of a parameter: the current one, or as many as one forward computes, `[draws, ..]`.
pub(super) fn given(parameter: &RandomParameter) -> Option<Tensor> {
    PASSES.with_borrow(|passes| {
        passes.iter().rev().find_map(|frame| {
            let (draws, next) = frame.given.as_ref()?;
            let all = draws.of(parameter.id())?;
            Some(match frame.mode {
                Mode::Stacked(stack) => all.narrow(0, *next, stack.draws),
                _ => all.select(0, *next),
            })
        })
    })
}

/// Notes that a random parameter which no pass knows drew for itself.
pub(super) fn stranger(parameter: &RandomParameter) {
    PASSES.with_borrow_mut(|passes| {
        if let Some(frame) = passes.last_mut()
            && matches!(frame.mode, Mode::Train { .. } | Mode::Means | Mode::Graph)
        {
            let all = parameter.named_variables().map(|(name, variable)| (name, variable.shallow_clone()));
            frame.strangers.extend(all);
        }
    });
}

impl Frame {
    fn knows(&self, id: ParameterId) -> bool {
        self.sites.contains_key(&id) || self.given.as_ref().is_some_and(|(draws, _)| draws.of(id).is_some())
    }
}
