//! Examples that are kept of a task.

use tch::{Kind, Tensor};

use super::dataset::Dataset;
use super::subset::shuffled;
use crate::error::{Error, Result, Within};

/// Which examples [`Dataset::coreset`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coreset {
    /// Some by chance.
    Random,
    /// Those that leave no other far from all of them, by the Euclidean distance between inputs: after one by chance, always the one that is
    /// farthest from those taken (Gonzalez 1985; at most twice the least possible distance). All rows are asked for at once.
    KCenter,
}

impl Coreset {
    /// `examples` rows of `data`.
    pub(super) fn rows<D: Dataset + ?Sized>(self, data: &D, examples: usize, seed: u64) -> Result<Vec<i64>> {
        let all = data.len();
        if examples == 0 || examples >= all {
            let allowed = format!("from 1 on, and less than the {all} there are");
            return Err(Error::configuration("examples", examples, &allowed));
        }
        let mut rows = shuffled(all, seed);
        match self {
            Coreset::Random => {
                rows.truncate(examples);
                Ok(rows)
            }
            Coreset::KCenter => {
                let batch = data.batch(&(0..all as i64).collect::<Vec<_>>())?;
                batch.check(all)?;
                let flat = |input: &Tensor| input.to_kind(Kind::Float).reshape([all as i64, -1]);
                let inputs: Vec<Tensor> = batch.inputs.iter().map(flat).collect();
                let points = Tensor::f_cat(&inputs, 1).within("coreset")?;
                centres(&points, rows.first().copied().unwrap_or(0), examples)
            }
        }
    }
}

/// So many rows of `points` `[rows, features]`, beginning with the row `first`.
fn centres(points: &Tensor, first: i64, how_many: usize) -> Result<Vec<i64>> {
    if points.isfinite().all().int64_value(&[]) == 0 {
        return Err(Error::configuration(
            "inputs",
            "NaN or infinity",
            "finite numbers, which have distances",
        ));
    }
    let mut rows = vec![first];
    let mut nearest: Option<Tensor> = None;
    while rows.len() < how_many {
        let newest = points.select(0, rows.last().copied().unwrap_or(first));
        let squares = (points - newest).square().sum_dim_intlist(1i64, false, Kind::Float);
        let least =
            nearest.map_or_else(|| squares.shallow_clone(), |nearest: Tensor| nearest.minimum(&squares));
        // What is taken is not taken again, though another lies where it is.
        let _ = least.narrow(0, rows.last().copied().unwrap_or(first), 1).fill_(-1.0);
        rows.push(least.argmax(0, false).int64_value(&[]));
        nearest = Some(least);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::data::Tensors;

    fn data(x: &Tensor) -> Tensors {
        Tensors::new(vec![x.shallow_clone()], Tensor::arange(x.size()[0], (Kind::Int64, Device::Cpu)))
            .unwrap()
    }

    /// Three clouds of which one is small: by chance it may be missed, centres have one in each, and the distance is at most twice the least
    /// possible one, the clouds' width.
    #[test]
    fn centres_leave_nothing_far_from_them() {
        let cloud = |at: f64, n: i64| Tensor::linspace(at, at + 1.0, n, (Kind::Float, Device::Cpu));
        let x = Tensor::cat(&[cloud(0.0, 60), cloud(10.0, 60), cloud(30.0, 2)], 0).unsqueeze(1);
        for seed in 0..10 {
            let data = data(&x);
            let (kept, rest) = (&data).coreset(Coreset::KCenter, 3, seed).unwrap();
            assert_eq!((kept.rows().len(), rest.len()), (3, 119));
            assert!(kept.rows().iter().all(|row| !rest.rows().contains(row)));
            let centres = x.index_select(0, &Tensor::from_slice(kept.rows()));
            let farthest = (&x - centres.tr()).abs().amin([1i64], false).max().double_value(&[]);
            assert!(farthest <= 2.0, "{farthest}");
        }
    }

    #[test]
    fn equal_rows_are_taken_once_each() {
        let data = data(&Tensor::zeros([5, 2], (Kind::Float, Device::Cpu)));
        let (kept, _) = (&data).coreset(Coreset::KCenter, 4, 1).unwrap();
        let mut rows = kept.rows().to_vec();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn by_chance_is_by_the_seed() {
        let data = data(&Tensor::zeros([50, 2], (Kind::Float, Device::Cpu)));
        let rows = |seed| (&data).coreset(Coreset::Random, 10, seed).unwrap().0.rows().to_vec();
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
        for wrong in [0, 50] {
            assert!((&data).coreset(Coreset::Random, wrong, 1).is_err());
        }
    }
}
