//! Every two ways to write a size, in every place that takes one: a literal, a const item, a const fn, arithmetic on a const
//! item, a const parameter, arithmetic on one, an argument of the net, arithmetic on one. All of them are 4.

use illia::prelude::*;

const FOUR: u16 = 4;

const fn twice(n: i64) -> i64 {
    2 * n
}

macro_rules! net {
    ($name:ident, $a:expr, $b:expr, $n:ident) => {
        illia::bnn! {
            pub struct $name<const N: i64>($n: usize): [$a, 8, 8] -> [$b] {
                conv: Conv2d($b, kernel: 3, padding: 1, groups: $a) -> relu -> max_pool($a),
                up: ConvTranspose2d($b, kernel: 2, stride: 2) -> upsample($a) -> adaptive_avg_pool(2),
                reshape([$b, $a]),
                position: PositionEmbedding(max: $b),
                attend: SelfAttention(heads: $b),
                residual(project: Linear($b)) { wide: Linear(4 * 4) -> tanh, narrow: Linear($b) },
                repeat $a { deep: Linear($b => $b) -> dropout(0.1) },
                lstm: Lstm($a, layers: 1) -> norm: LayerNorm($a) -> last,
                let one = left: Linear($b);
                let two = one -> right: Linear($b);
                two -> add(one) -> multiply(one) -> concat(one, two),
                inner: Inner<N>(n: $n),
                head: Linear($b),
            }
        }
    };
}

illia::bnn! {
    pub struct Inner<const N: i64>(n: usize): [N * 3] -> [n] {
        fc: Linear(N * 3 => n),
    }
}

macro_rules! all {
    ($module:ident, $a:expr, $n:ident) => {
        mod $module {
            use super::*;
            net!(Literal, $a, 4, $n);
            net!(Item, $a, FOUR, $n);
            net!(Function, $a, twice(2), $n);
            net!(OfItem, $a, FOUR + 0, $n);
            net!(Parameter, $a, N, $n);
            net!(OfParameter, $a, N * 1, $n);
            net!(Argument, $a, $n, $n);
            net!(OfArgument, $a, $n * 1, $n);

            pub fn run() -> Vec<(usize, Vec<i64>)> {
                let x = Tensor::ones([3, 4, 8, 8], (Kind::Float, Device::Cpu));
                let vs = nn::VarStore::new(Device::Cpu);
                let p = vs.root();
                macro_rules! one {
                    ($net:ident) => {{
                        let net = $net::<4>::try_new(&(&p / stringify!($net)), 4).expect("all are 4");
                        // What the net is made of, and what comes out.
                        (net.kl_cost().num_params, net.try_forward_t(&x, true).expect("all are 4").size())
                    }};
                }
                vec![
                    one!(Literal),
                    one!(Item),
                    one!(Function),
                    one!(OfItem),
                    one!(Parameter),
                    one!(OfParameter),
                    one!(Argument),
                    one!(OfArgument),
                ]
            }
        }
    };
}

all!(literal, 4, n);
all!(item, FOUR, n);
all!(function, twice(2), n);
all!(of_item, FOUR + 0, n);
all!(parameter, N, n);
all!(of_parameter, N * 1, n);
all!(argument, n, n);
all!(of_argument, n * 1, n);

#[test]
fn all_pairs_are_one_net() {
    let first = literal::run()[0].clone();
    for of in [
        literal::run(),
        item::run(),
        function::run(),
        of_item::run(),
        parameter::run(),
        of_parameter::run(),
        argument::run(),
        of_argument::run(),
    ] {
        for one in of {
            assert_eq!(one, first);
        }
    }
    assert_eq!(first.1, [3, 4]);
}
