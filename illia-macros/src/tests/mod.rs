//! The macros outside of a compiler.

mod cost;
mod editor;
mod expansions;
mod mutations;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The programs that the facade carries.
const PROGRAMS: [&str; 10] = [
    include_str!("../../../examples/programs/mlp.rs"),
    include_str!("../../../examples/programs/lenet.rs"),
    include_str!("../../../examples/programs/names.rs"),
    include_str!("../../../examples/programs/resnet.rs"),
    include_str!("../../../examples/programs/two_tower.rs"),
    include_str!("../../../examples/programs/regressor.rs"),
    include_str!("../../../examples/programs/towers.rs"),
    include_str!("../../../examples/programs/unet.rs"),
    include_str!("../../../examples/programs/gpt.rs"),
    include_str!("../../../examples/programs/heads.rs"),
];

/// What stands in `bnn! { .. }` in a program.
fn nets(program: &str) -> Vec<TokenStream> {
    let tokens: Vec<TokenTree> =
        program.parse::<TokenStream>().expect("a program has tokens").into_iter().collect();
    let mut nets = Vec::new();
    for window in tokens.windows(3) {
        if let [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(group)] = window
            && name == "bnn"
            && bang.as_char() == '!'
        {
            nets.push(group.stream());
        }
    }
    nets
}

/// The items behind `#[bayesian]` in a program.
fn items(program: &str) -> Vec<TokenStream> {
    let tokens: Vec<TokenTree> =
        program.parse::<TokenStream>().expect("a program has tokens").into_iter().collect();
    let mut items = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token
            && group.delimiter() == Delimiter::Bracket
            && group.stream().to_string() == "bayesian"
        {
            let mut item = Vec::new();
            for token in tokens.iter().skip(i + 1) {
                item.push(token.clone());
                if matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) {
                    break;
                }
            }
            items.push(item.into_iter().collect());
        }
    }
    items
}

#[test]
fn the_programs_expand_without_a_mistake() {
    let mut found = 0;
    for program in PROGRAMS {
        for net in nets(program) {
            let out = crate::bnn::expand(net.clone()).to_string();
            assert!(!out.contains("compile_error"), "{net}\n{out}");
            found += 1;
        }
        for item in items(program) {
            let out = crate::bayesian::expand(TokenStream::new(), item.clone()).to_string();
            assert!(!out.contains("compile_error"), "{item}\n{out}");
            found += 1;
        }
    }
    assert_eq!(found, 20, "the programs declare seventeen nets and three structs");
}
