//! Whether chains have mixed, and how many independent draws theirs are worth (Vehtari et al. 2021).
//!
//! Each function takes one number of interest along several chains, `[chains, draws]`: an output of the net for one input
//! rather than a weight, since the weights of a net have many equivalent modes and its functions have not.

use tch::{Device, Kind, Tensor};

use crate::assess::metrics;
use crate::error::{Error, Result};

/// Rank-normalised R-hat: the larger of split R-hat over the normalised ranks and over those of
/// the distances from the median, so that chains differing in place or in spread are both found. Below 1.01 is good; 1
/// where all numbers are the same.
///
/// # Errors
/// [`Error::Shape`] for another shape than `[chains, draws]`; [`Error::Configuration`] for fewer than 4 draws and for NaN or
/// infinity.
///
/// ```
/// use illia_core::infer::diagnostics::{r_hat, split_r_hat};
/// use illia_core::noise::{self, Stream};
/// use tch::{Device, Kind};
///
/// let chains = noise::normals(Stream::new().next_key(), &[4, 500], Kind::Float, Device::Cpu);
/// assert!(r_hat(&chains)? < 1.02 && split_r_hat(&chains)? < 1.02);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn r_hat(chains: &Tensor) -> Result<f64> {
    let chains = Chains::new(chains)?.split();
    Ok(chains.normalised().r_hat().max(chains.folded().normalised().r_hat()))
}

/// R-hat of the numbers as they are, each chain split in two (equation 4): sqrt(the variance estimated from all chains /
/// the mean variance within one).
///
/// # Errors
/// As [`r_hat`].
pub fn split_r_hat(chains: &Tensor) -> Result<f64> {
    Ok(Chains::new(chains)?.split().r_hat())
}

/// The effective sample size for the mean of the numbers as they are: how many independent draws would estimate it as well
/// (over split chains, autocorrelations summed by Geyer's initial monotone sequence).
///
/// # Errors
/// As [`r_hat`].
pub fn effective_sample_size(chains: &Tensor) -> Result<f64> {
    Ok(Chains::new(chains)?.split().effective_sample_size())
}

/// The effective sample size of the normalised ranks: how well the bulk of the distribution was explored, whatever its tails
///. 400 is a common minimum.
///
/// # Errors
/// As [`r_hat`].
pub fn bulk_effective_sample_size(chains: &Tensor) -> Result<f64> {
    Ok(Chains::new(chains)?.split().normalised().effective_sample_size())
}

/// The smaller effective sample size of the 5 % and the 95 % quantile: how well the tails were explored.
///
/// # Errors
/// As [`r_hat`].
pub fn tail_effective_sample_size(chains: &Tensor) -> Result<f64> {
    let whole = Chains::new(chains)?;
    let chains = whole.split();
    let tail = |q: f64| {
        let quantile = whole.quantile(q);
        chains.map(|x| f64::from(u8::from(x <= quantile))).effective_sample_size()
    };
    Ok(tail(0.05).min(tail(0.95)))
}

/// Chains of equal length.
struct Chains(Vec<Vec<f64>>);

impl Chains {
    fn new(chains: &Tensor) -> Result<Self> {
        let given = chains.size();
        let &[_, draws] = given.as_slice() else {
            let expected = "[chains, draws]".to_owned();
            return Err(Error::Shape { layer: "chains".to_owned(), expected, given });
        };
        if draws < 4 {
            return Err(Error::configuration("draws of a chain", draws, "at least 4"));
        }
        let values = metrics::finite("chains", chains)?;
        Ok(Chains(values.chunks(draws as usize).map(<[f64]>::to_vec).collect()))
    }

    /// Each chain's two halves, without the middle draw of an odd number.
    fn split(&self) -> Self {
        let halves = |chain: &Vec<f64>| {
            let half = chain.len() / 2;
            let (first, second) = (chain.get(..half), chain.get(chain.len() - half..));
            [first, second].map(|half| half.unwrap_or_default().to_vec())
        };
        Chains(self.0.iter().flat_map(halves).collect())
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Chains(self.0.iter().map(|chain| chain.iter().map(|&x| f(x)).collect()).collect())
    }

