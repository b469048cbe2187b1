//! Ten programs written from the specification alone, after the implementation.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

fn real(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, CPU)
}

/// Runs a net on inputs of some shapes and checks what it says of itself.
fn runs<N: illia::Net + std::fmt::Display>(
    make: impl Fn(&nn::Path) -> N,
    cases: &[(Tensor, &[i64])],
    random: usize,
) {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = make(&vs.root());
    for (x, expected) in cases {
        for train in [false, true] {
            let y = net.try_forward_t(x, train).expect("the shapes fit");
            assert_eq!(y.size(), *expected);
        }
    }
    let cost = net.kl_cost();
    assert_eq!(cost.num_params, random);
    if random > 0 {
        cost.nats.backward();
        assert!(vs.trainable_variables().iter().any(|v| v.grad().defined()));
    }
    net.freeze();
    for (x, _) in cases {
        let (a, b) =
            (net.try_forward_t(x, false).expect("frozen"), net.try_forward_t(x, false).expect("frozen"));
        assert!(a.allclose(&b, 0., 0., false));
    }
    assert!(net.to_string().contains("parameters"));
}

mod mixer {
    illia::bnn! {
        /// Tolstikhin et al. (2021), one block: mixing over patches, then over channels.
        pub struct Mixer<const PATCHES: usize, const CHANNELS: usize>: [PATCHES, CHANNELS] -> [PATCHES, CHANNELS] {
            residual {
                norm1: LayerNorm,
                permute([1, 0]),
                patches1: Linear(PATCHES * 2) -> gelu,
                patches2: Linear(PATCHES),
                permute([1, 0]),
            },
            residual {
                norm2: LayerNorm,
                channels1: Linear(CHANNELS * 4) -> gelu -> dropout(0.1),
                channels2: Linear(CHANNELS),
            },
        }
    }

    illia::bnn! {
        pub struct Classifier: [3, 16, 16] -> [10] {
            patches: Conv2d(24, kernel: 4, stride: 4),
            reshape([24, 16]),
            permute([1, 0]),
            blocks: [Mixer<16, 24>; 2],
            norm: LayerNorm,
            mean,
            head: Linear(10),
        }
    }
}

#[test]
fn a_mixer() {
    let block = (16 * 32 + 32) + (32 * 16 + 16) + (24 * 96 + 96) + (96 * 24 + 24);
    let want = (3 * 24 * 16 + 24) + 2 * block + (24 * 10 + 10);
    runs(mixer::Classifier::new, &[(real(&[2, 3, 16, 16]), &[2, 10])], want);
}

mod u_net {
    illia::bnn! {
        /// Ronneberger et al. (2015), in small: what goes down comes back up beside itself.
        pub struct Unet: [1, 16, 16] -> [2, 16, 16] {
            concat {
                {},
                {
                    down: Conv2d(4, kernel: 3, stride: 2, padding: 1) -> relu,
                    concat {
                        {},
                        {
                            deeper: Conv2d(8, kernel: 3, stride: 2, padding: 1) -> relu,
                            up: ConvTranspose2d(4, kernel: 2, stride: 2) -> relu,
                        },
                    },
                    upper: ConvTranspose2d(4, kernel: 2, stride: 2) -> relu,
                },
            },
            head: Conv2d(2, kernel: 1) -> log_softmax(axis: 0),
        }
    }
}

#[test]
fn a_u_net() {
    let want = (4 * 9 + 4) + (4 * 8 * 9 + 8) + (8 * 4 * 4 + 4) + (8 * 4 * 4 + 4) + (5 * 2 + 2);
    runs(u_net::Unet::new, &[(real(&[2, 1, 16, 16]), &[2, 2, 16, 16])], want);
}

mod dense {
    const GROWTH: u16 = 4;

    illia::bnn! {
        /// Huang et al. (2017): each layer's output beside all before.
        pub struct Dense: [8, 6, 6] -> [20, 6, 6] {
            repeat 3 {
                concat { {}, { norm: BatchNorm2d -> relu, conv: Conv2d(GROWTH, kernel: 3, padding: 1, bias: false) } },
            },
        }
    }
}

#[test]
fn a_dense_block() {
    let want = (8 + 12 + 16) * 4 * 9;
    runs(dense::Dense::new, &[(real(&[2, 8, 6, 6]), &[2, 20, 6, 6])], want);
}

mod regression {
    use illia::prelude::*;

    illia::bnn! {
        /// Mean and spread: heteroscedastic regression, random in its last layer only.
        #[derive(Debug)]
        pub struct Regression: [13] -> [2] {
            prior: Gaussian(mean: 0.0, std: 1.0);

            #[deterministic]
            fc1: Linear(50) -> tanh,
            #[deterministic]
            fc2: Linear(50) -> tanh,
            pub head: Linear(2, posterior: Gaussian(rho: -3.0), estimator: LocalReparameterization)
                -> (|x| Tensor::cat(&[x.narrow(1, 0, 1), x.narrow(1, 1, 1).softplus()], 1)),
        }
    }
}

#[test]
fn a_random_last_layer() {
    runs(regression::Regression::new, &[(real(&[7, 13]), &[7, 2])], 50 * 2 + 2);
}

mod speech {
    illia::bnn! {
        /// Frames in, one letter for every second frame out.
        pub struct Speech: [time, 40] -> [steps, 29] {
            permute([1, 0]),
            conv: Conv1d(32, kernel: 5, stride: 2, padding: 2) -> relu,
            permute([1, 0]),
            lstm: Lstm(16, bidirectional: true, layers: 2, dropout: 0.2),
            norm: LayerNorm(32),
            head: Linear(29) -> log_softmax,
        }
    }
}

