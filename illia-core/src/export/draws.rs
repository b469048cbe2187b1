//! Several draws in one graph: what depends on a drawn weight stands in it once for each draw, all else once.

use std::collections::HashSet;
use std::rc::Rc;

use crate::error::Result;
use crate::graph::{Attribute, Constant, Graph, Node, Value};

/// The name of a value in one of the draws.
fn of_draw(name: &str, draw: usize) -> Rc<str> {
    format!("{name}/{draw}").into()
}

/// Unrolls the graph over `draws` draws. Returns each output's values, draw by draw.
pub(super) fn unrolled(graph: &Graph, outputs: &[Value], draws: usize) -> Vec<Vec<Value>> {
    let mut recording = graph.0.borrow_mut();
    let mut drawn: HashSet<Rc<str>> = HashSet::new();
    for Constant { name, tensors } in std::mem::take(&mut recording.constants) {
        if tensors.len() < 2 {
            recording.constants.push(Constant { name, tensors });
            continue;
        }
        for (draw, tensor) in tensors.into_iter().enumerate() {
            recording.constants.push(Constant { name: of_draw(&name, draw), tensors: vec![tensor] });
        }
        drawn.insert(name);
    }
    for node in std::mem::take(&mut recording.nodes) {
        if !node.inputs.iter().any(|input| drawn.contains(input)) {
            recording.nodes.push(node);
            continue;
        }
        drawn.extend(node.outputs.iter().cloned());
        for draw in 0..draws {
            let renamed = |name: &Rc<str>| match drawn.contains(name) && !name.is_empty() {
                true => of_draw(name, draw),
                false => Rc::clone(name),
            };
            let (inputs, outputs) =
                (node.inputs.iter().map(renamed).collect(), node.outputs.iter().map(renamed).collect());
            recording.nodes.push(Node { op: node.op, inputs, outputs, attributes: node.attributes.clone() });
        }
    }
    let of = |value: &Value, draw: usize| match drawn.contains(&value.name) {
        true => value.renamed(of_draw(&value.name, draw)),
        false => value.clone(),
    };
    outputs.iter().map(|value| (0..draws).map(|draw| of(value, draw)).collect()).collect()
}

/// What is said of an output's draws.
pub(super) struct Summary {
    /// `[draws, batch, ..]`
    pub draws: Value,
    pub mean: Value,
    pub std: Value,
    pub mutual_information: Option<Value>,
}

/// How an output says class probabilities, if it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Classes {
    Logits,
    Probabilities,
}

/// Whether an output is that of a softmax along its last axis.
pub(super) fn classes(graph: &Graph, output: &Value) -> Option<Classes> {
    let recording = graph.0.borrow();
    let node = recording.nodes.iter().find(|node| node.outputs.contains(&output.name))?;
    let last = output.rank() as i64 - 1;
    let along = node.attributes.iter().any(|(name, value)| match value {
        Attribute::Int(axis) => *name == "axis" && (*axis == -1 || *axis == last),
        _ => false,
    });
    match node.op {
        "Softmax" if along => Some(Classes::Probabilities),
        "LogSoftmax" if along => Some(Classes::Logits),
        _ => None,
    }
}

impl Summary {
    /// Of one output's draws.
    pub fn of(draws: &[Value], classes: Option<Classes>) -> Result<Summary> {
        let each = draws.iter().map(|draw| draw.unsqueezed(&[0])).collect::<Result<Vec<_>>>()?;
        let all = Value::side_by_side(&each.iter().collect::<Vec<_>>(), 0)?;
        let mean = all.mean_over(&[0], false)?;
        let std = match draws.len() {
            // As a prediction has it of a single draw.
            1 => mean.scaled(0.0)?,
            n => all.minus(&mean)?.square()?.sum_over(&[0], false)?.scaled(1.0 / (n - 1) as f64)?.root()?,
        };
        let mutual_information = classes.map(|classes| mutual_information(&all, classes)).transpose()?;
        Ok(Summary { draws: all, mean, std, mutual_information })
    }
}

/// The entropy of the mean distribution less the mean of the draws' entropies, in nats, at least 0
/// (Depeweg et al. 2018, section 3): what an observation is expected to tell about the weights.
fn mutual_information(draws: &Value, classes: Classes) -> Result<Value> {
    let p = match classes {
        Classes::Logits => draws.map("Softmax", vec![("axis", Attribute::Int(-1))])?,
        Classes::Probabilities => draws.clone(),
    };
    let total = entropy(&p.mean_over(&[0], false)?)?;
    let within = entropy(&p)?.mean_over(&[0], false)?;
    let difference = total.minus(&within)?;
    difference.larger(&difference.number(0.0)?)
}

/// -sum p log p along the last axis; 0 log 0 is 0.
fn entropy(p: &Value) -> Result<Value> {
    let tiny = p.number(f64::from(f32::MIN_POSITIVE))?;
    p.times(&p.larger(&tiny)?.logarithm()?)?.sum_over(&[-1], false)?.negative()
}
