//! The parameters that an approximation treats.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, Result};
use crate::module::{BayesianModule, Visitor};
use crate::parameter::RandomParameter;
use crate::pass::record::Matrix;

/// Which of a net's parameters are treated; the others stay at their means.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Subset {
    /// All of them.
    #[default]
    All,
    /// Those of the layer that the traversal shows last: `head.weight` and `head.bias` where `head` is the last field.
    LastLayer,
    /// Those of these names, whole (`head.weight`) or of a layer or net (`head`).
    Named(Vec<String>),
}

/// One parameter that is treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    /// Its name in the net's traversal.
    pub name: String,
    pub shape: Vec<i64>,
    pub matrix: Matrix,
}

impl Subset {
    /// The net's parameters that belong to it, with their names; an error names what has no rule.
    pub(super) fn of<'a, M: BayesianModule + ?Sized>(
        &self,
        net: &'a M,
    ) -> Result<Vec<(String, &'a RandomParameter)>> {
        let mut visitor = Visitor::new();
        net.visit(&mut visitor);
        let plain = visitor.plain_weights();
        let all = visitor.into_named();
        let layer = |name: &str| name.rsplit_once('.').map_or(String::new(), |(layer, _)| layer.to_owned());
        let last = all.last().map(|(name, _)| layer(name));
        if let Subset::Named(names) = self
            && let Some(unknown) = names.iter().find(|name| !all.iter().any(|(own, _)| is_in(own, name)))
        {
            return Err(Error::configuration(
                "Subset::Named",
                unknown,
                "only parameters and layers of the net",
            ));
        }
        if *self == Subset::All && plain > 0 {
            let allowed = format!(
                "only where every weight has a rule, and {plain} weights of tch's own layers (norms, say) have none; choose \
                 with `Subset::Named` or `Subset::LastLayer`"
            );
            return Err(Error::configuration("Subset", "All", &allowed));
        }
        let chosen = |name: &str| match self {
            Subset::All => true,
            Subset::LastLayer => last.as_ref() == Some(&layer(name)),
            Subset::Named(names) => names.iter().any(|part| is_in(name, part)),
        };
        let treated: Vec<_> = all.into_iter().filter(|(name, _)| chosen(name)).collect();
        if treated.is_empty() {
            return Err(Error::configuration("Subset", format!("{self:?}"), "at least one parameter"));
        }
        match treated.iter().find(|(_, parameter)| !parameter.is_noted()) {
            Some((name, _)) => Err(no_rule(name)),
            None => Ok(treated),
        }
    }
}

/// Whether `name` is `part` or stands within it.
fn is_in(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A treated parameter whose derivatives nothing tells.
pub(super) fn no_rule(name: &str) -> Error {
    let allowed = "only of parameters that the forward uses, through layers that are linear in them (Linear, Conv, Embedding, RmsNorm, …); \
                   leave it out with `Subset::Named`";
    Error::configuration("Laplace of", format!("`{name}`"), allowed)
}

/// Refuses a curvature of this that holds what is no number.
pub(super) fn finite(name: &str, curvature: &Tensor) -> Result<()> {
    match curvature.isfinite().all().int64_value(&[]) {
        0 => {
            let allowed = "finite numbers: the net's weights, inputs or outputs are not, or too large";
            Err(Error::configuration(&format!("curvature of {name}"), "NaN or infinity", allowed))
        }
        _ => Ok(()),
    }
}
