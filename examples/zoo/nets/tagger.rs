//! A bidirectional tagger.

use illia::prelude::*;

bnn! {
    /// Huang et al. (2015), without the last layer's chain: a tag for each token.
    pub struct Tagger(vocabulary: i64, features: i64, hidden: i64, tags: i64): [seq] -> [seq, tags] {
        embed: Embedding(features, vocabulary: vocabulary),
        lstm: Lstm(hidden, layers: 2, bidirectional: true),
        head: Linear(tags),
    }
}
