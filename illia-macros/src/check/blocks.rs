//! Residual blocks, branches, repetition.

use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::{Expr, Ident, Visibility};

use super::{Checker, Place, State};
use crate::dim::{Cond, Dim, Level, Shape, computed, infix};
use crate::errors::Errors;
use crate::model::{Model, Node, Part};
use crate::parse::{Layer, Step};
use crate::say::Say;

/// A literal `repeat` that changes its shape is written out so often at most.
const UNROLLED: i64 = 256;

impl Checker<'_> {
    pub fn residual(
        &mut self,
        keyword: &Ident,
        project: Option<&(Ident, Layer)>,
        body: &[Step],
        state: State,
        place: &Place,
    ) -> (Vec<Node>, State) {
        if body.is_empty() {
            self.errors.at(keyword, "a `residual` needs steps: `residual { fc: Linear(16) -> relu }`");
        }
        let (nodes, after) = self.steps(body, state.clone(), place);
        let mut beside = state.clone();
        let project = project.map(|(name, layer)| {
            let place = place.inside("project");
            let made = self.layer("project", layer, false, &state);
            beside = State { shape: made.shape.clone(), giver: "`project`".into(), real: true };
            self.call(&Visibility::Inherited, name, &[], &place, &made)
        });
        let say = if project.is_some() {
            Say::new("the ends of a `residual` must be alike, but `project` gives ")
                .shape(&beside.shape)
                .text(format!(" and {} gives ", after.giver))
                .shape(&after.shape)
        } else {
            let fix = match (state.shape.dims(), after.shape.dims()) {
                (Some(a), Some(b)) => projection(a, b).unwrap_or_default(),
                _ => String::new(),
            };
            Say::new("the ends of a `residual` must be alike, but ")
                .text(format!("{} gives ", state.giver))
                .shape(&state.shape)
                .text(format!(" and {} gives ", after.giver))
                .shape(&after.shape)
                .text(fix)
        };
        let projected = project.is_some();
        let shape = match self.same_shape(keyword, &beside.shape, &after.shape, say) {
            false => Shape::Unknown(None),
            true if after.shape.is_unknown() || !projected => beside.shape,
            true => after.shape,
        };
        let node = Node::Residual { project, body: nodes };
        (vec![node], State { shape, giver: "the `residual`".into(), real: state.real || after.real })
    }

    /// Both are the same, on every axis.
    pub fn same_shape(&mut self, at: impl ToTokens, a: &Shape, b: &Shape, say: Say) -> bool {
        let cond = self.same(a, b);
        match cond {
            Some(cond) => self.require(at, cond, say),
            None => true,
        }
    }

    /// Whether two shapes are the same; `None` after a mistake.
    fn same(&self, a: &Shape, b: &Shape) -> Option<Cond> {
        match (a, b) {
            (Shape::Unknown(_), _) | (_, Shape::Unknown(_)) => None,
            (Shape::Known(a), Shape::Known(b)) => {
                if a.len() != b.len() {
                    return Some(Cond::Known(false));
                }
                let conds: Vec<Cond> = a.iter().zip(b).map(|(a, b)| a.equals(b)).collect();
                if conds.iter().any(|cond| matches!(cond, Cond::Known(false))) {
                    return Some(Cond::Known(false));
                }
                let mut tokens = Vec::new();
                for cond in conds {
                    if let Cond::Const(t) = cond {
                        tokens.push(t);
                    }
                }
                Some(if tokens.is_empty() {
                    Cond::Known(true)
                } else {
                    Cond::Const(infix(&tokens, &quote!(&&)))
                })
            }
            _ => {
                if a.text() == b.text()
                    && self.shape_tokens(a).to_string() == self.shape_tokens(b).to_string()
                {
                    return Some(Cond::Known(true));
                }
                let (a, b) = (self.shape_tokens(a), self.shape_tokens(b));
                Some(Cond::Const(quote!(#a.same(&#b))))
            }
        }
    }

    pub fn concat(
        &mut self,
        keyword: &Ident,
        branches: &[(Span, Vec<Step>)],
        state: State,
        place: &Place,
    ) -> (Vec<Node>, State) {
        if branches.is_empty() {
            self.errors.at(keyword, "a `concat` needs branches: `concat { { .. }, { .. } }`");
        }
        let mut nodes = Vec::new();
        let mut joined: Option<State> = None;
        let mut real = state.real;
        for (i, (span, steps)) in branches.iter().enumerate() {
            let (branch, after) = self.steps(steps, state.clone(), &place.inside(&i.to_string()));
            nodes.push(branch);
            real |= after.real;
            joined = Some(match joined {
                None => after,
                Some(before) => {
                    let at = Ident::new("branch", *span);
                    let what = "the branches of a `concat` may differ";
                    let shape = self.joined(&at, what, None, &before, &after);
                    State { shape, giver: before.giver, real }
                }
            });
        }
        let shape = joined.map_or(Shape::Unknown(None), |state| state.shape);
        let tokens = self.shape_tokens(&shape);
        (
            vec![Node::Concat { branches: nodes, shape: tokens }],
            State { shape, giver: "the `concat`".into(), real },
        )
    }

    /// Two shapes joined: along that axis, or the first that is no dynamic one.
    pub fn joined(
        &mut self,
        at: &Ident,
        what: &str,
        axis: Option<usize>,
        before: &State,
        after: &State,
    ) -> Shape {
        let private = self.private();
        let say = Say::new(format!("{what} in their features alone, but {} gives ", before.giver))
            .shape(&before.shape)
            .text(format!(" and {} gives ", after.giver))
            .shape(&after.shape);
        let say = match (axis, &before.shape, &after.shape) {
            (None, Shape::Known(a), Shape::Known(b)) => match only_other(a, b) {
                Some(other) if at != "branch" => say.text(format!("; `axis: {other}` joins them there")),
                _ => say,
            },
            _ => say,
        };
        match (&before.shape, &after.shape) {
            (Shape::Unknown(_), _) | (_, Shape::Unknown(_)) => Shape::Unknown(None),
            (Shape::Known(a), Shape::Known(b)) => {
                let first = |dims: &[Dim]| dims.iter().position(|dim| !dim.is_dynamic());
                let fits = a.len() == b.len() && (axis.is_some() || first(a) == first(b));
                let Some(axis) = axis.or(first(a)).filter(|axis| fits && *axis < a.len()) else {
                    self.errors.at(at, say.plain());
                    return Shape::Unknown(None);
                };
                let without = |dims: &[Dim]| {
                    let others = dims.iter().enumerate().filter(|(i, _)| *i != axis);
                    Shape::Known(others.map(|(_, dim)| dim.clone()).collect())
                };
                if let Some(cond) = self.same(&without(a), &without(b))
                    && !self.require(at, cond, say)
                {
                    return Shape::Unknown(None);
                }
                let mut dims = a.clone();
                if let (Some(x), Some(y)) = (a.get(axis), b.get(axis))
                    && let Some(slot) = dims.get_mut(axis)
                {
                    *slot = if x.is_dynamic() || y.is_dynamic() {
                        Dim::named(&format!("{} + {}", x.text(), y.text()))
                    } else {
                        computed(
                            &[x, y],
                            |n| n.iter().try_fold(0i64, |sum, n| sum.checked_add(*n)),
                            |t| infix(t, &quote!(+)),
                            |t| format!("({})", t.join(" + ")),
                        )
                    };
                }
                Shape::Known(dims)
            }
            (a, b) => {
                let level = shape_level(a).max(shape_level(b));
                let (a, b) = (self.shape_tokens(a), self.shape_tokens(b));
                let (fits, tokens) = match axis {
                    None => (quote!(#private::joinable(#a, #b)), quote!(#private::joined(#a, #b))),
                    Some(n) => (
                        quote!(#private::joinable_along(#n, #a, #b)),
                        quote!(#private::joined_along(#n, #a, #b)),
                    ),
                };
                self.require(at, Cond::Const(fits), say);
                self.opaque(tokens, "the joined branches".into(), level)
            }
        }
    }

    pub fn repeat(
        &mut self,
        keyword: &Ident,
        count: &Expr,
        body: &[Step],
        state: State,
        place: &Place,
    ) -> (Vec<Node>, State) {
        if body.is_empty() {
            self.errors.at(keyword, "a `repeat` needs steps: `repeat 3 { fc: Linear(16) -> relu }`");
        }
        let Some(times) = self.size(count, "the number of a `repeat`", 1) else {
            let (_, after) = self.steps(body, state, place);
            return (Vec::new(), after);
        };
        let probe = self.probe(body, &state, place);
        let keeps = self.same(&state.shape, &probe.shape);
        match (keeps, times.fixed()) {
            (Some(Cond::Known(true)) | None, _) => self.looped(body, &times, state, place),
            (_, Some(n)) if n <= UNROLLED && !matches!(probe.shape, Shape::Opaque(_)) => {
                self.unrolled(body, n, state, place)
            }
            (Some(cond), _) => {
                let say = Say::new(format!("a `repeat` of {} times must keep its shape, but ", times.text()))
                    .text(format!("{} gives ", state.giver))
                    .shape(&state.shape)
                    .text(format!(" and {} gives ", probe.giver))
                    .shape(&probe.shape)
                    .text("; put the step that changes it before the `repeat`");
                self.require(keyword, cond, say);
                self.looped(body, &times, state, place)
            }
        }
    }

    /// What comes out of a block, without a trace.
    fn probe(&mut self, body: &[Step], state: &State, place: &Place) -> State {
        let mut errors = Errors::default();
        let mut probe = Checker {
            errors: &mut errors,
            model: Model {
                shapes: self.model.shapes.clone(),
                sounds: self.model.sounds.clone(),
                made: self.model.made.clone(),
                inner: self.model.inner.clone(),
                ..Model::default()
            },
            net: self.net,
            illia: self.illia.clone(),
            names: self.names.clone(),
            fields: self.fields.clone(),
            values: self.values.clone(),
            gone: self.gone.clone(),
            left: Vec::new(),
            hidden: self.hidden.clone(),
            in_closures: Vec::new(),
            known: self.known.clone(),
            step: self.step.clone(),
            quiet: false,
            loops: self.loops,
            sound: self.sound.clone(),
        };
        probe.steps(body, state.clone(), place).1
    }

    fn looped(&mut self, body: &[Step], times: &Dim, state: State, place: &Place) -> (Vec<Node>, State) {
        self.loops += 1;
        let index = Ident::new(&format!("i{}", self.loops), Span::mixed_site());
        let mut inner = place.clone();
        inner.parts.push(Part::Index(index.clone()));
        inner.index.push(quote!(#index));
        inner.times.push(times.clone());
        let (nodes, after) = self.steps(body, state, &inner);
        let n = times.tokens();
        let count = if times.fixed().is_some() { n } else { quote!((#n as usize)) };
        (vec![Node::Loop { count, index, body: nodes }], after)
    }

    fn unrolled(&mut self, body: &[Step], n: i64, mut state: State, place: &Place) -> (Vec<Node>, State) {
        let quiet = self.quiet;
        let mut bodies = Vec::new();
        for i in 0..n {
            let literal = proc_macro2::Literal::i64_unsuffixed(i);
            let mut inner = place.clone();
            inner.parts.push(Part::Name(i.to_string()));
            inner.index.push(quote!(#literal));
            inner.times.push(Dim::Fixed(n));
            let mistakes = self.errors.count();
            let (nodes, after) = self.steps(body, state, &inner);
            bodies.push(nodes);
            state = after;
            // The same mistake is not told again for each iteration.
            if self.errors.count() > mistakes {
                break;
            }
            self.quiet = true;
        }
        self.quiet = quiet;
        (vec![Node::Unrolled { bodies }], state)
    }
}

pub fn shape_level(shape: &Shape) -> Level {
    let of = |dim: &Dim| match dim {
        Dim::Const(c) => c.level,
        _ => Level::Item,
    };
    match shape {
        Shape::Known(dims) => dims.iter().map(of).max().unwrap_or(Level::Item),
        Shape::Opaque(c) => c.level,
        Shape::Unknown(_) => Level::Item,
    }
}

/// The only axis in which two shapes differ.
fn only_other(a: &[Dim], b: &[Dim]) -> Option<usize> {
    let mut others = a.iter().zip(b).enumerate().filter(|(_, (a, b))| a.text() != b.text()).map(|(i, _)| i);
    let first = others.next()?;
    (a.len() == b.len() && others.next().is_none()).then_some(first)
}

/// What brings the ends of a residual together, where a layer does.
fn projection(a: &[Dim], b: &[Dim]) -> Option<String> {
    let layer = match (only_other(a, b), b.len()) {
        (Some(axis), n) if axis + 1 == n => format!("Linear({})", plain(b.last()?)?),
        (Some(0), n @ 2..=4) => format!("Conv{}d({}, kernel: 1)", n - 1, plain(b.first()?)?),
        // A kernel of 1 with a stride leaves every so many.
        (None, n @ 2..=4) if a.len() == n => {
            let sides = a.iter().zip(b).skip(1).map(|(a, b)| Some((a.fixed()?, b.fixed()?)));
            let sides = sides.collect::<Option<Vec<_>>>()?;
            let stride = (2..=8).find(|s| sides.iter().all(|(a, b)| (a - 1) / s + 1 == *b))?;
            format!("Conv{}d({}, kernel: 1, stride: {stride})", n - 1, plain(b.first()?)?)
        }
        _ => return None,
    };
    Some(format!("; bring them together with `residual(project: {layer}) {{ .. }}`"))
}

/// A size that a person would write.
fn plain(dim: &Dim) -> Option<String> {
    let text = dim.text();
    (!dim.is_dynamic() && !text.contains(['(', '['])).then_some(text)
}
