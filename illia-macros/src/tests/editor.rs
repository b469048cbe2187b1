//! What an editor may put in place of a word that is being written: it asks for the expansion with a word of its own there.

use syn::{Item, Stmt};

/// What is offered for the word `here` in a block.
fn offered(block: &str) -> Vec<String> {
    let out = crate::bnn::expand(block.parse().expect("tokens"));
    let file = syn::parse2::<syn::File>(out).expect("items");
    let constants = file.items.into_iter().filter_map(|item| match item {
        Item::Const(constant) => Some(*constant.expr),
        _ => None,
    });
    let functions = constants.filter_map(|expr| match expr {
        syn::Expr::Block(block) => match block.block.stmts.into_iter().next() {
            Some(Stmt::Item(Item::Fn(function))) => Some(function),
            _ => None,
        },
        _ => None,
    });
    let here =
        |function: &syn::ItemFn| quote::ToTokens::to_token_stream(&function.block).to_string() == "{ here }";
    let names = functions.filter(here).flat_map(|function| function.sig.inputs.into_iter()).map(|input| {
        let text = quote::ToTokens::to_token_stream(&input).to_string();
        text.split(" :").next().unwrap_or_default().to_owned()
    });
    names.collect()
}

#[test]
fn arguments_are_offered() {
    for block in [
        "struct Net: [4] -> [2] { fc: Linear(2, here) }",
        "struct Net: [4] -> [2] { fc: Linear(2, here: 1) }",
    ] {
        let offered = offered(block);
        for name in ["bias", "prior", "posterior", "estimator", "lora"] {
            assert!(offered.iter().any(|known| known == name), "{name} for {block}: {offered:?}");
        }
    }
    assert!(
        offered("struct Net: [3, 8, 8] -> [2, 8, 8] { c: Conv2d(2, kernel: 3, here) }")
            .contains(&"stride".into())
    );
}

#[test]
fn values_steps_and_ops_are_offered() {
    let joined =
        "struct Net: (user: [4], item: [4]) -> [4] { let u = user -> a: Linear(4); item -> add(here) }";
    assert_eq!(offered(joined), ["item", "u", "user"]);
    let chain =
        "struct Net: (user: [4], item: [4]) -> [4] { let u = user -> a: Linear(4); item -> add(u) -> here }";
    for name in ["a", "relu", "dropout", "u"] {
        assert!(offered(chain).iter().any(|known| known == name), "{name}: {:?}", offered(chain));
    }
}

#[test]
fn layers_are_offered() {
    let offered = offered("struct Net: [4] -> [2] { fc: here }");
    assert!(offered.contains(&"Linear".into()) && offered.contains(&"SelfAttention".into()), "{offered:?}");
}

#[test]
fn families_are_offered() {
    let offered = offered("struct Net: [4] -> [2] { fc: Linear(2, prior: here) }");
    assert!(offered.contains(&"Gaussian".into()) && offered.contains(&"StudentT".into()), "{offered:?}");
}

#[test]
fn a_finished_net_offers_nothing() {
    let out = crate::bnn::expand("struct Net: [4] -> [2] { fc: Linear(2) -> relu }".parse().expect("tokens"));
    assert!(!out.to_string().contains("rust_analyzer"));
}
