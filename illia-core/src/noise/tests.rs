//! The noise: its distribution (sizes for every run; 10^8 when asked for), its bits, its seeds.

use super::*;
use std::collections::HashSet;

const KEY: Key = Key { seed: 0xdead_beef, stream: 3, draw: 17 };

fn normals_of(key: Key, len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    fill_normals(key, &mut out);
    out
}

/// The standard normal's cumulative distribution, from libtorch's error function.
fn cdf(values: &Tensor) -> Tensor {
    (values / -std::f64::consts::SQRT_2).erfc() * 0.5
}

/// Statistics that can be added up over batches.
#[derive(Default)]
struct Tally {
    len: f64,
    powers: [f64; 4],
    lagged: [f64; 6],
    worst: f64,
    tails: [f64; TAILS.len() + 1],
}

const LAGS: [usize; 6] = [1, 2, 16, 128, 256, 4096];
const TAILS: [f64; 9] = [-5.0, -4.5, -4.0, -3.0, 0.0, 3.0, 4.0, 4.5, 5.0];

impl Tally {
    fn add(&mut self, batch: &[f32]) {
        self.len += batch.len() as f64;
        for &x in batch {
            let x = f64::from(x);
            assert!(x.abs() < 6.67, "{x}");
            for (power, sum) in (1..).zip(&mut self.powers) {
                *sum += x.powi(power);
            }
            self.tails[TAILS.partition_point(|&edge| edge < x)] += 1.0;
        }
        for (lag, sum) in LAGS.iter().zip(&mut self.lagged) {
            *sum += batch.iter().zip(&batch[*lag..]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        }
        // Kolmogorov and Smirnov's distance, scaled: the worst batch's.
        let n = batch.len() as i64;
        let sorted = Tensor::from_slice(batch).to_kind(Kind::Double).sort(0, false).0;
        let steps = Tensor::arange_start(1, n + 1, (Kind::Double, Device::Cpu)) / n as f64;
        let (below, above) = (&steps - cdf(&sorted), cdf(&sorted) - (&steps - 1.0 / n as f64));
        let distance = below.max().maximum(&above.max()).double_value(&[]);
        self.worst = self.worst.max(distance * (n as f64).sqrt());
    }

    /// Every statistic within five standard deviations of what it is for independent standard normals.
    fn check(&self) {
        let n = self.len;
        let near = |what: &str, value: f64, expected: f64, variance: f64| {
            let z = (value - expected) / (variance / n).sqrt();
            println!("{what}: {value:.7}, {z:+.2} sd from {expected}");
            assert!(z.abs() < 5.0, "{what}: {value} is {z:.1} sd from {expected}");
        };
        // The variance of x^k is E x^2k - (E x^k)^2, with E x^2k = 1, 3, 15, 105.
        let [first, second, third, fourth] = self.powers.map(|sum| sum / n);
        near("mean", first, 0.0, 1.0);
        near("second moment", second, 1.0, 2.0);
        near("third moment", third, 0.0, 15.0);
        near("fourth moment", fourth, 3.0, 96.0);
        for (lag, sum) in LAGS.iter().zip(self.lagged) {
            near(&format!("autocorrelation at {lag}"), sum / n, 0.0, 1.0);
        }
        // P(K > 2.7) = 2 exp(-2 * 2.7^2) = 9e-7 for one batch.
        println!("Kolmogorov-Smirnov, worst batch: {:.3}", self.worst);
        assert!(self.worst < 2.7, "KS {}", self.worst);

        let edges = cdf(&Tensor::from_slice(&TAILS));
        let edges: Vec<f64> = (0..TAILS.len()).map(|i| edges.double_value(&[i as i64])).collect();
        let mut lower = 0.0;
        let mut chi = 0.0;
        let mut cells = 0.0;
        let (mut rare, mut expected_rare) = (0.0, 0.0);
        for (i, &count) in self.tails.iter().enumerate() {
            let upper = edges.get(i).copied().unwrap_or(1.0);
            let expected = n * (upper - lower);
            lower = upper;
            if expected < 10.0 {
                (rare, expected_rare) = (rare + count, expected_rare + expected);
            } else {
                chi += (count - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        println!(
            "chi-square {chi:.2} over {cells} cells; {rare} in cells too rare for it, {expected_rare:.2} expected"
        );
        // Mean cells - 1 and variance 2 (cells - 1); with few degrees of freedom the upper tail is heavier than a normal's: 8 sd.
        let freedom: f64 = cells - 1.0;
        assert!(
            chi < freedom + 8.0 * (2.0 * freedom).sqrt(),
            "chi-square {chi} with {freedom} degrees of freedom"
        );
        assert!(
            (rare - expected_rare).abs() < 6.0 * expected_rare.sqrt() + 3.0,
            "{rare} far out, not {expected_rare}"
        );
    }
}

fn tally(batches: u64, len: usize) {
    let mut tally = Tally::default();
    for draw in 0..batches {
        tally.add(&normals_of(Key { draw, ..KEY }, len));
    }
    tally.check();
}

/// Of streams that differ in one field by one, and of one stream's blocks.
fn cross_correlation(len: usize) {
    let base = normals_of(KEY, len);
    let others = [
        Key { seed: KEY.seed + 1, ..KEY },
        Key { stream: KEY.stream + 1, ..KEY },
        Key { draw: KEY.draw + 1, ..KEY },
        Key { seed: KEY.stream, stream: KEY.seed, ..KEY },
        Key { seed: KEY.seed ^ (1 << 63), ..KEY },
    ];
    for key in others {
        let other = normals_of(key, len);
        for power in [1, 2] {
            // x^2 - 1 has variance 2
            let (shift, variance) = if power == 1 { (0.0, 1.0) } else { (1.0, 4.0) };
            let sum: f64 = base
                .iter()
                .zip(&other)
                .map(|(&a, &b)| (f64::from(a).powi(power) - shift) * (f64::from(b).powi(power) - shift))
                .sum();
            let z = sum / (len as f64 * variance).sqrt();
            println!("correlation of powers {power} with {key:?}: {z:+.2} sd");
            assert!(z.abs() < 5.0, "{key:?}: {z}");
        }
    }
}

#[test]
fn distribution() {
    tally(8, 250_000);
}

#[test]
#[ignore = "a minute in release; its figures are written down in the docs"]
fn distribution_at_1e8() {
    tally(100, 1_000_000);
}

/// A bias of few elements uses the first numbers of many keys.
#[test]
fn distribution_over_draws() {
    let mut firsts = vec![0.0f32; 100_000];
    for (draw, first) in (0..).zip(&mut firsts) {
        fill_normals(Key { draw, ..KEY }, std::slice::from_mut(first));
    }
    let mut tally = Tally::default();
    tally.add(&firsts);
    tally.check();
}

#[test]
fn correlation_between_keys() {
    cross_correlation(1_000_000);
}

#[test]
#[ignore = "a minute in release; its figures are written down in the docs"]
fn correlation_between_keys_at_1e8() {
    cross_correlation(100_000_000);
}

#[test]
fn uniforms_are_uniform() {
    let mut out = vec![0.0; 1_000_000];
    fill_uniforms(KEY, &mut out);
    assert!(out.iter().all(|u| (0.0..1.0).contains(u)));
    let mut counts = [0.0f64; 64];
    out.iter().for_each(|u| counts[(u * 64.0) as usize] += 1.0);
    let expected = out.len() as f64 / 64.0;
    let chi: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    // 63 degrees of freedom: mean 63, sd 11.2
    assert!((63.0 - 45.0..63.0 + 67.0).contains(&chi), "{chi}");
    for kind in [Kind::Half, Kind::BFloat16, Kind::Double] {
        let u = uniforms(KEY, &[100_000], kind, Device::Cpu);
        assert_eq!(u.kind(), kind);
        assert!(u.max().double_value(&[]) < 1.0, "{kind:?}");
        let mean = u.to_kind(Kind::Double).mean(None).double_value(&[]);
        assert!((mean - 0.5).abs() < 0.01, "{kind:?}: {mean}");
    }
}

#[test]
fn normals_are_not_the_uniforms_of_the_same_key() {
    let mut uniforms = vec![0.0f32; 100_000];
    fill_uniforms(KEY, &mut uniforms);
    let sum: f64 = normals_of(KEY, 100_000)
        .iter()
        .zip(&uniforms)
        .map(|(&x, &u)| f64::from(x.abs() - 0.798) * f64::from(u - 0.5))
        .sum();
    // Var(|x|) = 0.363, Var(u) = 1/12
    assert!((sum / (1e5f64 * 0.363 / 12.0).sqrt()).abs() < 5.0, "{sum}");
}

#[test]
fn same_bits_on_every_instruction_set() {
    let source = Source::new(KEY, Purpose::Normal);
    let uniform = Source::new(KEY, Purpose::Uniform);
    for isa in Isa::available() {
        for (block, len) in [(0, BLOCK), (1, BLOCK), (1 << 40, 777), (5, 1)] {
            let (mut portable, mut wide) = (vec![0.0; len], vec![0.0; len]);
            generator::normals_block(Isa::available()[0], source, block, &mut portable);
            generator::normals_block(isa, source, block, &mut wide);
            assert_eq!(bits(&portable), bits(&wide), "{isa:?}");
            generator::uniforms_block(Isa::available()[0], uniform, block, &mut portable);
            generator::uniforms_block(isa, uniform, block, &mut wide);
            assert_eq!(bits(&portable), bits(&wide), "{isa:?}");
        }
    }
}

/// The numbers themselves: a change of the generator, or of the machine, must not go unseen.
#[test]
fn known_bits() {
    let values = normals_of(KEY, BLOCK + 1);
    let hash =
        values.iter().fold(0u64, |hash, x| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(x.to_bits()));
    assert_eq!((bits(&values[..3]), hash), (vec![3201579329, 1074310560, 3194779923], 13829608287834231682));
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn element_depends_on_its_place_only() {
    let long = normals_of(KEY, 3 * BLOCK + 100);
    for len in [0, 1, 15, 16, 17, 255, 256, 257, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 1] {
        assert_eq!(bits(&normals_of(KEY, len)), bits(&long[..len]), "{len}");
    }
    let tensor = normals(KEY, &[3, BLOCK as i64], Kind::Float, Device::Cpu);
    assert_eq!(tensor.reshape([-1]), Tensor::from_slice(&long[..3 * BLOCK]));
}

#[test]
fn same_bits_for_any_number_of_threads() {
    let before = tch::get_num_threads();
    let runs: Vec<Vec<u32>> = [1, 2, 3, 7]
        .into_iter()
        .map(|threads| {
            tch::set_num_threads(threads);
            bits(&normals_of(KEY, 1_000_001))
        })
        .collect();
    tch::set_num_threads(before);
    assert!(runs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn distinct_keys_distinct_numbers() {
    let mut seen = HashSet::new();
    for seed in [0, 1, u64::MAX] {
        for stream in [0, 1, 2, u64::MAX] {
            for draw in 0..50 {
                let first = normals_of(Key { seed, stream, draw }, 4);
                assert!(seen.insert(bits(&first)), "{seed} {stream} {draw}");
            }
        }
    }
    let long = normals_of(KEY, 64 * BLOCK);
    let blocks: HashSet<_> = long.chunks(BLOCK).map(|block| bits(&block[..4])).collect();
    assert_eq!(blocks.len(), 64);
}

#[test]
fn kinds() {
    let single = normals(KEY, &[7], Kind::Float, Device::Cpu);
    let double = normals(KEY, &[7], Kind::Double, Device::Cpu);
    assert_eq!(double.kind(), Kind::Double);
    assert_eq!(double.to_kind(Kind::Float), single);
    assert_eq!(normals(KEY, &[0, 3], Kind::Float, Device::Cpu).size(), [0, 3]);
}

#[test]
fn a_seed_starts_the_same_keys_again() {
    let streams = [Stream::new(), Stream::new()];
    let forward = || {
        manual_seed(7);
        let keys: Vec<Key> =
            streams.iter().flat_map(|stream| [stream.next_key(), stream.next_key()]).collect();
        (keys, next_dropout_key(), Stream::new().next_key())
    };
    let first = forward();
    assert_eq!(first, forward());
    let (mut keys, dropout, third) = first;
    keys.extend([dropout, third]);
    assert!(keys.iter().all(|key| key.seed == 7));
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 6);
    assert_ne!(next_dropout_key(), next_dropout_key());
}

#[test]
fn building_again_gives_the_same_keys() {
    let build = || {
        manual_seed(8);
        [Stream::new(), Stream::new()].map(|stream| stream.next_key())
    };
    assert_eq!(build(), build());
}

#[test]
fn threads_share_the_seed_unless_they_set_one() {
    manual_seed(9);
    let other = std::thread::spawn(|| {
        manual_seed(10);
        let mine = Stream::new();
        (mine.next_key(), mine)
    });
    let (key, stream) = other.join().unwrap();
    assert_eq!(key.seed, 10);
    // The stream moves to the thread that uses it, and to its seed.
    assert_eq!(stream.next_key(), Key { seed: 9, stream: 0, draw: 0 });
}

#[test]
fn going_on_from_a_saved_state() {
    manual_seed(11);
    let streams = [Stream::new(), Stream::new()];
    streams[1].next_key();
    next_dropout_key();
    let saved = (state(), streams.each_ref().map(Stream::position));
    let rest = |streams: &[Stream; 2]| {
        (streams.each_ref().map(Stream::next_key), next_dropout_key(), Stream::new().next_key())
    };
    let expected = rest(&streams);

    manual_seed(12);
    let rebuilt = [Stream::new(), Stream::new()];
    restore(saved.0);
    for (stream, position) in rebuilt.iter().zip(saved.1) {
        stream.restore(position);
    }
    assert_eq!(rest(&rebuilt), expected);
}

#[test]
fn noise_from_an_element_on_is_the_rest_of_the_whole() {
    let key = Key { seed: 3, stream: 1, draw: 4 };
    for kind in [Kind::Float, Kind::Double, Kind::Half, Kind::BFloat16] {
        let all = [15_000];
        let (normal, uniform) =
            (normals(key, &all, kind, Device::Cpu), uniforms(key, &all, kind, Device::Cpu));
        for first in [0usize, 1, 4095, 4096, 10_000] {
            let shape = [20, 50];
            let rest = |whole: &Tensor| whole.narrow(0, first as i64, 1000).reshape(shape);
            assert_eq!(
                normals_from(key, first, &shape, kind, Device::Cpu),
                rest(&normal),
                "{kind:?} {first}"
            );
            assert_eq!(
                uniforms_from(key, first, &shape, kind, Device::Cpu),
                rest(&uniform),
                "{kind:?} {first}"
            );
        }
    }
}
