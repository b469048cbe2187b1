//! Closed forms against integrals on a fine grid, and everything against Monte Carlo within its error.

use tch::{Device, Kind, Tensor};

use super::{Moments, Pool};
use crate::error::Result;
use crate::noise::{self, Stream, manual_seed};

const F64: (Kind, Device) = (Kind::Double, Device::Cpu);

fn normals(stream: &Stream, shape: &[i64]) -> Tensor {
    noise::normals(stream.next_key(), shape, Kind::Double, Device::Cpu)
}

/// Every pair of a mean and a standard deviation worth trying.
fn gaussians() -> (Tensor, Tensor) {
    let m = Tensor::from_slice(&[-9.0, -3.0, -1.0, -0.2, 0.0, 0.1, 0.7, 2.0, 5.0, 12.0]).unsqueeze(1);
    let s = Tensor::from_slice(&[1e-4, 0.01, 0.1, 0.5, 0.99, 1.01, 2.0, 5.0, 20.0]).unsqueeze(0);
    (&m + s.zeros_like(), s + m.zeros_like())
}

/// Mean and variance of f(N(m, s²)) by the trapezoidal rule over 12 standard deviations on both sides.
fn integrated(m: &Tensor, s: &Tensor, f: &dyn Fn(&Tensor) -> Tensor) -> (Tensor, Tensor) {
    let points = 120_001;
    let z = Tensor::linspace(-12.0, 12.0, points, F64);
    let w = (z.square() * -0.5).exp();
    let w = &w / w.sum(Kind::Double);
    let values = f(&(m.unsqueeze(-1) + s.unsqueeze(-1) * z));
    let mean = values.matmul(&w);
    let variance = (values - mean.unsqueeze(-1)).square().matmul(&w);
    (mean, variance)
}

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

