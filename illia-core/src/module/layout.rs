//! A net's boxes in layers from top to bottom, as Sugiyama, Tagawa & Toda (1981) have it: each box below all that go into it, edges over
//! several layers led through points in each, the order within a layer by the mean of what is above and below, and at last the places.

use std::fmt::Write;

use super::net_graph::{Kind, NetGraph, Node};
use crate::plot::{Picture, escaped};

/// Between boxes beside each other, and between layers.
const APART: f64 = 26.0;
const BELOW: f64 = 36.0;
/// What a letter takes, of the title and of the lines.
const TITLE_LETTER: f64 = 7.4;
const LETTER: f64 = 6.6;
const LINE: f64 = 16.0;
/// Around the text in a box.
const PADDING: f64 = 10.0;
const SWEEPS: usize = 8;

/// A box, or a point that an edge is led through.
struct Place {
    layer: usize,
    width: f64,
    height: f64,
    /// The middle, once it is known.
    x: f64,
    /// Lines are led around boxes, not boxes around lines.
    weight: f64,
}

impl Place {
    fn is_point(&self) -> bool {
        self.height == 0.0
    }
}

impl NetGraph {
    /// As a picture: blue boxes have random weights, grey ones plain weights, white ones none.
    pub fn picture(&self) -> Picture {
        self.boxes().titled(&self.name, &self.counts())
    }

    fn boxes(&self) -> Picture {
        let inner: Vec<Option<Picture>> =
            self.nodes.iter().map(|node| node.inner.as_ref().map(NetGraph::boxes)).collect();
        let sizes: Vec<(f64, f64)> =
            self.nodes.iter().zip(&inner).map(|(node, inner)| size(node, inner.as_ref())).collect();
        let (mut places, links) = self.places(&sizes);
        order_and_place(&mut places, &links);

        let layers = places.iter().map(|place| place.layer + 1).max().unwrap_or_default();
        let mut tops = vec![0.0];
        for layer in 0..layers {
            let heights = places.iter().filter(|place| place.layer == layer).map(|place| place.height);
            tops.push(tops.last().copied().unwrap_or_default() + heights.fold(0.0, f64::max) + BELOW);
        }
        let top_of = |layer: usize| tops.get(layer).copied().unwrap_or_default();
        let left = places.iter().map(|place| place.x - place.width / 2.0).fold(f64::INFINITY, f64::min);
        let right = places.iter().map(|place| place.x + place.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
        // A box stands in the middle of its layer's height.
        let middle = |place: &Place| {
            let height = top_of(place.layer + 1) - BELOW - top_of(place.layer);
            top_of(place.layer) + height / 2.0
        };

        // Points are led through from the top of their layer to its bottom.
        let top = |place: &Place| match place.is_point() {
            true => top_of(place.layer),
            false => middle(place) - place.height / 2.0,
        };
        let bottom = |place: &Place| match place.is_point() {
            true => top_of(place.layer + 1) - BELOW,
            false => middle(place) + place.height / 2.0,
        };

        let mut svg = String::new();
        for place in places.iter().filter(|place| place.is_point()) {
            let (x, high, low) = (place.x - left, top(place), bottom(place));
            let _ = write!(svg, "<path class=\"muted line\" d=\"M{x:.1} {high:.1}V{low:.1}\"/>");
        }
        for link in &links {
            let (Some(from), Some(to)) = (places.get(link.from), places.get(link.to)) else { continue };
            let (start, stop) = ((from.x - left, bottom(from)), (to.x - left, top(to)));
            draw_link(&mut svg, start, stop, link.name, !to.is_point());
        }
        for ((node, inner), place) in self.nodes.iter().zip(&inner).zip(&places) {
            draw_box(&mut svg, node, inner.as_ref(), place, (place.x - left, middle(place)));
        }
        Picture::new((right - left).max(1.0), (top_of(layers) - BELOW).max(1.0), svg)
    }

    /// A place for each node, then one for each point; and the edges between them, each to the next layer.
    fn places(&self, sizes: &[(f64, f64)]) -> (Vec<Place>, Vec<Link>) {
        let mut layers = vec![0usize; self.nodes.len()];
        // Edges go forwards, so that what a node stands on is placed before it.
        let mut edges = self.edges.clone();
        edges.sort_by_key(|edge| edge.to);
        for edge in &edges {
            let above = layers.get(edge.from).copied().unwrap_or_default();
            if let Some(layer) = layers.get_mut(edge.to) {
                *layer = (*layer).max(above + 1);
            }
        }
        let lowest = layers.iter().copied().max().unwrap_or_default();
        for (at, node) in self.nodes.iter().enumerate() {
            let users = edges
                .iter()
                .filter(|edge| edge.from == at)
                .filter_map(|edge| layers.get(edge.to))
                .min()
                .copied();
            let layer = match node.kind {
                // An input that is used late stands above its use, not at the top.
                Kind::Input => users.map_or(0, |user| user.saturating_sub(1)),
                Kind::Output => lowest,
                _ => continue,
            };
            if let Some(own) = layers.get_mut(at) {
                *own = layer;
            }
        }
        let mut places: Vec<Place> = layers
            .iter()
            .zip(sizes)
            .map(|(&layer, &(width, height))| Place { layer, width, height, x: 0.0, weight: 1000.0 })
            .collect();
        let mut links = Vec::new();
        for edge in &edges {
            let (Some(&above), Some(&below)) = (layers.get(edge.from), layers.get(edge.to)) else { continue };
            let mut from = edge.from;
            for layer in above + 1..below {
                places.push(Place { layer, width: 8.0, height: 0.0, x: 0.0, weight: 1.0 });
                links.push(Link { from, to: places.len() - 1, name: "" });
                from = places.len() - 1;
            }
            links.push(Link { from, to: edge.to, name: self.shown(edge) });
        }
        (places, links)
    }
}

/// An edge, or a part of one.
struct Link {
    from: usize,
    to: usize,
    name: &'static str,
}

/// Orders each layer and sets every `x`.
fn order_and_place(places: &mut [Place], links: &[Link]) {
    let count = places.iter().map(|place| place.layer + 1).max().unwrap_or_default();
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, place) in places.iter().enumerate() {
        if let Some(layer) = layers.get_mut(place.layer) {
            layer.push(at);
        }
    }
    for layer in &layers {
        settle(places, layer, &vec![0.0; layer.len()]);
    }
    for sweep in 0..2 * SWEEPS {
        let downwards = sweep % 2 == 0;
        let each: Vec<usize> = if downwards { (0..count).collect() } else { (0..count).rev().collect() };
        for at in each {
            let Some(layer) = layers.get_mut(at) else { continue };
            let wish = |node: usize| wished(places, links, node, downwards);
            let mut wishes: Vec<(usize, f64)> = layer.iter().map(|&node| (node, wish(node))).collect();
            if sweep < SWEEPS {
                wishes.sort_by(|a, b| a.1.total_cmp(&b.1));
                *layer = wishes.iter().map(|(node, _)| *node).collect();
            }
            let wishes: Vec<f64> = wishes.into_iter().map(|(_, wish)| wish).collect();
            settle(places, layer, &wishes);
        }
    }
}

