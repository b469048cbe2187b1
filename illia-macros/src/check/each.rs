//! `each { .. }`: steps on every element of the first axis.

use quote::quote;
use syn::Ident;

use super::blocks::shape_level;
use super::{Checker, Place, State};
use crate::dim::{Cond, Shape};
use crate::model::Node;
use crate::parse::Step;
use crate::say::Say;

impl Checker<'_> {
    /// Steps on every element of the first axis, as if each were an example.
    pub fn each(
        &mut self,
        keyword: &Ident,
        body: &[Step],
        state: State,
        place: &Place,
    ) -> (Vec<Node>, State) {
        if body.is_empty() {
            self.errors.at(keyword, "an `each` needs steps: `each { conv: Conv2d(8, kernel: 3) -> relu }`");
        }
        let giver = format!("an element of {}", state.giver);
        let private = self.private();
        let (lead, inner) = match &state.shape {
            Shape::Known(dims) => match dims.split_first() {
                Some((lead, rest)) => (Shape::Known(vec![lead.clone()]), Shape::Known(rest.to_vec())),
                None => {
                    let message = format!("`each` goes along the first axis, but {} gives []", state.giver);
                    self.errors.at(keyword, message);
                    (Shape::Unknown(None), Shape::Unknown(None))
                }
            },
            Shape::Opaque(c) => {
                let c = c.clone();
                let (tokens, text) = (&c.tokens, format!("an element of {}", c.text));
                let say = Say::new(format!("`each` goes along the first axis, but {} gives []", state.giver));
                self.require(keyword, Cond::Const(quote!(#tokens.rank() > 0)), say);
                let lead =
                    self.opaque(quote!(#private::first_only(#tokens)), "the first axis".into(), c.level);
                (lead, self.opaque(quote!(#private::without_first(#tokens)), text, c.level))
            }
            Shape::Unknown(last) => (Shape::Unknown(None), Shape::Unknown(last.clone())),
        };
        // Values from outside are not of one element.
        let outside = std::mem::take(&mut self.values);
        let hidden = self.hidden.len();
        self.hidden.extend(outside.iter().map(|value| value.name.clone()));
        let along = place.along.iter().chain([&lead]).cloned().collect();
        let place = Place { along, ..place.clone() };
        let (nodes, after) = self.steps(body, State { shape: inner, giver, real: state.real }, &place);
        self.values = outside;
        self.hidden.truncate(hidden);
        self.model.together = true;
        let shape = match (lead, after.shape) {
            (Shape::Unknown(_), _) | (_, Shape::Unknown(_)) => Shape::Unknown(None),
            (Shape::Known(lead), Shape::Known(dims)) => Shape::Known([lead, dims].concat()),
            (lead, each) => {
                let level = shape_level(&lead).max(shape_level(&each));
                let (lead, tokens) = (self.shape_tokens(&lead), self.shape_tokens(&each));
                self.opaque(quote!(#private::led(#lead, #tokens)), format!("each {}", each.text()), level)
            }
        };
        (vec![Node::Each(nodes)], State { shape, giver: "the `each`".into(), real: after.real })
    }
}
