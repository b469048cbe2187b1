//! A net to be looked at: boxes and arrows, as Graphviz has them.

use std::fmt::Write;

use illia_shape::Shape;

use crate::module::structure::Step;
use crate::module::{BayesianModule, Row, Structure, grouped};

/// A net's layers and what flows between them: [`BayesianModule::graph`].
///
/// A layer has the ops behind it in its box, the shape of what comes out, and its parameters; nets within the net are boxes of boxes.
/// Of a `repeat` the steps of one round are drawn.
#[derive(Debug, Clone)]
pub struct NetGraph {
    pub(super) name: String,
    pub(super) random: usize,
    pub(super) plain: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub kind: Kind,
    pub title: String,
    /// What stands below the title.
    pub lines: Vec<String>,
    pub inner: Option<NetGraph>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    Op,
    /// A layer without random weights.
    Plain,
    Random,
}

/// From a node to a later one, with the name of the value, which may be none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    pub name: &'static str,
}

impl NetGraph {
    /// Of any module; one without a structure is one box of this name.
    pub(super) fn of(name: &str, module: &dyn BayesianModule) -> NetGraph {
        match module.structure() {
            Some(structure) => NetGraph::from(&structure),
            None => {
                let row = Row::of("", name, Shape::new(&[]), module);
                let counts: Vec<String> = counted(row.random, row.plain).into_iter().collect();
                let node = layer(&row, "", &counts);
                NetGraph {
                    name: name.to_owned(),
                    random: row.random,
                    plain: row.plain,
                    nodes: vec![node],
                    edges: Vec::new(),
                }
            }
        }
    }

    fn from(structure: &Structure) -> NetGraph {
        let Structure { name, inputs, outputs, rows, steps, ends } = structure;
        let mut nodes: Vec<Node> = inputs.iter().map(|port| end(Kind::Input, "input", port)).collect();
        nodes.extend((0..steps.len()).map(|at| node(rows, steps, at)));
        let mut edges = Vec::new();
        for ((_, _, _, flow), to) in steps.iter().zip(inputs.len()..) {
            edges.extend(flow.iter().map(|&(from, name)| Edge { from, to, name }));
        }
        for (port, flow) in outputs.iter().zip(*ends) {
            let to = nodes.len();
            edges.extend(flow.iter().map(|&(from, _)| Edge { from, to, name: "" }));
            nodes.push(end(Kind::Output, "output", port));
        }
        // Only what leads on is drawn, and only forwards.
        edges.retain(|edge| edge.from < edge.to && edge.to < nodes.len());
        let (random, plain) = rows.iter().fold((0, 0), |(r, p), row| (r + row.random, p + row.plain));
        NetGraph { name: name.clone(), random, plain, nodes, edges }
    }

    /// Its parameters in words.
    pub(super) fn counts(&self) -> String {
        counted(self.random, self.plain).unwrap_or_else(|| "no parameters".to_owned())
    }

    /// In Graphviz' language: `dot -Tsvg net.dot`.
    pub fn dot(&self) -> String {
        let mut text = format!(
            "digraph \"{}\" {{\n  label=\"{}\";\n  labelloc=t;\n  fontname=Helvetica;\n  \
             node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=Helvetica, fontsize=11];\n  \
             edge [fontname=Helvetica, fontsize=10];\n",
            quoted(&self.name),
            quoted(&format!("{}\n{}", self.name, self.counts()))
        );
        self.write_dot(&mut text, "n");
        text.push_str("}\n");
        text
    }