/// The middle of what is above, or below; where it is, if there is nothing.
fn wished(places: &[Place], links: &[Link], node: usize, downwards: bool) -> f64 {
    let neighbours = links.iter().filter_map(|link| match downwards {
        true => (link.to == node).then_some(link.from),
        false => (link.from == node).then_some(link.to),
    });
    let (mut sum, mut weights) = (0.0, 0.0);
    for place in neighbours.filter_map(|at| places.get(at)) {
        sum += place.weight * place.x;
        weights += place.weight;
    }
    if weights > 0.0 { sum / weights } else { places.get(node).map_or(0.0, |place| place.x) }
}

/// Puts a layer's places as near to their wishes as their order and widths let them, in weighted squares: isotonic regression of the wishes
/// without the widths, by pooling neighbours that are out of order.
fn settle(places: &mut [Place], layer: &[usize], wishes: &[f64]) {
    let mut offset = 0.0;
    let mut offsets = Vec::new();
    // (mean, weight, how many)
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    let mut before: Option<f64> = None;
    for (&node, &wish) in layer.iter().zip(wishes) {
        let Some(place) = places.get(node) else { continue };
        if let Some(width) = before {
            offset += (width + place.width) / 2.0 + APART;
        }
        before = Some(place.width);
        offsets.push(offset);
        pools.push((wish - offset, place.weight, 1));
        while let [.., (a, v, m), (b, w, n)] = pools[..]
            && a > b
        {
            pools.truncate(pools.len() - 2);
            pools.push(((a * v + b * w) / (v + w), v + w, m + n));
        }
    }
    let settled = pools.into_iter().flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count));
    for ((&node, mean), offset) in layer.iter().zip(settled).zip(offsets) {
        if let Some(place) = places.get_mut(node) {
            place.x = mean + offset;
        }
    }
}

fn size(node: &Node, inner: Option<&Picture>) -> (f64, f64) {
    let letters = |text: &String| text.chars().count() as f64;
    let lines = node.lines.iter().map(letters).fold(0.0, f64::max) * LETTER;
    let (width, height) = inner.map_or((0.0, 0.0), |inner| {
        let (width, height) = inner.size();
        (width, height + PADDING)
    });
    let width = (letters(&node.title) * TITLE_LETTER).max(lines).max(width) + 2.0 * PADDING;
    (width, height + (1 + node.lines.len()) as f64 * LINE + PADDING)
}

fn draw_box(svg: &mut String, node: &Node, inner: Option<&Picture>, place: &Place, (x, y): (f64, f64)) {
    let (left, top) = (x - place.width / 2.0, y - place.height / 2.0);
    let class = match node.kind {
        Kind::Input | Kind::Output => None,
        Kind::Op => Some("grid outline"),
        Kind::Plain => Some("card"),
        Kind::Random => Some("first card"),
    };
    if let Some(class) = class {
        let (width, height) = (place.width, place.height);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>"
        );
    }
    let mut line = top + PADDING / 2.0 + 12.0;
    let mut say = |text: &str, class: &str| {
        let text = escaped(text);
        let _ = write!(
            svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{line:.1}\" text-anchor=\"middle\">{text}</text>"
        );
        line += LINE;
    };
    say(&node.title, "strong");
    for text in &node.lines {
        say(text, "");
    }
    if let Some(inner) = inner {
        let _ = write!(svg, "{}", inner.at(x - inner.size().0 / 2.0, line - 4.0));
    }
}

fn draw_link(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), name: &str, has_head: bool) {
    let middle = (y1 + y2) / 2.0;
    let _ = write!(
        svg,
        "<path class=\"muted line\" d=\"M{x1:.1} {y1:.1}C{x1:.1} {middle:.1} {x2:.1} {middle:.1} {x2:.1} {y2:.1}\"/>"
    );
    if has_head {
        let _ = write!(svg, "<path class=\"muted point\" d=\"M{x2:.1} {y2:.1}l-3.5 -7h7z\"/>");
    }
    if !name.is_empty() {
        let (x, y, name) = ((x1 + x2) / 2.0 + 5.0, middle + 4.0, escaped(name));
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>");
    }
}