#[test]
fn speech() {
    let lstm = 2 * ((32 * 64 + 16 * 64 + 64) + (32 * 64 + 16 * 64 + 64));
    let want = (40 * 32 * 5 + 32) + lstm + (32 * 29 + 29);
    let cases: [(Tensor, &[i64]); 2] = [(real(&[2, 30, 40]), &[2, 15, 29]), (real(&[1, 9, 40]), &[1, 5, 29])];
    runs(speech::Speech::new, &cases, want);
}

mod tokens {
    const VOCABULARY: u32 = 50;
    const SIZE: u8 = 12;

    illia::bnn! {
        pub struct Bag: [words] -> [4] {
            embed: Embedding(SIZE, vocabulary: VOCABULARY, max_norm: 2.0, prior: Laplace),
            mean,
            fc: Linear(8, prior: StudentT(dof: 5.0, scale: 0.2)) -> elu -> dropout(p: 0.2),
            head: Linear(4) -> softmax,
        }
    }
}

#[test]
fn a_bag_of_words() {
    let words = Tensor::randint(50, [3, 6], (Kind::Int64, Device::Cpu));
    runs(tokens::Bag::new, &[(words, &[3, 4])], 50 * 12 + (12 * 8 + 8) + (8 * 4 + 4));
}

mod generic {
    pub const fn squeeze(channels: usize) -> usize {
        channels / 2
    }

    illia::bnn! {
        pub struct Bottleneck<const C: usize, const SIDE: usize>: [C, SIDE, SIDE] -> [C, SIDE, SIDE] {
            residual {
                reduce: Conv2d(squeeze(C), kernel: 1) -> relu,
                conv: Conv2d(squeeze(C), kernel: 3, padding: 1) -> relu,
                expand: Conv2d(squeeze(C) => C, kernel: 1),
            } -> relu,
        }
    }

    illia::bnn! {
        pub struct Stage<const C: usize, const SIDE: usize, const DEPTH: usize>: [C, SIDE, SIDE] -> [C] {
            repeat DEPTH { block: Bottleneck<C, SIDE> },
            global_avg_pool,
        }
    }

    illia::bnn! {
        pub struct Net: [8, 10, 10] -> [3] {
            stage: Stage<8, 10, 3>,
            head: Linear(8 => 3),
        }
    }
}

#[test]
fn generic_stages() {
    let block = (8 * 4 + 4) + (4 * 4 * 9 + 4) + (4 * 8 + 8);
    runs(generic::Net::new, &[(real(&[2, 8, 10, 10]), &[2, 3])], 3 * block + 27);
}

mod squeeze_and_excite {
    use illia::prelude::*;

    /// Hu et al. (2018): a gate of one's own around a net declared with `bnn!`.
    #[bayesian]
    #[derive(Debug)]
    pub struct Excite {
        gate: Gate,
    }

    impl Excite {
        pub fn new(p: &nn::Path) -> Self {
            Excite { gate: Gate::new(&(p / "gate")) }
        }
    }

    impl ModuleT for Excite {
        fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
            x * self.gate.forward_t(x, train).unsqueeze(-1).unsqueeze(-1)
        }
    }

    illia::bnn! {
        pub struct Gate: [6, 5, 5] -> [6] {
            global_avg_pool,
            down: Linear(2) -> relu,
            up: Linear(6) -> sigmoid,
        }
    }

    illia::bnn! {
        pub struct Net: [1, 5, 5] -> [2] {
            conv: Conv2d(6, kernel: 3, padding: 1) -> relu,
            residual { excite: Excite: [6, 5, 5] -> [6, 5, 5] -> tanh },
            adaptive_avg_pool((1, 2)),
            flatten,
            head: Linear(2),
        }
    }
}

#[test]
fn squeeze_and_excitation() {
    let want = (6 * 9 + 6) + (6 * 2 + 2) + (2 * 6 + 6) + (12 * 2 + 2);
    runs(squeeze_and_excite::Net::new, &[(real(&[3, 1, 5, 5]), &[3, 2])], want);
}

mod ensemble {
    illia::bnn! {
        pub struct Member: [4] -> [3] {
            fc: Linear(5) -> silu,
            head: Linear(3),
        }
    }

    illia::bnn! {
        /// Experts side by side, mixed by a last layer.
        pub struct Experts: [4] -> [3] {
            concat { { a: Member }, { b: Member -> leaky_relu }, { c: Member -> leaky_relu(0.2) } },
            mix: Linear(9 => 3),
        }
    }
}

#[test]
fn experts() {
    runs(ensemble::Experts::new, &[(real(&[5, 4]), &[5, 3])], 3 * ((4 * 5 + 5) + (5 * 3 + 3)) + (9 * 3 + 3));
}

mod maximum_a_posteriori {
    illia::bnn! {
        pub struct Map: [2, 9, 9] -> [1] {
            posterior: Point;
            prior: ScaleMixture(std2: 0.01);

            conv: Conv2d(4, kernel: (3, 1), dilation: (2, 1), stride: (1, 2), padding: (2, 0), groups: 2),
            avg_pool((3, 2), stride: (3, 1)) -> identity,
            flatten -> relu,
            head: Linear(1),
        }
    }
}

#[test]
fn maximum_a_posteriori_estimation() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = maximum_a_posteriori::Map::new(&vs.root());
    let x = real(&[2, 2, 9, 9]);
    assert!(net.forward(&x).allclose(&net.forward(&x), 0., 0., false), "a point does not move");
    runs(maximum_a_posteriori::Map::new, &[(x, &[2, 1])], (4 * 3 + 4) + (4 * 3 * 4 + 1));
}
