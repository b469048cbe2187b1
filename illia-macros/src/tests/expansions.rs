//! The expansion of a few nets, to be read: run with `UPDATE_EXPANSIONS=1` after a change, and read the difference.

use std::path::Path;

use super::{PROGRAMS, nets};

fn pinned(name: &str, program: usize, net: usize) {
    let tokens = nets(PROGRAMS[program]).swap_remove(net);
    let file = syn::parse2::<syn::File>(crate::bnn::expand(tokens)).expect("the expansion parses");
    let text = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("expansions").join(name);
    if std::env::var_os("UPDATE_EXPANSIONS").is_some() {
        std::fs::write(&path, &text).expect("the expansion can be written");
    }
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(pinned == text, "{} differs from the expansion; run with UPDATE_EXPANSIONS=1", path.display());
}

#[test]
fn a_chain() {
    pinned("mlp.rs", 0, 0);
}

#[test]
fn constants_and_distributions() {
    pinned("lenet.rs", 1, 0);
}

#[test]
fn blocks() {
    pinned("resnet.rs", 3, 1);
}

#[test]
fn arguments_of_the_net() {
    pinned("regressor.rs", 5, 0);
}

#[test]
fn several_inputs() {
    pinned("towers.rs", 6, 0);
}
