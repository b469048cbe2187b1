//! The file: the graph, its weights, and what comes in and out.

use std::path::Path;
use std::rc::Rc;

use illia_shape::{Axis, Shape};
use prost::Message;
use tch::{Kind, Tensor};

use super::draws::{Classes, Summary, classes, unrolled};
use super::model::*;
use super::{Export, Exported, What, metadata};
use crate::error::{Error, Result};
use crate::files::{bytes_of, write_whole};
use crate::graph::{Attribute, Graph, Node, Ports, Value, refused};

/// The operators' version (ONNX 1.12) and the file format's.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// What protobuf can hold in one message.
const MOST_BYTES: usize = i32::MAX as usize;

/// Writes `net` as ONNX (opset 17): whole, or not at all.
///
/// The batch is an axis called `batch`, and each named axis of the signature one of its name. Inputs and outputs are called as in the net,
/// an only one without a name `input` and `output`. [`Export::draws`] and [`Export::moments`] give `mean` and `std` instead, and with
/// several outputs `NAME_mean`, `NAME_std`, ….
///
/// ```
/// use illia_core::export::{self, Export};
/// # use illia_core::export::{Exported, Ports, Value};
/// # use illia_core::{Axis, BayesianModule, Result, Shape, Visitor, VisitorMut};
/// # struct Net(illia_core::nn::Linear);
/// # impl BayesianModule for Net {
/// #     fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) { visitor.module("0", &self.0) }
/// #     fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) { visitor.module("0", &mut self.0) }
/// # }
/// # impl Exported for Net {
/// #     fn ports(&self) -> Ports {
/// #         let port = |n| vec![(String::new(), Shape::new(&[Axis::Fixed(n)]))];
/// #         Ports { inputs: port(4), outputs: port(2) }
/// #     }
/// #     fn write(&self, inputs: &[&Value]) -> Result<Vec<Value>> {
/// #         Ok(vec![illia_core::export::one(&self.0, inputs)?])
/// #     }
/// # }
/// # let vs = tch::nn::VarStore::new(tch::Device::Cpu);
/// # let net = Net(illia_core::nn::Linear::new(vs.root(), 4, 2, Default::default()));
/// let path = std::env::temp_dir().join("illia-doc.onnx");
/// export::onnx(&net, &Export::draws(8), &path)?;
/// assert!(std::fs::metadata(&path)?.len() > 8 * 4 * (4 * 2 + 2));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Unfit`] with the step that has no form in ONNX, or none for moments; [`Error::Configuration`] for no draws, for
/// numbers of a kind that ONNX has not, for more than 2 GiB of weights, and for metadata under a key that is taken; [`Error::Io`] where the
/// file can't be written.
pub fn onnx<M: Exported>(net: &M, export: &Export, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let _span = tracing::debug_span!(target: "illia::export", "onnx", path = %path.display()).entered();
    let bytes = tch::no_grad(|| model(net, export))?.encode_to_vec();
    write_whole(path, |file| std::fs::write(file, &bytes).map_err(|e| Error::io(path, e)))
}

/// An output of the file: its name, its value, and its shape without what stands in front.
type Output = (String, Value, Vec<Dimension>);

fn model<M: Exported>(net: &M, export: &Export) -> Result<ModelProto> {
    let ports = net.ports();
    let kind = net.parameters().first().map_or(Kind::Float, |parameter| parameter.mu().kind());
    let graph = Graph::new(super::weights::weights(net, export)?, kind);
    let names = names(&ports, export);
    names.iter().flatten().try_for_each(|name| graph.reserve(name))?;
    let inputs = ports
        .inputs
        .iter()
        .map(|(name, shape)| {
            let axes = shape.axes().iter().map(|axis| Some(axis.len()).filter(|&n| n >= 0));
            graph.input(
                if name.is_empty() { "input" } else { name },
                std::iter::once(None).chain(axes).collect(),
            )
        })
        .collect::<Result<Vec<_>>>()?;
    let values = net.write(&inputs.iter().collect::<Vec<_>>())?;
    if values.len() != ports.outputs.len() {
        let problem = format!("wrote {} outputs and has {}", values.len(), ports.outputs.len());
        return Err(refused("Net", &problem));
    }
    let of = |value| classes(&graph, value).or_else(|| export.classes.then_some(Classes::Logits));
    let kinds: Vec<Option<Classes>> = values.iter().map(of).collect();
    let metadata_props = metadata::entries(type_name::<M>(), export, &ports, &kinds)?;
    let outputs = outputs(&graph, &values, &kinds, &ports, &names, export)?;
    Ok(ModelProto {
        ir_version: IR_VERSION,
        producer_name: "illia".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: String::new(),
        graph: Some(written(&graph, &ports, type_name::<M>(), outputs)?),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props,
    })
}