    fn write_dot(&self, text: &mut String, path: &str) {
        for (i, node) in self.nodes.iter().enumerate() {
            let label = quoted(&[std::slice::from_ref(&node.title), &node.lines].concat().join("\n"));
            if let Some(inner) = &node.inner {
                let _ = write!(
                    text,
                    "  subgraph \"cluster_{path}{i}\" {{\n  label=\"{label}\";\n  style=rounded;\n"
                );
                inner.write_dot(text, &format!("{path}{i}_"));
                text.push_str("  }\n");
                continue;
            }
            let look = match node.kind {
                Kind::Input | Kind::Output => "shape=plain, fillcolor=none",
                Kind::Op => "shape=box, fillcolor=white",
                Kind::Plain => "fillcolor=\"#eceff3\"",
                Kind::Random => "fillcolor=\"#cfe0f4\"",
            };
            let _ = writeln!(text, "  {path}{i} [label=\"{label}\", {look}];");
        }
        for edge in &self.edges {
            let Edge { from, to, name } = edge;
            let (from, to) =
                (self.end(path, *from, Kind::Output, name), self.end(path, *to, Kind::Input, name));
            let _ = writeln!(text, "  {from} -> {to} [label=\"{}\"];", quoted(self.shown(edge)));
        }
    }

    /// The name of an edge's value, unless it stands at the input from which it comes.
    pub(super) fn shown(&self, edge: &Edge) -> &'static str {
        let from = self.nodes.get(edge.from);
        if from.is_some_and(|node| node.kind == Kind::Input && node.title == edge.name) {
            ""
        } else {
            edge.name
        }
    }

    /// Where an edge ends: at a node, or at that output or input of the net which it holds, the first if none has the name.
    fn end(&self, path: &str, at: usize, kind: Kind, name: &str) -> String {
        let id = format!("{path}{at}");
        let Some(inner) = self.nodes.get(at).and_then(|node| node.inner.as_ref()) else { return id };
        let ends = || inner.nodes.iter().enumerate().filter(|(_, node)| node.kind == kind);
        let found = ends().find(|(_, node)| node.title == name).or_else(|| ends().next());
        found.map_or(id, |(i, _)| format!("{path}{at}_{i}"))
    }
}

/// An input or an output.
fn end(kind: Kind, unnamed: &str, (name, shape): &(String, Shape)) -> Node {
    let title = if name.is_empty() { unnamed } else { name };
    Node { kind, title: title.to_owned(), lines: vec![shape.to_string()], inner: None }
}

fn node(rows: &[Row], steps: &[Step], at: usize) -> Node {
    let Some(&(first, last, ops, _)) = steps.get(at) else {
        return layer(&Row::new("", "", Shape::new(&[])), "", &[]);
    };
    let shape: Vec<String> = rows.get(last).map(|row| row.output.to_string()).into_iter().collect();
    let is_op = |row: &Row| ops.split(", ").next() == Some(&row.kind);
    let Some(row) = rows.get(first).filter(|row| !is_op(row)) else {
        return Node { kind: Kind::Op, title: ops.to_owned(), lines: shape, inner: None };
    };
    let mut node = layer(row, ops, &shape);
    if steps.iter().take(at).any(|step| step.0 == first) {
        node.lines.push("the same weights again".to_owned());
        node.inner = None;
    } else {
        node.lines.extend(counted(row.random, row.plain));
    }
    node
}

fn layer(row: &Row, ops: &str, shape: &[String]) -> Node {
    let kind = match (row.random, row.plain) {
        (0, 0) => Kind::Op,
        (0, _) => Kind::Plain,
        _ => Kind::Random,
    };
    let title = match (row.name.as_str(), row.kind.as_str()) {
        ("", kind) => kind.to_owned(),
        (name, "") => name.to_owned(),
        (name, kind) => format!("{name}: {kind}"),
    };
    let ops = (!ops.is_empty()).then(|| ops.to_owned());
    let lines = ops.into_iter().chain(shape.iter().cloned()).collect();
    Node { kind, title, lines, inner: row.inner.as_deref().map(NetGraph::from) }
}

fn counted(random: usize, plain: usize) -> Option<String> {
    match (random, plain) {
        (0, 0) => None,
        (random, 0) => Some(format!("{} random", grouped(random))),
        (0, plain) => Some(format!("{} plain", grouped(plain))),
        (random, plain) => Some(format!("{} random, {} plain", grouped(random), grouped(plain))),
    }
}

/// Text between Graphviz' quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
