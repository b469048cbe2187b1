//! Whatever the user's module calls things, and wherever the block stands.

/// A user who has names of his own for everything.
#[no_implicit_prelude]
#[allow(dead_code)]
mod bare {
    struct Result;
    struct Option;
    struct Some;
    struct Ok;
    struct Box;
    struct Vec;
    struct Tensor;
    struct Posterior;
    trait Fn {}
    mod core {}
    mod std {}

    const WIDTH: usize = 4;

    ::illia::bnn! {
        pub struct Counted: [4] -> [2] {
            hidden: Linear(WIDTH),
            head: Linear(4 => 2),
        }
    }

    ::illia::bnn! {
        pub struct Net: [4] -> [2] {
            prior: Gaussian(std: 0.5);

            residual { fc: Linear(4) -> relu -> (|x| x * 2.0) },
            repeat 2 { hidden: Linear(3) -> tanh },
            embed: self::Inner,
            head: Linear(2),
        }
    }

    ::illia::bnn! {
        pub struct Inner: [3] -> [3] {
            fc: Linear(3),
        }
    }

    #[::illia::bayesian]
    pub struct Pair {
        pub first: Net,
        pub second: Inner,
    }
}

mod first {
    illia::bnn! { pub struct Twin: [4] -> [2] { fc: Linear(2) } }
}

mod second {
    illia::bnn! { pub struct Twin: [4] -> [3] { fc: Linear(3) } }
}

macro_rules! tower {
    ($(#[$attr:meta])* $name:ident, $inputs:expr, $hidden:expr, $activation:ident, $inner:ty) => {
        illia::bnn! {
            $(#[$attr])*
            struct $name: [$inputs] -> [2] {
                fc1: Linear($hidden) -> $activation,
                fc2: Linear($hidden => 3) -> $activation,
                inner: second::Inner,
                head: Linear(2),
            }
        }
    };
}

mod other {
    illia::bnn! { pub struct Inner: [3] -> [3] { fc: Linear(3) } }
}
use other as second_inner;

mod renamed {
    pub use illia as rusty;
}

illia::bnn! {
    #[illia(crate = crate::language::hygiene::renamed::rusty)]
    struct Renamed: [4] -> [2] {
        fc: Linear(2) -> relu,
    }
}

#[illia::bayesian(crate = renamed::rusty)]
struct RenamedStruct {
    net: Renamed,
}

illia::bnn! {
    struct Raw: [4] -> [2] {
        r#type: Linear(8) -> relu,
        r#loop: Linear(8),
        x: Linear(8),
        p: Linear(8),
        train: Linear(8),
        axes: Linear(8) -> (|x| x + 1.0),
        visitor: Linear(2),
    }
}

illia::bnn! {
    /// Documented.
    #[derive(Debug)]
    #[cfg(any(test, not(test)))]
    #[allow(dead_code)]
    pub(crate) struct Attributed<T>: [4] -> [2]
    where
        T: Send + std::fmt::Debug + illia::Net,
    {
        /// A step.
        pub(crate) fc: Linear(4),
        #[allow(unused)]
        pub inner: T,
        pub(self) head: Linear(2),
    }
}

illia::bnn! {
    #[cfg(not(any(test, not(test))))]
    struct Absent: [4] -> [2] {
        fc: Linear(TYPO_THAT_IS_NEVER_SEEN),
        head: Linear(2),
    }
}

/// Functions and constants by every name that an expansion might use for something of its own.
mod captured {
    use illia::prelude::*;

    pub fn prior() -> Prior {
        Prior::Gaussian { mean: 0.0, std: 0.25 }
    }
    pub fn posterior() -> Posterior {
        Posterior::Point { mu: nn::Init::Const(0.125) }
    }
    pub fn estimator() -> Estimator {
        Estimator::Flipout
    }
    pub fn path() -> i64 {
        5
    }
    pub const fn size(inputs: i64) -> i64 {
        inputs + 2
    }
    pub fn train(x: &Tensor) -> Tensor {
        x * 2.0
    }
    const DEFAULTS: i64 = 3;

    illia::bnn! {
        pub struct Outer: [4] -> [2] {
            prior: (prior());
            posterior: (posterior());
            estimator: (estimator());

            given: Linear(size(4)) -> train,
            pub arguments: Linear(DEFAULTS, prior: (prior()), posterior: (posterior()), estimator: (estimator())),
            pub inner: Inner(family: posterior(), size: path()),
            head: Linear(2),
        }
    }

    illia::bnn! {
        pub struct Inner(family: Posterior, size: i64): [3] -> [3] {
            posterior: (family);
            prior: (prior());

            pub path: Linear(size) -> train,
            input: Linear(3),
        }
    }
}

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

#[test]
fn names_of_the_users_own() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let x = Tensor::randn([2, 4], CPU);
    let pair = bare::Pair { first: bare::Net::new(&(&p / "a")), second: bare::Inner::new(&(&p / "b")) };
    assert_eq!(pair.first.forward(&x).size(), [2, 2]);
    assert!(pair.kl_cost().num_params > 0);
    assert_eq!(first::Twin::new(&(&p / "c")).forward(&x).size(), [2, 2]);
    assert_eq!(second::Twin::new(&(&p / "d")).forward(&x).size(), [2, 3]);
    let renamed = RenamedStruct { net: Renamed::new(&(&p / "e")) };
    assert_eq!(renamed.net.forward(&x).size(), [2, 2]);
    assert_eq!(renamed.kl_cost().num_params, 10);
    let raw = Raw::new(&(&p / "f"));
    assert_eq!(raw.forward(&x).size(), [2, 2]);
    assert!(vs.variables().contains_key("f.type.weight.mu"), "without r#");
}

#[test]
fn functions_of_the_users_by_names_of_the_macros() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = captured::Outer::new(&vs.root());
    assert_eq!(net.forward(&Tensor::ones([2, 4], CPU)).size(), [2, 2]);
    for parameter in net.parameters() {
        assert_eq!(parameter.prior(), captured::prior());
        assert_eq!(parameter.mu().double_value(&vec![0; parameter.mu().dim()]), 0.125);
    }
    assert_eq!(net.inner.path.weight.mu().size(), [5, 3]);
    assert_eq!(net.arguments.estimator, Estimator::Flipout);
}

