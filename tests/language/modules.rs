//! Functions, closures and modules of the user's own.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

mod my {
    use illia::prelude::*;

    pub fn swish(x: &Tensor) -> Tensor {
        x * x.sigmoid()
    }

    pub fn halves(x: &Tensor) -> Tensor {
        x.narrow(1, 0, x.size()[1] / 2)
    }

    /// Self-attention with random projections.
    #[bayesian]
    #[derive(Debug)]
    pub struct Attention {
        query: illia::nn::Linear,
        key: illia::nn::Linear,
        norm: nn::LayerNorm,
        #[bayesian(skip)]
        scale: f64,
    }

    #[derive(Default)]
    pub struct AttentionConfig {
        pub scale: f64,
        pub offset: f64,
    }

    impl illia::Configured for Attention {
        type Config = AttentionConfig;
    }

    impl Attention {
        pub fn new(p: &nn::Path, size: i64, config: AttentionConfig) -> Self {
            let scale = config.scale + config.offset;
            let linear = |name: &str| illia::nn::Linear::new(p / name, size, size, Default::default());
            let norm = nn::layer_norm(p / "norm", vec![size], Default::default());
            Attention { query: linear("query"), key: linear("key"), norm, scale }
        }
    }

    impl Module for Attention {
        fn forward(&self, x: &Tensor) -> Tensor {
            let scores = self.query.forward(x).matmul(&self.key.forward(x).transpose(1, 2)) * self.scale;
            self.norm.forward(&scores.softmax(-1, Kind::Float).matmul(x))
        }
    }

    /// Says one shape and gives another.
    #[bayesian]
    #[derive(Debug)]
    pub struct Liar;

    impl Liar {
        pub fn new(_: &nn::Path) -> Self {
            Liar
        }
    }

    impl Module for Liar {
        fn forward(&self, x: &Tensor) -> Tensor {
            x.narrow(1, 0, 1)
        }
    }
}

fn cube(x: &Tensor) -> Tensor {
    x * x * x
}

bnn! {
    struct Own: [seq, 8] -> [4] {
        fc: Linear(8) -> my::swish -> (|x| x * 2),
        attend: my::Attention(8, scale: 0.5): [seq, 8] -> [seq, 8],
        (|x| x.cumsum(1, Kind::Float)),
        last,
        my::halves: [4],
        self::cube,
        cube,
    }
}

bnn! {
    struct Deceived: [4] -> [4] {
        fc: Linear(4),
        liar: my::Liar: [4] -> [4],
    }
}

bnn! {
    struct DeceivedByAFunction: [4] -> [4] {
        fc: Linear(4) -> my::halves,
    }
}

#[test]
fn run_where_they_stand() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Own::new(&vs.root());
    let x = Tensor::randn([3, 5, 8], CPU);
    assert_eq!(net.forward(&x).size(), [3, 4]);
    assert_eq!(net.kl_cost().num_params, 3 * (8 * 8 + 8));
    assert!(vs.variables().contains_key("attend.query.weight.mu"));
    net.freeze();
    assert!(net.forward(&x).allclose(&net.forward(&x), 0., 0., false));
}

#[test]
fn what_does_not_keep_its_word_is_an_error() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Deceived::new(&vs.root());
    let error = net.try_forward(&Tensor::randn([2, 4], CPU)).expect_err("one column").to_string();
    assert!(
        error.starts_with("liar: ") && error.contains("[batch, 4]") && error.contains("[2, 1]"),
        "{error}"
    );
    let net = DeceivedByAFunction::new(&(vs.root() / "other"));
    let error = net.try_forward(&Tensor::randn([2, 4], CPU)).expect_err("half the columns").to_string();
    assert!(error.starts_with("fc: ") && error.contains("[2, 2]"), "{error}");
}

/// A field may borrow its module alone, and a random parameter may stand by itself.
#[bayesian]
struct Borrowed<'a> {
    layer: &'a mut illia::nn::Linear,
    scale: illia::RandomParameter,
    shift: Option<illia::RandomParameter>,
    more: Vec<illia::RandomParameter>,
    names: std::marker::PhantomData<&'a str>,
}

#[test]
fn a_traversal_shows_borrowed_modules_and_bare_parameters() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut layer = illia::nn::Linear::new(vs.root() / "layer", 3, 2, Default::default());
    let parameter = |name: &str, n| {
        illia::RandomParameter::new(vs.root(), name, &[n], 1, Prior::default(), Posterior::default()).unwrap()
    };
    let mut both = Borrowed {
        layer: &mut layer,
        scale: parameter("scale", 2),
        shift: Some(parameter("shift", 5)),
        more: vec![parameter("first", 7), parameter("second", 11)],
        names: std::marker::PhantomData,
    };
    assert_eq!(both.kl_cost().num_params, 3 * 2 + 2 + 2 + 5 + 7 + 11);
    let names = both.named_parameters().into_iter().map(|(name, _)| name);
    let names: Vec<String> = names.collect();
    assert_eq!(names, ["layer.weight", "layer.bias", "scale", "shift", "more.0", "more.1"]);
    both.freeze();
    assert!(both.is_frozen() && both.scale.is_frozen() && both.more[1].is_frozen());
    assert!(layer.is_frozen());
}

/// A module whose `new` may refuse.
#[bayesian]
#[derive(Debug)]
struct Choosy(illia::nn::Linear);

#[derive(Default)]
struct ChoosyConfig {
    plain: bool,
}

impl illia::Configured for Choosy {
    type Config = ChoosyConfig;
}

impl Choosy {
    fn new(p: &nn::Path, size: i64, config: ChoosyConfig) -> illia::Result<Self> {
        let posterior = if config.plain { Posterior::plain() } else { Posterior::default() };
        let config = illia::nn::LinearConfig { posterior, ..Default::default() };
        Ok(Choosy(illia::nn::Linear::try_new(p, size, size, config)?))
    }
}

impl Module for Choosy {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.0.forward(x)
    }
}

/// One that stops.
#[bayesian]
#[derive(Debug)]
struct Stern(illia::nn::Linear);

impl Stern {
    fn new(p: &nn::Path, size: i64) -> Self {
        Stern(illia::nn::Linear::new(p / "linear", size, size, Default::default()))
    }
}

impl Module for Stern {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.0.forward(x)
    }
}

bnn! {
    struct Careful(a: i64, b: i64): [4] -> [4] {
        choosy: Choosy(a, ..): [4] -> [4],
        residual { both: [Stern(b): [4] -> [4]; 2] },
        plain: Choosy(4, plain: true): [4] -> [4],
    }
}

#[test]
fn what_a_module_refuses_is_an_error_that_names_it() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Careful::new(&vs.root(), 4, 4);
    assert_eq!(net.kl_cost().num_params, 3 * 20);
    let refused = |a, b| {
        let made = Careful::try_new(&nn::VarStore::new(Device::Cpu).root(), a, b);
        made.expect_err("no layer has a size of 0").to_string()
    };
    assert_eq!(refused(0, 4), "choosy: outputs = 0 is not allowed: from 1 to 2147483647");
    assert_eq!(refused(4, 0), "1.both: outputs = 0 is not allowed: from 1 to 2147483647");
}

#[test]
fn a_layer_that_stops_says_where_it_was_to_be() {
    let vs = nn::VarStore::new(Device::Cpu);
    let path = vs.root() / "tower" / "stern";
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Stern::new(&path, 0)));
    let said = stopped.expect_err("no layer has a size of 0");
    let said = said.downcast::<String>().expect("a sentence");
    assert_eq!(*said, "tower.stern.linear: outputs = 0 is not allowed: from 1 to 2147483647");
}