fn type_name<M>() -> &'static str {
    std::any::type_name::<M>()
}

/// What the file's outputs are called, for each of the net's.
fn names(ports: &Ports, export: &Export) -> Vec<Vec<String>> {
    let parts: &[&str] = match export.what {
        What::Mean => &[""],
        What::Moments => &["mean", "std"],
        What::Draws(_) | What::Given(_) => &["draws", "mean", "std", "mutual_information"],
    };
    let several = ports.outputs.len() > 1;
    let name = |output: &str, part: &str| match (part, several) {
        ("", _) if output.is_empty() => "output".to_owned(),
        ("", _) => output.to_owned(),
        (part, true) => format!("{output}_{part}"),
        (part, false) => part.to_owned(),
    };
    ports.outputs.iter().map(|(output, _)| parts.iter().map(|part| name(output, part)).collect()).collect()
}

/// What the file gives, in the order of `names`.
fn outputs(
    graph: &Graph,
    values: &[Value],
    kinds: &[Option<Classes>],
    ports: &Ports,
    names: &[Vec<String>],
    export: &Export,
) -> Result<Vec<Output>> {
    let mut all: Vec<Output> = Vec::new();
    let shapes: Vec<Vec<Dimension>> = ports.outputs.iter().map(|(_, shape)| dimensions(shape)).collect();
    let draws = export.number_of_draws();
    let unrolled = draws.map(|draws| unrolled(graph, values, draws));
    for (i, value) in values.iter().enumerate() {
        let (Some(shape), Some(names)) = (shapes.get(i), names.get(i)) else { continue };
        let mut given: Vec<(Value, Vec<Dimension>)> = Vec::new();
        match (unrolled.as_ref().and_then(|each| each.get(i)), &export.what) {
            (Some(each), _) => {
                let summary = Summary::of(each, kinds.get(i).copied().flatten())?;
                let mut stacked = vec![length(each.len() as i64)];
                stacked.extend(shape.iter().cloned());
                given.extend([
                    (summary.draws, stacked),
                    (summary.mean, shape.clone()),
                    (summary.std, shape.clone()),
                ]);
                let without_classes = shape.get(..shape.len().saturating_sub(1)).unwrap_or_default();
                given.extend(summary.mutual_information.map(|value| (value, without_classes.to_vec())));
            }
            (None, What::Moments) => {
                let mean = value.mean_part();
                let std = match value.variance_part() {
                    Some(variance) => variance.root()?,
                    None => mean.scaled(0.0)?,
                };
                given.extend([(mean, shape.clone()), (std, shape.clone())]);
            }
            (None, _) => given.push((value.clone(), shape.clone())),
        }
        all.extend(names.iter().cloned().zip(given).map(|(name, (value, shape))| (name, value, shape)));
    }
    Ok(all)
}

