//! The nets, each with nothing set, and once more inside of one that says its posterior, which reaches every layer.

use illia::prelude::*;

bnn! {
    pub struct Straight(features: i64): [features] -> [1] {
        head: Linear(1),
    }
}

bnn! {
    pub struct StraightOf(features: i64, posterior: Posterior): [features] -> [1] {
        posterior: (posterior);
        net: Straight(features: features),
    }
}

bnn! {
    pub struct Shallow(features: i64, width: i64, outputs: i64): [features] -> [outputs] {
        first: Linear(width) -> relu,
        head: Linear(outputs),
    }
}

bnn! {
    pub struct ShallowOf(features: i64, width: i64, outputs: i64, posterior: Posterior): [features] -> [outputs] {
        posterior: (posterior);
        net: Shallow(features: features, width: width, outputs: outputs),
    }
}

bnn! {
    pub struct Deep(features: i64, width: i64, more: usize, outputs: i64): [features] -> [outputs] {
        first: Linear(width) -> relu,
        repeat more { inner: Linear(width) -> relu },
        head: Linear(outputs),
    }
}

bnn! {
    pub struct DeepOf(features: i64, width: i64, more: usize, outputs: i64, posterior: Posterior): [features] -> [outputs] {
        posterior: (posterior);
        net: Deep(features: features, width: width, more: more, outputs: outputs),
    }
}

bnn! {
    pub struct Smooth(width: i64): [1] -> [1] {
        first: Linear(width) -> tanh,
        second: Linear(width) -> tanh,
        head: Linear(1),
    }
}

bnn! {
    pub struct SmoothOf(width: i64, posterior: Posterior): [1] -> [1] {
        posterior: (posterior);
        net: Smooth(width: width),
    }
}

bnn! {
    /// The demo's net for small digits.
    pub struct Digits: [1, 8, 8] -> [10] {
        conv1: Conv2d(16, kernel: 3, padding: 1) -> relu,
        conv2: Conv2d(32, kernel: 3, padding: 1) -> relu -> max_pool(2),
        flatten,
        fc1: Linear(64) -> relu,
        head: Linear(10),
    }
}

bnn! {
    pub struct DigitsOf(posterior: Posterior): [1, 8, 8] -> [10] {
        posterior: (posterior);
        net: Digits,
    }
}

/// Makes the net that the setting asks for, `Plain` or `Of` its posterior, and evaluates an expression with it.
macro_rules! with_net {
    ($setting:expr, $vs:expr, $plain:ident | $of:ident ($($size:expr),*), $net:ident => $body:expr) => {
        match $setting.posterior() {
            None => {
                let $net = $crate::nets::$plain::try_new(&($vs.root() / "net") $(, $size)*)?;
                $body
            }
            Some(posterior) => {
                let $net = $crate::nets::$of::try_new(&($vs.root() / "net") $(, $size)*, posterior)?;
                $body
            }
        }
    };
}
pub(crate) use with_net;