type Activation = (&'static str, fn(&Moments) -> Moments, fn(&Tensor) -> Tensor, f64);

const ACTIVATIONS: [Activation; 5] = [
    ("relu", Moments::relu, Tensor::relu, 1e-8),
    ("leaky_relu", |x| x.leaky_relu(0.1), |x| x.clamp_min(0.0) + x.clamp_max(0.0) * 0.1, 1e-8),
    ("gelu", Moments::gelu, |x| x.gelu("none"), 1e-8),
    ("sigmoid", Moments::sigmoid, Tensor::sigmoid, 3e-8),
    ("tanh", Moments::tanh, Tensor::tanh, 1.2e-7),
];

#[test]
fn activations_are_their_integrals() {
    for (name, moments, f, error) in ACTIVATIONS {
        let (m, s) = gaussians();
        let x = Moments::new(m.shallow_clone(), s.square()).unwrap();
        let (mean, variance) = integrated(&m, &s, &f);
        let y = moments(&x);
        // Unbounded ones in units of the input's size; their squares for the variance.
        let scale = if name == "tanh" || name == "sigmoid" { m.ones_like() } else { m.abs() + &s };
        let off = largest(&((y.mean() - &mean) / &scale));
        assert!(off < error, "{name}: the mean is off by {off:e}");
        let off = largest(&((y.variance() - &variance) / scale.square()));
        assert!(off < error, "{name}: the variance is off by {off:e}");
        // Where the standard deviation is small, the variance is right to several digits, not only absolutely.
        let narrow = s.lt(0.45).logical_and(&variance.gt(1e-12));
        let off = largest(&((y.variance() / &variance - 1.0).where_self(&narrow, &m.zeros_like())));
        assert!(off < 1e-3, "{name}: the variance is off by {off:e} of itself");
    }
}

#[test]
fn single_precision_keeps_small_variances() {
    for (name, moments, f, _) in ACTIVATIONS {
        let m = Tensor::from_slice(&[-2.0, -0.5, 0.3, 1.5, 4.0]);
        let s = m.full_like(1e-3);
        let (mean, variance) = integrated(&m, &s, &f);
        let y = moments(&Moments::new(m.to_kind(Kind::Float), s.square().to_kind(Kind::Float)).unwrap());
        assert_eq!(y.variance().kind(), Kind::Float);
        let off = largest(&(y.mean() - mean));
        assert!(off < 1e-6, "{name}: the mean is off by {off:e}");
        // A variance of 1e-6 beside squares of up to 16: E[y²] - E[y]² would have no digit of it.
        let off = largest(&((y.variance() - variance) / s.square()));
        assert!(off < 1e-3, "{name}: the variance is off by {off:e} of the input's");
    }
}

#[test]
fn without_variance_an_activation_is_the_function() {
    let x = Tensor::from_slice(&[-30.0, -1.0, 0.0, 0.5, 30.0]);
    for (name, moments, f, error) in ACTIVATIONS {
        let certain = moments(&Moments::certain(&x).unwrap());
        assert_eq!(certain.mean(), &f(&x), "{name}");
        let random = moments(&Moments::new(x.shallow_clone(), x.zeros_like()).unwrap());
        assert!(largest(&(random.mean() - f(&x))) < error, "{name}");
        assert!(largest(&(certain.variance() + random.variance())) < 1e-30, "{name}");
    }
}

#[test]
fn any_smooth_function_by_quadrature() {
    let (m, s) = (Tensor::from_slice(&[-1.0, 0.0, 2.0]), Tensor::from_slice(&[0.5, 1.0, 0.7]));
    let x = Moments::new(m.shallow_clone(), s.square()).unwrap();
    let y = x.elementwise(Tensor::silu).unwrap();
    let (mean, variance) = integrated(&m, &s, &Tensor::silu);
    assert!(largest(&(y.mean() - mean)) < 1e-6 && largest(&(y.variance() - variance)) < 1e-6);
    assert!(x.elementwise(|x| x.sum(Kind::Double)).is_err());
}

/// Checks `moments` against draws `[draws, ..]` of the same, within five standard errors.
fn agrees(what: &str, moments: &Moments, draws: &Tensor) {
    let n = draws.size()[0] as f64;
    let (mean, variance) = (draws.mean_dim(0i64, false, None), draws.var_dim(0i64, false, false));
    let fourth = (draws - &mean).pow_tensor_scalar(4).mean_dim(0i64, false, None);
    let errors = [
        (moments.mean() - mean) / (&variance / n).sqrt(),
        (moments.variance() - &variance) / ((fourth - variance.square()) / n).sqrt(),
    ];
    for (part, error) in ["mean", "variance"].iter().zip(errors) {
        let off = largest(&error);
        assert!(off < 5.0, "{what}: the {part} is off by {off} standard errors");
    }
}

fn random(stream: &Stream, shape: &[i64]) -> Moments {
    Moments::new(normals(stream, shape), normals(stream, shape).square() * 0.3 + 0.01).unwrap()
}

fn draws(stream: &Stream, moments: &Moments, n: i64) -> Tensor {
    let mut shape = vec![n];
    shape.extend(moments.mean().size());
    moments.mean() + moments.std() * normals(stream, &shape)
}

#[test]
fn linear_maps_are_exact() {
    manual_seed(3);
    let (stream, n) = (Stream::new(), 40_000);
    let (x, w, b) = (random(&stream, &[2, 4]), random(&stream, &[3, 4]), random(&stream, &[3]));
    let [xs, ws, bs] = [&x, &w, &b].map(|m| draws(&stream, m, n));
    agrees("linear", &x.linear(&w, Some(&b)).unwrap(), &(xs.matmul(&ws.transpose(1, 2)) + bs.unsqueeze(1)));
    let known = Moments::certain(x.mean()).unwrap();
    agrees("of a known input", &known.linear(&w, None).unwrap(), &x.mean().matmul(&ws.transpose(1, 2)));
    let plain = Moments::certain(w.mean()).unwrap();
    agrees("of known weights", &x.linear(&plain, None).unwrap(), &xs.matmul(&w.mean().tr()));
    let only_bias = known.linear(&plain, Some(&b)).unwrap();
    agrees("of a random bias", &only_bias, &(known.mean().matmul(&plain.mean().tr()) + bs.unsqueeze(1)));
    assert!(known.linear(&plain, None).unwrap().variance.is_none());
    assert!(x.linear(&random(&stream, &[3, 5]), None).is_err());
}

#[test]
fn convolutions_are_exact() {
    manual_seed(4);
    let (stream, n) = (Stream::new(), 20_000);
    let (x, w, b) = (random(&stream, &[1, 4, 5, 4]), random(&stream, &[2, 2, 3, 2]), random(&stream, &[2]));
    let y = x.conv(&w, Some(&b), [&[2, 1], &[1, 0], &[1, 2]], 2).unwrap();
    // A convolution of each draw by itself: draws and channels in one axis, a group for each.
    let [xs, ws, bs] = [&x, &w, &b].map(|m| draws(&stream, m, n));
    let parts: Vec<Tensor> = (0..n / 1000)
        .map(|i| {
            let part = |t: &Tensor| t.narrow(0, i * 1000, 1000);
            let stack = part(&xs).reshape([1, 4000, 5, 4]);
            let y = stack.conv2d(
                &part(&ws).reshape([2000, 2, 3, 2]),
                Some(&part(&bs).reshape([2000])),
                [2, 1],
                [1, 0],
                [1, 2],
                2000,
            );
            y.reshape([1000, 1, 2, y.size()[2], y.size()[3]])
        })
        .collect();
    agrees("conv", &y, &Tensor::cat(&parts, 0));
}

#[test]
fn the_larger_of_two() {
    manual_seed(5);
    let (stream, n) = (Stream::new(), 100_000);
    let (a, b) = (random(&stream, &[12]), random(&stream, &[12]));
    let larger = draws(&stream, &a, n).maximum(&draws(&stream, &b, n));
    agrees("max", &a.max(&b).unwrap(), &larger);
    // Far apart it is the larger one, and it does not matter which comes first.
    let far = a.affine(&Tensor::from(1.0), &Tensor::from(50.0)).unwrap();
    let largest_of = far.max(&b).unwrap();
    assert!(largest(&(largest_of.mean() - far.mean())) < 1e-12);
    assert!(largest(&(largest_of.variance() - far.variance())) < 1e-12);
    let turned = b.max(&a).unwrap();
    assert!(largest(&(turned.variance() - a.max(&b).unwrap().variance())) < 1e-12);
}

#[test]
fn pools() {
    manual_seed(6);
    let (stream, n) = (Stream::new(), 30_000);
    let x = random(&stream, &[1, 2, 5, 6]);
    let flat = |y: Tensor| y.reshape([n, 1, 2, -1]);
    let xs = draws(&stream, &x, n).reshape([n, 2, 5, 6]);
    let squeezed = |y: Result<Moments>| y.unwrap().rearranged(|t| Ok(t.reshape([1, 2, -1]))).unwrap();
    let pool = Pool { kernel: &[2, 3], stride: &[2, 1], padding: &[1, 0] };
    let average = xs.avg_pool2d([2, 3], [2, 1], [1, 0], false, true, None::<i64>);
    agrees("avg_pool", &squeezed(x.avg_pool(pool)), &flat(average));
    agrees("adaptive", &squeezed(x.adaptive_avg_pool(&[3, 4])), &flat(xs.adaptive_avg_pool2d([3, 4])));
    let global = x.global_avg_pool().unwrap();
    agrees("global", &global, &xs.mean_dim([2i64, 3].as_slice(), false, None).unsqueeze(1));
    // Two values and padding: exact.
    let pair = Pool { kernel: &[2, 1], stride: &[2, 1], padding: &[1, 0] };
    agrees(
        "max_pool",
        &squeezed(x.max_pool(pair)),
        &flat(xs.max_pool2d([2, 1], [2, 1], [1, 0], [1, 1], false)),
    );
    let four = Pool { kernel: &[2, 2], stride: &[2, 2], padding: &[0, 0] };
    assert!(x.max_pool(Pool { kernel: &[9, 1], ..four }).is_err());
    assert!(x.avg_pool(Pool { kernel: &[2], ..four }).is_err());
}

#[test]
fn the_error_of_a_max_pool_is_what_its_docs_say() {
    // Mean and standard deviation of the largest of k standard normals (Tippett 1925; Godwin 1949).
    for (kernel, exact_mean, exact_std, mean_error, std_error) in [
        ([1, 2], 0.564190, 0.825645, 1e-6, 1e-6),
        ([2, 2], 1.029375, 0.701224, 0.001, 0.03),
        ([3, 3], 1.485013, 0.597788, 0.02, 0.09),
    ] {
        let x = Moments::new(Tensor::zeros([1, 1, 3, 3], F64), Tensor::ones([1, 1, 3, 3], F64)).unwrap();
        let y = x.max_pool(Pool { kernel: &kernel, stride: &[3, 3], padding: &[0, 0] }).unwrap();
        let (mean, std) = (y.mean().double_value(&[0, 0, 0, 0]), y.std().double_value(&[0, 0, 0, 0]));
        let (mean, std) = ((mean - exact_mean) / exact_std, std / exact_std - 1.0);
        assert!(mean.abs() < mean_error && -std < std_error && std < 1e-6, "{kernel:?}: {mean}, {std}");
    }
}

#[test]
fn sums_sides_and_scales() {
    let x = Moments::new(Tensor::from_slice(&[1.0, 2.0]), Tensor::from_slice(&[0.5, 0.25])).unwrap();
    let known = Moments::certain(&Tensor::from_slice(&[3.0, 4.0])).unwrap();
    let values = |t: &Tensor| Vec::<f64>::try_from(t).unwrap();
    let sum = x.plus(&known).unwrap().plus(&x).unwrap();
    assert_eq!((values(sum.mean()), values(&sum.variance())), (vec![5.0, 8.0], vec![1.0, 0.5]));
    let scaled = x.affine(&Tensor::from(-2.0), &Tensor::from(1.0)).unwrap();
    assert_eq!((values(scaled.mean()), values(&scaled.variance())), (vec![-1.0, -3.0], vec![2.0, 1.0]));
    let both = Moments::concat(&[&x, &known], 0).unwrap();
    assert_eq!(values(&both.variance()), [0.5, 0.25, 0.0, 0.0]);
    assert!(Moments::new(Tensor::from(1.0), Tensor::from(-1.0)).is_err());
    assert!(Moments::new(Tensor::from(1.0), Tensor::from(f64::NAN)).is_err());
    assert!(Moments::new(Tensor::from(1.0), Tensor::from(1f32)).is_err());
    assert!(Moments::new(Tensor::from(1.0), Tensor::from_slice(&[1.0])).is_err());
    assert!(x.plus(&Moments::certain(&Tensor::from(1.0)).unwrap()).is_err());
}