fn written(graph: &Graph, ports: &Ports, name: &str, outputs: Vec<Output>) -> Result<GraphProto> {
    let recording = graph.0.borrow();
    let real = data_type(recording.kind)?;
    let mut nodes: Vec<NodeProto> = recording.nodes.iter().map(|node| written_node(node, real)).collect();
    // An output may be an input, or another output: each has a name of its own.
    nodes.extend(outputs.iter().map(|(name, value, _)| NodeProto {
        input: vec![value.name.to_string()],
        output: vec![name.clone()],
        name: name.clone(),
        op_type: "Identity".to_owned(),
        attribute: Vec::new(),
    }));
    let used: std::collections::HashSet<&str> =
        nodes.iter().flat_map(|node| node.input.iter().map(String::as_str)).collect();
    let mut initializer = Vec::new();
    let mut bytes = 0;
    for constant in &recording.constants {
        for tensor in constant.tensors.iter().filter(|_| used.contains(&*constant.name)) {
            bytes += tensor.numel() * tensor.kind().elt_size_in_bytes();
            if bytes > MOST_BYTES {
                return Err(Error::configuration(
                    "weights",
                    format!("{bytes} bytes"),
                    "at most 2 GiB in one file: export fewer draws",
                ));
            }
            initializer.push(written_tensor(&constant.name, tensor)?);
        }
    }
    let inputs = recording.inputs.iter().zip(&ports.inputs).map(|(input, (_, shape))| {
        // Whatever takes no tokens takes real numbers.
        let kind = if input.tokens == Some(true) { data_type(Kind::Int64)? } else { real };
        Ok(value_info(&input.name, kind, dimensions(shape)))
    });
    let input = inputs.collect::<Result<Vec<_>>>()?;
    let output = outputs.into_iter().map(|(name, _, shape)| value_info(&name, real, shape)).collect();
    Ok(GraphProto { node: nodes, name: name.to_owned(), initializer, input, output })
}

fn length(n: i64) -> Dimension {
    Dimension { dim_value: Some(n), dim_param: None }
}

/// The batch, and a shape's axes.
fn dimensions(shape: &Shape) -> Vec<Dimension> {
    let named = |name: &str| Dimension { dim_value: None, dim_param: Some(name.to_owned()) };
    let each = shape.axes().iter().map(|axis| match axis {
        Axis::Fixed(n) => length(*n),
        Axis::Named(name) => named(name),
        linear @ Axis::Linear { .. } => named(&linear.to_string()),
    });
    std::iter::once(named("batch")).chain(each).collect()
}

fn value_info(name: &str, elem_type: i32, dim: Vec<Dimension>) -> ValueInfoProto {
    let tensor_type = Some(TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

fn written_node(node: &Node, real: i32) -> NodeProto {
    let names = |names: &[Rc<str>]| names.iter().map(ToString::to_string).collect();
    NodeProto {
        input: names(&node.inputs),
        output: names(&node.outputs),
        name: node.outputs.first().map(ToString::to_string).unwrap_or_default(),
        op_type: node.op.to_owned(),
        attribute: node.attributes.iter().map(|(name, value)| attribute(name, value, real)).collect(),
    }
}

fn attribute(name: &str, value: &Attribute, real: i32) -> AttributeProto {
    let empty =
        AttributeProto { name: name.to_owned(), f: None, i: None, s: None, ints: Vec::new(), r#type: 0 };
    match value {
        Attribute::Float(f) => AttributeProto { f: Some(*f as f32), r#type: 1, ..empty },
        Attribute::Int(i) => AttributeProto { i: Some(*i), r#type: 2, ..empty },
        Attribute::RealKind => AttributeProto { i: Some(i64::from(real)), r#type: 2, ..empty },
        Attribute::TruthKind => AttributeProto { i: Some(TRUTH), r#type: 2, ..empty },
        Attribute::Text(text) => AttributeProto { s: Some(text.as_bytes().to_vec()), r#type: 3, ..empty },
        Attribute::Ints(ints) => AttributeProto { ints: ints.clone(), r#type: 7, ..empty },
    }
}

/// `TensorProto.DataType`'s BOOL.
const TRUTH: i64 = 9;

/// `TensorProto.DataType`.
fn data_type(kind: Kind) -> Result<i32> {
    match kind {
        Kind::Float => Ok(1),
        Kind::Int64 => Ok(7),
        Kind::Half => Ok(10),
        Kind::Double => Ok(11),
        Kind::BFloat16 => Ok(16),
        other => Err(Error::configuration("weights", format!("{other:?}"), "floating-point numbers")),
    }
}

fn written_tensor(name: &str, tensor: &Tensor) -> Result<TensorProto> {
    let mut raw_data = bytes_of(tensor)?;
    if cfg!(target_endian = "big") {
        raw_data.chunks_mut(tensor.kind().elt_size_in_bytes()).for_each(<[u8]>::reverse);
    }
    Ok(TensorProto {
        dims: tensor.size(),
        data_type: data_type(tensor.kind())?,
        name: name.to_owned(),
        raw_data,
    })
}
