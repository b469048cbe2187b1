//! The passes against the same arithmetic by tensors, and against themselves on other instruction sets and threads.

use tch::{Device, Kind, Tensor};

use super::adam_kernel::{self, AdamStep};
use crate::noise::{self, Key};
use crate::parameter::fused::{self, ClosedKl, GaussianPrior, Gradients, KlSums};
use crate::train::optim::adam::Adam;

const KEY: Key = Key { seed: 3, stream: 1, draw: 4 };
const PRIOR: GaussianPrior = GaussianPrior { mean: 0.25, std: 0.5 };

/// Wide enough for both of softplus's ends, long enough for several threads, and no whole number of chunks.
const LEN: i64 = 40_003;

fn random(draw: u64, scale: f64) -> Tensor {
    noise::normals(Key { seed: 0, stream: 0, draw }, &[LEN], Kind::Float, Device::Cpu) * scale
}

/// The largest difference relative to the reference's largest element.
fn off(ours: &Tensor, reference: &Tensor) -> f64 {
    let scale = reference.abs().max().double_value(&[]);
    (ours - reference).abs().max().double_value(&[]) / scale
}

#[test]
fn a_draw_and_its_kl() {
    let (mu, rho, centre) = (random(1, 1.0), random(2, 8.0), random(3, 0.3));
    let sigma = rho.to_kind(Kind::Double).softplus();
    for centre in [None, Some(&centre)] {
        let out = mu.empty_like();
        let kl = fused::draw(&out, &mu, &rho, centre, Some(KEY), Some(PRIOR)).unwrap();
        let eps = noise::normals(KEY, &[LEN], Kind::Double, Device::Cpu);
        assert!(off(&out, &(&mu + &sigma * eps)) < 1e-6);
        let d = centre.map_or_else(|| mu.shallow_clone(), |centre| &mu - centre) - 0.25;
        let terms: Tensor = (d.square() + sigma.square()) * 2.0 - (&sigma / 0.5).log() - 0.5;
        let exact = terms.sum(Kind::Double).double_value(&[]);
        let nats = kl.nats(PRIOR);
        assert!((nats / exact - 1.0).abs() < 1e-6, "{nats} for {exact}");
        let slope = (-(d.square() + sigma.square()) / 0.125 + 2.0).sum(Kind::Double).double_value(&[]);
        assert!((kl.by_std(PRIOR) / slope - 1.0).abs() < 1e-6, "{} for {slope}", kl.by_std(PRIOR));
    }
    let out = mu.empty_like();
    assert_eq!(fused::draw(&out, &mu, &rho, None, None, None), Some(KlSums::default()));
    assert!(off(&out, &sigma) < 1e-6);
    assert_eq!(fused::draw(&out, &mu, &rho.to_kind(Kind::Double), None, None, None), None);
}

#[test]
fn a_draw_with_a_known_sigma_has_the_same_bits() {
    let (mu, rho) = (random(1, 1.0), random(2, 8.0));
    let _ = rho.narrow(0, 7, 300).fill_(f64::NEG_INFINITY);
    let [sigma, whole, scaled] = [0; 3].map(|_| mu.empty_like());
    fused::draw(&sigma, &mu, &rho, None, None, None).unwrap();
    fused::draw(&whole, &mu, &rho, None, Some(KEY), None).unwrap();
    assert!(fused::draw_scaled(&scaled, &mu, &sigma, KEY));
    assert_eq!(whole, scaled);
    assert_eq!(scaled.narrow(0, 7, 300), mu.narrow(0, 7, 300));
    assert!(!fused::draw_scaled(&scaled, &mu, &sigma.to_kind(Kind::Double), KEY));
}

#[test]
fn small_sigmas_keep_their_digits() {
    let rho = Tensor::linspace(-80, -1, LEN, (Kind::Float, Device::Cpu));
    let out = rho.empty_like();
    fused::draw(&out, &rho.zeros_like(), &rho, None, None, None).unwrap();
    let exact = rho.to_kind(Kind::Double).exp().log1p();
    assert!((out / exact - 1.0).abs().max().double_value(&[]) < 5e-7);
}

#[test]
fn no_number_is_never_hidden() {
    let (mu, rho) = (random(1, 1.0), random(2, 1.0));
    let _ = rho.get(17).fill_(f64::NAN);
    let out = mu.empty_like();
    let kl = fused::draw(&out, &mu, &rho, None, Some(KEY), Some(PRIOR)).unwrap();
    assert!(kl.nats(PRIOR).is_nan() && out.double_value(&[17]).is_nan());
    assert_eq!(out.isnan().sum(Kind::Int64).int64_value(&[]), 1);
}