    fn draws(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.0.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// Linear between order statistics.
    fn quantile(&self, q: f64) -> f64 {
        let sorted = self.sorted();
        let place = q * (sorted.len().saturating_sub(1)) as f64;
        let at = |i: f64| sorted.get(i as usize).copied().unwrap_or(f64::NAN);
        let low = at(place.floor());
        low + (at(place.ceil()) - low) * place.fract()
    }

    /// Distances from the median over all chains.
    fn folded(&self) -> Self {
        let median = self.quantile(0.5);
        self.map(|x| (x - median).abs())
    }

    /// Normal quantiles of the ranks over all chains, Phi^-1((rank - 3/8) / (count + 1/4)); equal numbers have their mean
    /// rank (equation 14).
    fn normalised(&self) -> Self {
        let sorted = self.sorted();
        let rank = |x: f64| {
            let below = sorted.partition_point(|&other| other < x);
            let up_to = sorted.partition_point(|&other| other <= x);
            (below + up_to + 1) as f64 / 2.0
        };
        let shares = self.map(|x| (rank(x) - 0.375) / (sorted.len() as f64 + 0.25));
        let quantile = |chain: &Vec<f64>| {
            let share = Tensor::from_slice(chain).to_kind(Kind::Double).to_device(Device::Cpu);
            Vec::<f64>::try_from(share.special_ndtri()).unwrap_or_default()
        };
        Chains(shares.0.iter().map(quantile).collect())
    }

    /// (the mean variance within a chain, the estimate of the whole variance): equations 1 to 3.
    fn variances(&self) -> (f64, f64) {
        let n = self.draws() as f64;
        let means: Vec<f64> = self.0.iter().map(|chain| mean(chain)).collect();
        let within: Vec<f64> = self.0.iter().map(|chain| variance(chain)).collect();
        let within = mean(&within);
        (within, within * (n - 1.0) / n + variance(&means))
    }

    fn r_hat(&self) -> f64 {
        let (within, whole) = self.variances();
        if whole == 0.0 { 1.0 } else { (whole / within).sqrt() }
    }

    fn effective_sample_size(&self) -> f64 {
        let (within, whole) = self.variances();
        let (n, total) = (self.draws(), (self.draws() * self.0.len()) as f64);
        // Numbers that are all the same know their mean.
        if whole == 0.0 {
            return total;
        }
        let means: Vec<f64> = self.0.iter().map(|chain| mean(chain)).collect();
        // From the chains' autocovariances at one lag.
        let correlation = |lag: usize| {
            let covariance = |(chain, mean): (&Vec<f64>, &f64)| {
                let later = chain.get(lag..).unwrap_or_default();
                chain.iter().zip(later).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n as f64
            };
            let covariances: Vec<f64> = self.0.iter().zip(&means).map(covariance).collect();
            1.0 - (within - mean(&covariances)) / whole
        };
        // Sums of two neighbours are positive and fall in a chain that is reversible (Geyer 1992): where they no longer
        // do, or the lags end, there is only noise. The first correlation there still counts once if it is positive, which
        // lessens the bias of chains that swing.
        let (mut time, mut before, mut lag) = (-1.0, f64::INFINITY, 0);
        loop {
            let even = if lag == 0 { 1.0 } else { correlation(lag) };
            let pair = even + correlation(lag + 1);
            if pair < 0.0 || lag + 4 >= n {
                time += even.max(0.0);
                break;
            }
            before = before.min(pair);
            time += 2.0 * before;
            lag += 2;
        }
        total / f64::max(time, 1.0 / total.log10())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Divided by one less than there are.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len().max(2) - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{self, Stream, manual_seed};

    /// Four chains of 101 draws: x_t = memory x_t-1 + sin(1.7 i² + 0.3 i), moved apart by `apart`.
    fn chains(memory: f64, apart: f64) -> Tensor {
        let mut all = Vec::new();
        for chain in 0..4 {
            let mut x = 0.0;
            for t in 0..101 {
                let i = f64::from(chain * 101 + t);
                x = memory * x + (1.7 * i * i + 0.3 * i).sin();
                all.push(x + apart * f64::from(chain));
            }
        }
        Tensor::from_slice(&all).reshape([4, 101])
    }

    fn all_of(chains: &Tensor) -> [f64; 5] {
        [
            r_hat(chains).unwrap(),
            split_r_hat(chains).unwrap(),
            effective_sample_size(chains).unwrap(),
            bulk_effective_sample_size(chains).unwrap(),
            tail_effective_sample_size(chains).unwrap(),
        ]
    }

    #[test]
    fn the_reference_implementations_numbers() {
        // ArviZ 0.23.4: rhat (rank, split), ess (mean, bulk, tail).
        let references = [
            (
                chains(0.6, 0.0),
                [
                    1.0702627503837119,
                    1.0685978474997522,
                    60.71564952683494,
                    54.98903751621373,
                    216.19878801119492,
                ],
            ),
            (
                chains(-0.5, 0.0),
                [
                    1.001537694911555,
                    0.9978881756133161,
                    1040.823996531185,
                    1040.823996531185,
                    449.84472406891945,
                ],
            ),
            (
                chains(0.9, 0.8),
                [
                    1.2825095337832186,
                    1.309980995670823,
                    10.946989373554079,
                    11.724921411655224,
                    13.5216752454184,
                ],
            ),
            (
                chains(0.6, 0.0).round(),
                [
                    1.0695262024024674,
                    1.0694884677850214,
                    51.566314699548116,
                    52.180578771246005,
                    165.25636957476343,
                ],
            ),
        ];
        for (chains, reference) in references {
            let found = all_of(&chains);
            let close = found.iter().zip(&reference).all(|(a, b)| (a / b - 1.0).abs() < 1e-9);
            assert!(close, "{found:?} for {reference:?}");
        }
    }

    #[test]
    fn an_autoregressive_chain_is_worth_what_theory_says() {
        manual_seed(2);
        // x_t = ρ x_t-1 + sqrt(1 - ρ²) z: an effective sample size of (1 - ρ) / (1 + ρ) of the draws.
        let (rho, draws) = (0.7f64, 20_000);
        let z = noise::normals(Stream::new().next_key(), &[4, draws], Kind::Double, Device::Cpu);
        let rows: Vec<Vec<f64>> = Vec::try_from(z).unwrap();
        let walk = |row: Vec<f64>| {
            let mut x = row[0];
            row.into_iter()
                .map(|z| {
                    x = rho * x + (1.0 - rho * rho).sqrt() * z;
                    x
                })
                .collect::<Vec<f64>>()
        };
        let chains: Vec<f64> = rows.into_iter().flat_map(walk).collect();
        let chains = Tensor::from_slice(&chains).reshape([4, draws]);
        let theory = 4.0 * draws as f64 * (1.0 - rho) / (1.0 + rho);
        // The estimate's own error is a few per cent at this length.
        assert!((effective_sample_size(&chains).unwrap() / theory - 1.0).abs() < 0.08);
        assert!(r_hat(&chains).unwrap() < 1.002);
        // Same place, another spread: only the folded ranks show it.
        let spread = Tensor::from_slice(&[1.0, 1.0, 1.0, 4.0]).reshape([4, 1]);
        assert!(
            split_r_hat(&(&chains * &spread)).unwrap() < 1.01 && r_hat(&(chains * spread)).unwrap() > 1.1
        );
    }

    #[test]
    fn numbers_that_do_not_move_and_numbers_that_are_none() {
        let same = Tensor::ones([2, 10], (Kind::Float, Device::Cpu));
        assert_eq!((r_hat(&same).unwrap(), effective_sample_size(&same).unwrap()), (1.0, 20.0));
        assert!(r_hat(&(&same * f64::NAN)).is_err() && r_hat(&same.narrow(1, 0, 3)).is_err());
        assert!(r_hat(&same.flatten(0, 1)).is_err());
        // Two chains that each stand still, apart.
        let apart = Tensor::from_slice(&[0.0, 1.0]).reshape([2, 1]).expand([2, 10], false);
        assert_eq!(split_r_hat(&apart).unwrap(), f64::INFINITY);
    }
}
