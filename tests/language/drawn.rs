//! What `graph` makes of nets: which box leads to which, in Graphviz' language and in the picture.

use std::collections::{BTreeMap, BTreeSet};

use illia::module::NetGraph;
use illia::prelude::*;

bnn! {
    struct Chain: [1, 8, 8] -> [3] {
        conv: Conv2d(4, kernel: 3) -> relu -> max_pool(2),
        flatten,
        #[deterministic]
        head: Linear(3),
    }
}

bnn! {
    struct Skips: [16] -> [8] {
        residual { inner: Linear(16) -> tanh } -> relu,
        residual(project: Linear(8)) { wide: Linear(32), narrow: Linear(8) },
        concat { { left: Linear(3) }, { right: Linear(5) -> relu } },
    }
}

bnn! {
    struct Tower: (user: [6], item: [4]) -> (score: [1], likeness: [5]) {
        let u = user -> left: Linear(5) -> tanh;
        let likeness = item -> right: Linear(5) -> multiply(u) -> relu;
        let score = head: Linear(1);
    }
}

bnn! {
    struct Step: [6] -> [6] { fc: Linear(6) -> relu }
}

bnn! {
    struct Around: (who: [6], what: [seq, 3]) -> [1] {
        let (states, h, _) = what -> memory: Lstm(4);
        let user = who -> step: Step -> repeat_of: Step -> step;
        let item = states -> last;
        let (score, _) = tower: Tower(user: user, item: item);
        let start = h -> last -> weight: Linear(1);
        score -> add(start),
    }
}

fn net<N>(make: impl Fn(&nn::Path) -> N) -> N {
    make(&nn::VarStore::new(Device::Cpu).root())
}

/// Between the quotes behind `key=`.
fn between<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_once(&format!("{key}=\""))?.1.split('"').next()
}

/// `from -> to`, or `from -name-> to`, by the first lines of the boxes.
fn edges(graph: &NetGraph) -> BTreeSet<String> {
    let dot = graph.dot();
    let mut titles = BTreeMap::new();
    let mut links = Vec::new();
    for line in dot.lines().map(str::trim) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(from), Some("->"), Some(to)) => links.push((from, to, between(line, "label").unwrap())),
            (Some(id), Some(word), _) if word.starts_with("[label=") => {
                let title = between(line, "label").unwrap().split("\\n").next().unwrap();
                titles.insert(id, title);
            }
            _ => {}
        }
    }
    let said = |(from, to, name): &(&str, &str, &str)| match *name {
        "" => format!("{} -> {}", titles[from], titles[to]),
        name => format!("{} -{name}-> {}", titles[from], titles[to]),
    };
    links.iter().map(said).collect()
}

fn expected(edges: &[&str]) -> BTreeSet<String> {
    edges.iter().map(|edge| (*edge).to_owned()).collect()
}

#[test]
fn a_chain_is_a_chain_whose_boxes_hold_their_ops() {
    let graph = net(Chain::new).graph();
    let chain = ["input -> conv: Conv2d", "conv: Conv2d -> head: Linear", "head: Linear -> output"];
    assert_eq!(edges(&graph), expected(&chain));
    let dot = graph.dot();
    assert!(dot.contains("conv: Conv2d\\nrelu, max_pool, flatten\\n[36]\\n40 random"), "{dot}");
    assert!(dot.contains("head: Linear\\n[3]\\n111 plain"), "{dot}");
    assert!(dot.starts_with("digraph \"Chain\" {"));
}

#[test]
fn residuals_and_branches_come_together_in_a_box() {
    let all = [
        "input -> inner: Linear",
        "input -> add",
        "inner: Linear -> add",
        "add, relu -> wide: Linear",
        "add, relu -> project: Linear",
        "wide: Linear -> narrow: Linear",
        "narrow: Linear -> add",
        "project: Linear -> add",
        "add -> left: Linear",
        "add -> right: Linear",
        "left: Linear -> concat",
        "right: Linear -> concat",
        "concat -> output",
    ];
    let found = edges(&net(Skips::new).graph());
    // Layers in blocks have the block's place before their name.
    let bare = |edge: &String| {
        let word = |word: &str| word.rsplit('.').next().unwrap_or_default().to_owned();
        edge.split(' ').map(word).collect::<Vec<_>>().join(" ").replace("add, relu -> add", "add -> add")
    };
    let found: BTreeSet<String> = found.iter().map(bare).collect();
    let wanted: BTreeSet<String> = all.iter().map(|edge| edge.replace("-> add, relu", "-> add")).collect();
    let relu = |edge: &String| edge.replace("-> add, relu", "-> add");
    assert_eq!(found.iter().map(relu).collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn values_have_their_names_on_the_arrows() {
    let all = [
        "user -> left: Linear",
        "item -> right: Linear",
        "right: Linear -> multiply, relu",
        "left: Linear -u-> multiply, relu",
        "multiply, relu -> head: Linear",
        "multiply, relu -> likeness",
        "head: Linear -> score",
    ];
    assert_eq!(edges(&net(Tower::new).graph()), expected(&all));
}

#[test]
fn nets_in_the_net_are_boxes_of_boxes() {
    let graph = net(Around::new).graph();
    let dot = graph.dot();
    assert_eq!(dot.matches("subgraph").count(), 3, "{dot}");
    let found = edges(&graph);
    for edge in [
        "what -> memory: Lstm",
        "memory: Lstm -states-> last",
        "memory: Lstm -h-> last",
        "who -> input",
        "fc: Linear -> output",
        "last -item-> item",
        "left: Linear -u-> multiply, relu",
        "weight: Linear -start-> add",
        "score -score-> add",
        "add -> output",
    ] {
        assert!(found.contains(edge), "{edge} is not among {found:#?}");
    }
    assert!(dot.contains("the same weights again"), "{dot}");
}

#[test]
fn pictures_have_every_box_once_and_nothing_that_is_no_number() {
    for graph in [net(Chain::new).graph(), net(Skips::new).graph(), net(Around::new).graph()] {
        let svg = graph.picture().svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let boxes =
            graph.dot().lines().filter(|line| line.contains("[label=") && !line.contains("->")).count();
        let titles = svg.matches("class=\"strong\"").count();
        assert_eq!(titles, boxes + graph.dot().matches("subgraph").count());
    }
}

#[test]
fn a_module_of_ones_own_is_one_box() {
    let layer = net(|path| illia::nn::Linear::new(path, 3, 2, Default::default()));
    let dot = layer.graph().dot();
    assert!(dot.contains("Linear\\n8 random") || dot.contains("Linear\", "), "{dot}");
}
