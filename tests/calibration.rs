//! What `examples/calibration` compares with is itself compared with a case worked out by hand.

#[path = "../examples/calibration/exact.rs"]
mod exact;

use exact::Exact;
use tch::Tensor;

#[test]
fn the_exact_posterior_is_that_of_a_case_worked_out_by_hand() {
    // Two rows, a slope and a bias, noise 1/2, priors 1 and 2: the precision is 4 XᵀX + diag(1, 1/4).
    let x = Tensor::from_slice(&[1.0f64, 1.0, 3.0, 1.0]).reshape([2, 2]);
    let y = Tensor::from_slice(&[2.0f64, 5.0]).reshape([2, 1]);
    let exact = Exact::new(&x, &y, 0.5, &Tensor::from_slice(&[1.0f64, 2.0]));
    // XᵀX = [[10, 4], [4, 2]], Xᵀy = [17, 7]: precision [[41, 16], [16, 8.25]], of determinant 82.25, and 4 Xᵀy = [68, 28].
    let precision: Vec<f64> = Vec::try_from(exact.precision.reshape([4])).unwrap();
    assert_eq!(precision, [41.0, 16.0, 16.0, 8.25]);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a}, not {b}");
    close(exact.mean.double_value(&[0]), (8.25 * 68.0 - 16.0 * 28.0) / 82.25);
    close(exact.mean.double_value(&[1]), (41.0 * 28.0 - 16.0 * 68.0) / 82.25);
    // At x = 2: variance (4 * 8.25 - 4 * 16 + 41) / 82.25.
    let at = Tensor::from_slice(&[2.0f64, 1.0]).reshape([1, 2]);
    let (mean, std) = exact.at(&at);
    close(mean.double_value(&[0, 0]), (2.0 * 113.0 + 60.0) / 82.25);
    close(std.double_value(&[0, 0]), (10.0f64 / 82.25).sqrt());
    close(exact.independent_std(&at).double_value(&[0, 0]), (4.0f64 / 41.0 + 1.0 / 8.25).sqrt());
}
