//! What follows from a mistake is no mistake of its own. Where only the compiler can tell whether a step fits, what comes behind it is
//! asked only if it does.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Checker;
use crate::dim::Level;
use crate::model::{Requirement, SoundConst};
use crate::text::{packed, unraw};

/// How much there was before a step.
#[derive(Clone, Copy)]
pub struct Mark {
    requirements: usize,
    shapes: usize,
}

impl Checker<'_> {
    /// Where a step begins.
    pub fn mark(&self) -> Mark {
        Mark { requirements: self.model.requirements.len(), shapes: self.model.shapes.len() }
    }

    /// The shapes that a step has made are sound if it fits, and if those are from which it has made them.
    pub fn follows(&mut self, since: Mark) {
        let made: Vec<(String, TokenStream)> = self.model.shapes[since.shapes..]
            .iter()
            .map(|shape| (shape.name.to_string(), shape.tokens.clone()))
            .collect();
        let mut conditions: Vec<TokenStream> = Vec::new();
        let mut add = |condition: TokenStream| {
            if !conditions.iter().any(|before| packed(before) == packed(&condition)) {
                conditions.push(condition);
            }
        };
        for (_, tokens) in &made {
            self.conditions_of(&packed(tokens), Level::Generic).into_iter().for_each(&mut add);
        }
        for Requirement { given, holds, level, .. } in &self.model.requirements[since.requirements..] {
            if *level != Level::Made {
                given.iter().cloned().for_each(&mut add);
                add(quote!((#holds)));
            }
        }
        if made.is_empty() || conditions.is_empty() {
            return;
        }
        let sound = match conditions.as_slice() {
            [one] if packed(one).starts_with("__") || packed(one).starts_with("Self::__") => one.clone(),
            _ => {
                let name = format_ident!("__{}_sound{}", unraw(&self.net.ident), self.model.sounds.len());
                let tokens = quote!(#(#conditions)&&*);
                let generic = self.level(&tokens) != Level::Item;
                self.model.sounds.push(SoundConst { name: name.clone(), tokens, generic });
                if generic { quote!(Self::#name) } else { quote!(#name) }
            }
        };
        self.sound.extend(made.into_iter().map(|(name, _)| (name, sound.clone())));
    }

    /// What must hold for some tokens to mean anything, as far as it is known by then.
    pub fn conditions_of(&self, text: &str, by: Level) -> Vec<TokenStream> {
        let by = if by == Level::Param { Level::Generic } else { by };
        let before = self.sound.iter().filter(|(of, _)| mentions(text, of));
        before.map(|(_, sound)| sound).filter(|sound| self.level(sound) <= by).cloned().collect()
    }
}

/// Whether a text has a part, which begins and ends no name in its midst.
fn mentions(text: &str, part: &str) -> bool {
    let name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let cut = |a: Option<char>, b: Option<char>| name(a) && name(b);
    text.match_indices(part).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + part.len()..]);
        !cut(before.chars().next_back(), part.chars().next())
            && !cut(part.chars().next_back(), after.chars().next())
    })
}
