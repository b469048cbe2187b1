//! What a file says of itself, so that who reads it knows what its outputs mean.

use super::draws::Classes;
use super::model::StringStringEntryProto;
use super::{Export, What};
use crate::error::{Error, Result};
use crate::graph::Ports;

/// What the keys of the library's own entries begin with.
const OURS: &str = "illia.";

/// Of the net called `net`, whose outputs say class probabilities as `kinds` has it.
pub(super) fn entries(
    net: &str,
    export: &Export,
    ports: &Ports,
    kinds: &[Option<Classes>],
) -> Result<Vec<StringStringEntryProto>> {
    let mut all =
        vec![("illia.net".to_owned(), net.to_owned()), ("illia.export".to_owned(), export.name().to_owned())];
    if let Some(draws) = export.number_of_draws() {
        all.push(("illia.draws".to_owned(), draws.to_string()));
    }
    for ((output, _), kind) in ports.outputs.iter().zip(kinds) {
        let key = match ports.outputs.len() {
            1 => "illia.classes".to_owned(),
            _ => format!("illia.classes.{output}"),
        };
        all.extend(kind.map(|kind| (key, kind.name().to_owned())));
    }
    for (i, (key, value)) in export.metadata.iter().enumerate() {
        let twice = export.metadata.iter().take(i).any(|(earlier, _)| earlier == key);
        if key.is_empty() || key.starts_with(OURS) || twice {
            let wanted = "a key of your own, once, that does not begin with `illia.`";
            return Err(Error::configuration("metadata", format!("`{key}`"), wanted));
        }
        all.push((key.clone(), value.clone()));
    }
    Ok(all.into_iter().map(|(key, value)| StringStringEntryProto { key, value }).collect())
}

impl Export {
    fn name(&self) -> &'static str {
        match self.what {
            What::Mean => "mean",
            What::Draws(_) | What::Given(_) => "draws",
            What::Moments => "moments",
        }
    }

    pub(super) fn number_of_draws(&self) -> Option<usize> {
        match &self.what {
            What::Draws(draws) => Some(*draws),
            What::Given(draws) => Some(draws.len()),
            What::Mean | What::Moments => None,
        }
    }
}

impl Classes {
    fn name(self) -> &'static str {
        match self {
            Classes::Logits => "logits",
            Classes::Probabilities => "probabilities",
        }
    }
}
