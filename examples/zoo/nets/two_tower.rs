//! A two-tower recommender.

use illia::prelude::*;

bnn! {
    #[derive(Debug)]
    struct Tower(features: i64, width: i64): (id: [1], about: [features]) -> [width] {
        let vector = id -> embed: Embedding(width, vocabulary: 1000) -> first;
        about -> concat(vector) -> fc1: Linear(2 * width) -> relu,
        fc2: Linear(width),
    }
}

bnn! {
    /// Yi et al. (2019), figure 2: a number for a user and an item, the product of what their towers say.
    pub struct TwoTower(user_features: i64, item_features: i64, width: i64):
        (user: [1], who: [user_features], item: [1], what: [item_features]) -> [1] {
        let u = left: Tower(features: user_features, width: width, id: user, about: who);
        let v = right: Tower(features: item_features, width: width, id: item, about: what);
        u -> multiply(v) -> reshape([width, 1]) -> sum,
    }
}
