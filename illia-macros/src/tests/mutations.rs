//! No input makes the macros panic: programs with tokens deleted, doubled, swapped and replaced give either an error or an
//! expansion that parses.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proc_macro2::{Group, TokenStream, TokenTree};

use super::{PROGRAMS, items, nets};

/// How many mutated programs are tried in every run of the tests, and how many nightly, from another seed.
const FEW: usize = 5_000;
const MANY: usize = 100_000;

/// SplitMix64 (Steele, Lea & Flood 2014): a seeded source without a dependency.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Words, numbers and signs that don't stand in the programs but mean something to the macros.
const SPICE: &str = "0 - 1 9223372036854775807 1.5 \"text\" 'c' true => -> :: : ; , | & < > = ! .. residual concat repeat \
    project last mean permute reshape [ 1 , - 1 ] { } ( ) [ ] prior : Gaussian ( std : 0 ) Conv1d ConvTranspose2d GroupNorm BatchNorm1d \
    LayerNorm # [ deterministic ] # [ cfg ( x ) ] pub crate self super Self where impl ( | x | x ) my :: f < 3 > groups stride dilation \
    let x = y ; let ( a , b ) = net ; add ( x ) multiply concat first upsample SelfAttention CrossAttention Tied mask memory ( a : [ 2 ] ) \
    adaptive_avg_pool softmax axis r#type _ [ seq ] [ 1 ; 2 ] 1 / 0 1 << 70 { 1 } if match fn struct enum union";

fn count(tokens: &TokenStream) -> usize {
    tokens
        .clone()
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => 1 + count(&group.stream()),
            _ => 1,
        })
        .sum()
}

/// One mutation at the `at`th token, groups counted before what is in them.
fn mutated(tokens: TokenStream, at: &mut usize, random: &mut Random, pool: &[TokenTree]) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if *at == 0 {
            *at = usize::MAX;
            match random.below(4) {
                0 => {}
                1 => out.extend([token.clone(), token]),
                2 => {
                    let next = tokens.next();
                    out.extend(next);
                    out.push(token);
                }
                _ => out.push(pool[random.below(pool.len())].clone()),
            }
            continue;
        }
        *at -= usize::from(*at != usize::MAX);
        out.push(match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), mutated(group.stream(), at, random, pool));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token,
        });
    }
    out.into_iter().collect()
}

fn pool(streams: &[TokenStream]) -> Vec<TokenTree> {
    fn collect(tokens: TokenStream, pool: &mut Vec<TokenTree>) {
        for token in tokens {
            if let TokenTree::Group(group) = &token {
                collect(group.stream(), pool);
            }
            pool.push(token);
        }
    }
    let mut pool = Vec::new();
    collect(SPICE.parse().expect("spice has tokens"), &mut pool);
    for stream in streams {
        collect(stream.clone(), &mut pool);
    }
    pool
}

/// Whether there is a `compile_error!` among the items.
fn has_error(out: &TokenStream) -> bool {
    out.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(ident) if ident == "compile_error"))
}

fn try_all(
    streams: &[TokenStream],
    expand: impl Fn(TokenStream) -> TokenStream,
    tries: usize,
    seed: u64,
) -> usize {
    let pool = pool(streams);
    let mut random = Random(seed);
    let mut sound = 0;
    for _ in 0..tries {
        let mut tokens = streams[random.below(streams.len())].clone();
        for _ in 0..=random.below(3) {
            let mut at = random.below(count(&tokens));
            tokens = mutated(tokens, &mut at, &mut random, &pool);
        }
        let text = tokens.to_string();
        let out = catch_unwind(AssertUnwindSafe(|| expand(tokens)));
        let Ok(out) = out else { panic!("the macro panicked on\n{text}") };
        let error = has_error(&out);
        let parsed = syn::parse2::<syn::File>(out.clone());
        assert!(error || parsed.is_ok(), "{text}\n gives what does not parse\n{out}");
        sound += usize::from(!error);
    }
    sound
}

fn try_nets(tries: usize, seed: u64) {
    let streams: Vec<TokenStream> = PROGRAMS.iter().flat_map(|program| nets(program)).collect();
    let sound = try_all(&streams, crate::bnn::expand, tries, seed);
    // Most mutations are mistakes; some (another name, another width) are programs.
    assert!(sound > tries / 200 && sound < tries * 3 / 4, "{sound} of {tries} were programs");
}

fn try_structs(tries: usize, seed: u64) {
    let streams: Vec<TokenStream> = PROGRAMS.iter().flat_map(|program| items(program)).collect();
    let expand = |tokens| crate::bayesian::expand(TokenStream::new(), tokens);
    let sound = try_all(&streams, expand, tries, seed);
    assert!(sound > tries / 200, "{sound} of {tries} were structs");
}

#[test]
fn mutated_nets_give_errors_or_code() {
    try_nets(FEW, 1);
}

#[test]
fn mutated_structs_give_errors_or_code() {
    try_structs(FEW / 4, 2);
}

#[test]
#[ignore = "six minutes: of the nightly run"]
fn many_mutated_nets_give_errors_or_code() {
    try_nets(MANY, 3);
}

#[test]
#[ignore = "a minute: of the nightly run"]
fn many_mutated_structs_give_errors_or_code() {
    try_structs(MANY / 4, 4);
}