#[test]
fn in_a_macro_and_in_a_function() {
    use second_inner as second;
    tower!(
        /// Written by a macro.
        Tower, 4, 2 * 3, relu, second::Inner
    );
    illia::bnn! {
        struct Local: [4] -> [1] { fc: Linear(1) }
    }
    let vs = nn::VarStore::new(Device::Cpu);
    let x = Tensor::randn([2, 4], CPU);
    assert_eq!(Tower::new(&vs.root()).forward(&x).size(), [2, 2]);
    assert_eq!(Local::new(&(vs.root() / "local")).forward(&x).size(), [2, 1]);
    assert_eq!(Attributed::<Mid>::new(&(vs.root() / "attributed")).forward(&x).size(), [2, 2]);
}

illia::bnn! { struct Mid: [4] -> [4] { fc: Linear(4) } }

#[test]
fn tchs_trait_and_the_librarys() {
    fn through(net: &impl illia::Net, x: &Tensor) -> illia::Result<Tensor> {
        net.try_forward_t(x, false)
    }
    let vs = nn::VarStore::new(Device::Cpu);
    let net = first::Twin::new(&vs.root());
    let x = Tensor::randn([2, 4], CPU);
    assert_eq!(x.apply_t(&net, true).size(), [2, 2]);
    assert!(through(&net, &x).is_ok());
    assert!(net.try_forward_t(&x, true).is_ok() && first::Twin::try_new(&(vs.root() / "b")).is_ok());
}
