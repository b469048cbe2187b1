//! The nearest known name to a misspelt one.

/// The known name that differs least from `word`, if it differs little.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let close = |name: &&'a str| {
        let distance = distance(&lower, &name.to_lowercase());
        let allowed = (word.chars().count().max(name.len()) / 3).max(1);
        (distance <= allowed).then_some((distance, *name))
    };
    let best = known.iter().filter_map(close).min_by_key(|(distance, _)| *distance)?;
    Some(best.1)
}

/// What others call layers, ops and families that are here, in small letters.
const ELSEWHERE: [(&str, &str); 32] = [
    ("attention", "SelfAttention"),
    ("average_pool", "avg_pool"),
    ("cat", "concat"),
    ("deconv2d", "ConvTranspose2d"),
    ("delta", "Point"),
    ("dense", "Linear"),
    ("deterministic", "Plain"),
    ("embed", "Embedding"),
    ("fc", "Linear"),
    ("fullyconnected", "Linear"),
    ("gcnconv", "Gcn"),
    ("global_average_pool", "global_avg_pool"),
    ("graphconv", "Gcn"),
    ("interpolate", "upsample"),
    ("lrt", "LocalReparameterization"),
    ("map", "Point"),
    ("mcdropout", "Dropout"),
    ("meanfield", "Gaussian"),
    ("mul", "multiply"),
    ("multiheadattention", "SelfAttention"),
    ("normal", "Gaussian"),
    ("positionalembedding", "PositionEmbedding"),
    ("positionalencoding", "PositionEmbedding"),
    ("positionencoding", "PositionEmbedding"),
    ("sageconv", "Sage"),
    ("squeeze", "reshape"),
    ("swapaxes", "permute"),
    ("swish", "silu"),
    ("transpose", "permute"),
    ("unsqueeze", "reshape"),
    ("upsampling", "upsample"),
    ("view", "reshape"),
];

/// Modules of PyTorch's without parameters, which are ops here: by themselves they are no nets of the user's.
pub const PYTORCHS: [&str; 30] = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "ELU",
    "Flatten",
    "GELU",
    "GLU",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "PixelShuffle",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softplus",
    "Tanh",
    "Upsample",
];

/// What it is called here, if that is one of these.
pub fn elsewhere<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let (_, ours) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word)?;
    known.iter().copied().find(|name| name == ours)
}

/// The known argument that was meant: the nearest, one that the word begins with or that begins with the word
/// (`kernel_size`, `vocab`), or what others call it.
pub fn argument<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const OTHERS: [(&str, &str); 17] = [
        ("window", "kernel"),
        ("num_embeddings", "vocabulary"),
        ("num_layers", "layers"),
        ("negative_slope", "slope"),
        ("dim", "axis"),
        ("use_bias", "bias"),
        ("num_groups", "groups"),
        ("num_heads", "heads"),
        ("sigma", "std"),
        ("stddev", "std"),
        ("mu", "mean"),
        ("mean", "mu"),
        ("loc", "mean"),
        ("loc", "mu"),
        ("r", "rank"),
        ("lora_r", "rank"),
        ("lora_alpha", "alpha"),
    ];
    let begins = |name: &&&str| {
        let shorter = word.len().min(name.len());
        shorter >= 3 && (word.starts_with(**name) || name.starts_with(word))
    };
    let other = |name: &&&str| OTHERS.contains(&(word, **name));
    nearest(word, known)
        .or_else(|| known.iter().find(begins).copied())
        .or_else(|| known.iter().find(other).copied())
}

/// How many letters have to be put in, left out, replaced or swapped with their neighbour (Damerau's distance, restricted).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// `; did you mean `relu`?`, or the list of what there is.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match elsewhere(word, known).or_else(|| nearest(word, known)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are {}", listed(known)),
    }
}

/// `a`, `b` and `c`.
pub fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::from("none"),
    }
}

/// The op that others write as a layer: `relu` for `ReLU`, `max_pool` for `MaxPool2d`.
pub fn op_of<'a>(layer: &str, ops: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let name = plain(as_op(layer).as_str());
    ops.iter().copied().find(|op| plain(op) == name)
}

/// `MaxPool2d` as an op is written: `max_pool`.
pub fn as_op(layer: &str) -> String {
    let mut op = String::new();
    for letter in layer.trim_end_matches("1d").trim_end_matches("2d").trim_end_matches("3d").chars() {
        if letter.is_uppercase() && !op.is_empty() {
            op.push('_');
        }
        op.extend(letter.to_lowercase());
    }
    op
}
