//! A parameter's weights as values of a graph.

use tch::Tensor;

use super::recording::{Graph, Value};
use super::refused;
use super::weight::Weight;
use crate::error::{Error, Result};
use crate::parameter::RandomParameter;

impl Value {
    /// A parameter's weights as a value, with their variance where they have one.
    pub(crate) fn weight(&self, parameter: &RandomParameter) -> Result<Value> {
        self.weight_as(parameter, "", |w| Ok(w.shallow_clone()))
    }

    /// The same laid out by `change`, which goes by the name `layout`: what moves elements about, and adds zeros at most.
    pub(crate) fn weight_as(
        &self,
        parameter: &RandomParameter,
        layout: &str,
        change: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Value> {
        let mean = self.computed(&[parameter], layout, |w| match w {
            [w] => change(w),
            _ => Err(refused("Weight", "is one tensor")),
        })?;
        let variance =
            self.known(parameter, |weight| Ok(weight.variance.as_ref().map(Tensor::shallow_clone)))?;
        let Some(variance) = variance else { return Ok(mean) };
        let name = format!("{}.variance", mean.name);
        let name = self.graph.constant(&name, || Ok(vec![change(&variance)?]))?;
        let variance = mean.renamed(name);
        Ok(Value::joined(mean, Some(variance)))
    }

    /// The axes of a weight's rows and Vᵀ of the variances V along those, where they covary.
    pub(crate) fn covariance(&self, parameter: &RandomParameter) -> Result<Option<(Value, Value)>> {
        let both = self.known(parameter, |weight| {
            let copied = |(axes, along): &(Tensor, Tensor)| [axes.copy(), along.tr().contiguous()];
            Ok(weight.covariance.as_ref().map(|both| (weight.name.clone(), copied(both))))
        })?;
        let Some((name, [axes, along])) = both else { return Ok(None) };
        let constant = |what: &str, tensor: Tensor| {
            let size = tensor.size().into_iter().map(Some).collect();
            Ok::<_, Error>(
                self.of(self.graph.constant(&format!("{name}.{what}"), || Ok(vec![tensor]))?, size),
            )
        };
        Ok(Some((constant("axes", axes)?, constant("along", along)?)))
    }

    /// What `compute` makes of the weights of some parameters, of each draw for itself. The name is the first's and `layout`, which says what it
    /// is, so that it is computed once.
    pub(crate) fn computed(
        &self,
        parameters: &[&RandomParameter],
        layout: &str,
        compute: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Value> {
        let mut each: Vec<Vec<Tensor>> = Vec::new();
        let mut name = String::new();
        for parameter in parameters {
            each.push(self.known(parameter, |weight| {
                if name.is_empty() {
                    name.clone_from(&weight.name);
                }
                Ok(weight.values.iter().map(Tensor::shallow_clone).collect())
            })?);
        }
        if !layout.is_empty() {
            name = format!("{name}.{layout}");
        }
        let draws = each.iter().map(Vec::len).max().unwrap_or(1);
        let of_draw = |draw: usize| {
            let own = each.iter().filter_map(|all| Some(all.get(draw).or(all.first())?.shallow_clone()));
            tch::no_grad(|| compute(&own.collect::<Vec<_>>()))
        };
        let tensors = (0..draws).map(of_draw).collect::<Result<Vec<_>>>()?;
        let axes = tensors.first().map(Tensor::size).unwrap_or_default().into_iter().map(Some).collect();
        let name = self.graph.constant(&name, || Ok(tensors))?;
        Ok(self.of(name, axes))
    }

    /// Whether a parameter's weights have a variance.
    pub(crate) fn is_random_weight(&self, parameter: &RandomParameter) -> Result<bool> {
        self.known(parameter, |weight| Ok(weight.variance.is_some()))
    }

    fn known<T>(&self, parameter: &RandomParameter, f: impl FnOnce(&Weight) -> Result<T>) -> Result<T> {
        let Graph(recording) = &self.graph;
        match recording.borrow().weights.get(&parameter.id()) {
            Some(weight) => f(weight),
            None => Err(refused(
                parameter.name(),
                "is not reached by the net's traversal, so that it has no weights here",
            )),
        }
    }
}

/// A map that is linear in input and weight and multiplies no two of its products by the same pair, written by `map` of (x, weight, bias): its
/// output, and the variance of it as in [`Moments::linear_map`](crate::infer::moments::Moments::linear_map):
///
/// ```text
/// variance = map(v, W² + S) + map(m², S) + t
/// ```
pub(crate) fn linear_map(
    x: &Value,
    weight: &Value,
    bias: Option<&Value>,
    map: impl Fn(&Value, &Value, Option<&Value>) -> Result<Value>,
) -> Result<Value> {
    let (m, w) = (x.mean_part(), weight.mean_part());
    let output = map(&m, &w, bias.map(Value::mean_part).as_ref())?;
    let (v, s) = (x.variance_part(), weight.variance_part());
    let mut bias_variance = bias.and_then(Value::variance_part);
    let mut terms = Vec::new();
    if let Some(v) = v {
        let second = w.square()?;
        terms.push((
            v,
            match &s {
                Some(s) => second.plus(s)?,
                None => second,
            },
        ));
    }
    if let Some(s) = s {
        terms.push((m.square()?, s));
    }
    if terms.is_empty() && bias_variance.is_some() {
        terms.push((m.scaled(0.0)?, w.scaled(0.0)?));
    }
    let mut variance: Option<Value> = None;
    for (x, w) in terms {
        let term = map(&x, &w, bias_variance.take().as_ref())?;
        variance = Some(match variance {
            Some(sum) => sum.plus(&term)?,
            None => term,
        });
    }
    Ok(Value::joined(output, variance))
}