/// mu, rho and their moments after three updates, with all gradients there are or only the weights'.
fn updated(all: bool) -> [Tensor; 6] {
    let zeros = || Tensor::zeros([LEN], (Kind::Float, Device::Cpu));
    let (mu, rho) = ([random(1, 1.0), zeros(), zeros()], [random(2, 2.0), zeros(), zeros()]);
    let given = [4, 5, 6, 7].map(|draw| random(draw, 0.1));
    let centre = random(8, 0.2);
    for step in 1..=3 {
        let adam = Adam::default();
        let numbers = AdamStep::new(&adam, 1.0 - adam.beta1.powi(step), 1.0 - adam.beta2.powi(step));
        let sides = [&mu, &rho].map(|side| (numbers, side.each_ref()));
        let [of_weights, of_mu, of_sigma, of_rho] = &given;
        let also = |gradient| Some(gradient).filter(|_| all);
        let gradients = Gradients {
            weights: Some((of_weights, KEY)),
            mu: also(of_mu),
            sigma: also(of_sigma),
            rho: also(of_rho),
        };
        let kl = ClosedKl { prior: PRIOR, centre: Some(&centre).filter(|_| all), weight: 0.01 };
        assert!(adam_kernel::update(sides, &gradients, Some(kl)));
    }
    let ([a, b, c], [d, e, f]) = (mu, rho);
    [a, b, c, d, e, f]
}

#[test]
fn an_update_is_autograds_gradient_and_adam() {
    for all in [false, true] {
        let (mu, rho) = (random(1, 1.0), random(2, 2.0));
        let [mu, rho] = [mu, rho].map(|t| t.to_kind(Kind::Double).set_requires_grad(true));
        let [mut m_mu, mut v_mu, mut m_rho, mut v_rho] = [(); 4].map(|()| mu.zeros_like().detach());
        let eps = noise::normals(KEY, &[LEN], Kind::Double, Device::Cpu);
        for step in 1..=3 {
            let sigma = rho.softplus();
            let mut d = &mu - 0.25;
            let mut loss = (&mu + &sigma * &eps) * random(4, 0.1);
            if all {
                loss = &loss + &mu * random(5, 0.1) + &sigma * random(6, 0.1) + &rho * random(7, 0.1);
                d = &d - random(8, 0.2);
            }
            loss = &loss + ((d.square() + sigma.square()) * 2.0 - sigma.log()) * 0.01;
            let of = Tensor::run_backward(&[loss.sum(Kind::Double)], &[&mu, &rho], false, false);
            tch::no_grad(|| {
                for ((x, g), (m, v)) in
                    [&mu, &rho].into_iter().zip(&of).zip([(&mut m_mu, &mut v_mu), (&mut m_rho, &mut v_rho)])
                {
                    *m = &*m * 0.9 + g * 0.1;
                    *v = &*v * 0.999 + g.square() * 0.001;
                    let denominator = (&*v / (1.0 - 0.999f64.powi(step))).sqrt() + 1e-8;
                    let mut x = x.shallow_clone();
                    x -= &*m / denominator * (1e-3 / (1.0 - 0.9f64.powi(step)));
                }
            });
        }
        let ours = updated(all);
        // f32 keeps 6e-8 of a value near 1 (mu) or 8 (rho); gradients and moments lose a few of those.
        for (ours, reference) in ours.iter().zip([&mu, &m_mu, &v_mu, &rho, &m_rho, &v_rho]) {
            assert!(off(ours, reference) < 2e-6, "{} {}", all, off(ours, reference));
        }
    }
}

#[test]
fn same_bits_for_any_number_of_threads() {
    let before = tch::get_num_threads();
    let runs = [1, 2, 3, 7].map(|threads| {
        tch::set_num_threads(threads);
        let (mu, rho) = (random(1, 1.0), random(2, 2.0));
        let out = mu.empty_like();
        let kl = fused::draw(&out, &mu, &rho, None, Some(KEY), Some(PRIOR)).unwrap();
        (kl.nats(PRIOR), out, updated(true))
    });
    tch::set_num_threads(before);
    let [first, others @ ..] = &runs;
    for other in others {
        assert_eq!((first.0.to_bits(), &first.1, &first.2), (other.0.to_bits(), &other.1, &other.2));
    }
}
