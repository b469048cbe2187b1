//! Held-out examples, each good for one purpose.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// A net's outputs for examples that it was not trained on, and their targets.
///
/// What is fitted on such a set (a temperature, a conformal predictor) uses it up: the value is moved, and there is no copy
/// of it. A guarantee holds only for examples that nothing else was fitted on, so this keeps one set from serving two ends;
/// where two are needed, [`split`](Self::split) it first.
///
/// ```
/// use illia_core::conformal::{Conformal, Lac};
/// use illia_core::noise::Stream;
/// use illia_core::{HeldOut, Temperature};
/// use tch::{Device, Kind, Tensor};
///
/// let logits = Tensor::randn([200, 3], (Kind::Float, Device::Cpu));
/// let labels = logits.argmax(1, false);
/// let (first, second) = HeldOut::new(logits, labels)?.split(50, Stream::new().next_key())?;
/// let temperature = Temperature::fit_held_out(first)?;
/// let calibration = second.map(|logits| temperature.probabilities(logits))?;
/// let conformal = Conformal::fit(Lac, calibration, 0.1)?;
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// Used twice it does not compile:
///
/// ```compile_fail,E0382
/// # use illia_core::conformal::{Conformal, Lac};
/// # use illia_core::{HeldOut, Temperature};
/// # fn twice(held_out: HeldOut) -> illia_core::Result<()> {
/// let temperature = Temperature::fit_held_out(held_out)?;
/// let conformal = Conformal::fit(Lac, held_out, 0.1)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HeldOut {
    outputs: Tensor,
    target: Option<Tensor>,
    /// Where the outputs' batch axis is: 1 behind one of draws.
    axis: i64,
}

impl HeldOut {
    /// Outputs `[batch, ..]` and targets `[batch, ..]`.
    ///
    /// # Errors
    /// [`Error::Shape`] unless both have as many examples, at least one.
    pub fn new(outputs: Tensor, target: Tensor) -> Result<Self> {
        HeldOut { outputs, target: Some(target), axis: 0 }.checked()
    }

    /// Outputs of several draws `[draws, batch, ..]`, and targets `[batch, ..]`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_draws(outputs: Tensor, target: Tensor) -> Result<Self> {
        HeldOut { outputs, target: Some(target), axis: 1 }.checked()
    }

    /// Outputs `[batch, ..]` of examples without targets: for what asks only whether an example is like these.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn unlabelled(outputs: Tensor) -> Result<Self> {
        HeldOut { outputs, target: None, axis: 0 }.checked()
    }

    fn checked(self) -> Result<Self> {
        let size = self.outputs.size();
        let Some(batch) = size.get(self.axis as usize).copied().filter(|&batch| batch > 0) else {
            let expected = if self.axis == 0 { "[batch, ..]" } else { "[draws, batch, ..]" };
            let expected = format!("{expected} of at least one example");
            return Err(Error::Shape { layer: "outputs".to_owned(), expected, given: size });
        };
        match self.target.as_ref().map(Tensor::size) {
            Some(given) if given.first() != Some(&batch) => {
                let expected = format!("[{batch}, ..], as many as there are outputs");
                Err(Error::Shape { layer: "target".to_owned(), expected, given })
            }
            _ => Ok(self),
        }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.outputs.size().get(self.axis as usize).map_or(0, |&batch| batch as usize)
    }

    /// Always false: there is at least one example.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Two sets without a common example: `first` examples drawn at random, and all others; `key` decides which.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless each gets at least one.
    pub fn split(self, first: usize, key: Key) -> Result<(Self, Self)> {
        let count = self.len();
        if first == 0 || first >= count {
            let allowed = format!("from 1 to {} of {count} examples", count - 1);
            return Err(Error::configuration("first", first, &allowed));
        }
        let order = noise::uniforms(key, &[count as i64], Kind::Float, Device::Cpu).argsort(0, false);
        let part = |start: i64, length: i64| {
            let rows = order.narrow(0, start, length);
            let of = |tensor: &Tensor, axis| tensor.index_select(axis, &rows.to_device(tensor.device()));
            HeldOut {
                outputs: of(&self.outputs, self.axis),
                target: self.target.as_ref().map(|target| of(target, 0)),
                axis: self.axis,
            }
        };
        Ok((part(0, first as i64), part(first as i64, (count - first) as i64)))
    }

    /// The same examples, with what `f` makes of all outputs at once: probabilities of logits, `[batch, ..]` again.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Shape`] if the result has another number of examples.
    pub fn map(self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let (count, outputs) = (self.len() as i64, f(&self.outputs)?);
        let given = outputs.size();
        if given.first() != Some(&count) {
            let expected = format!("[{count}, ..], as many as before");
            return Err(Error::Shape { layer: "outputs".to_owned(), expected, given });
        }
        Ok(HeldOut { outputs, target: self.target, axis: 0 })
    }

    /// Outputs and targets, for any other use; it uses the set up too.
    pub fn into_parts(self) -> (Tensor, Option<Tensor>) {
        (self.outputs, self.target)
    }

    /// Outputs and targets, where there are such.
    pub(crate) fn labelled(self) -> Result<(Tensor, Tensor)> {
        let missing = || Error::configuration("held-out set", "without targets", "one with targets");
        Ok((self.outputs, self.target.ok_or_else(missing)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Stream;

    #[test]
    fn parts_share_no_example_and_keep_targets_beside_outputs() {
        let x = Tensor::arange(10, (Kind::Int64, Device::Cpu));
        let set = HeldOut::of_draws(Tensor::stack(&[&x, &(&x * 2)], 0), &x * 3).unwrap();
        let (a, b) = set.split(3, Stream::new().next_key()).unwrap();
        assert_eq!((a.len(), b.len()), (3, 7));
        let mut seen = Vec::new();
        for part in [a, b] {
            let (outputs, target) = part.into_parts();
            assert_eq!((outputs.get(0) * 3, outputs.get(1)), (target.unwrap(), outputs.get(0) * 2));
            seen.extend(Vec::<i64>::try_from(outputs.get(0)).unwrap());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<i64>>());
    }

    #[test]
    fn sets_that_are_none_are_refused() {
        let x = Tensor::arange(4, (Kind::Float, Device::Cpu));
        assert!(HeldOut::new(x.shallow_clone(), x.narrow(0, 0, 3)).is_err());
        assert!(HeldOut::new(x.narrow(0, 0, 0), x.narrow(0, 0, 0)).is_err());
        assert!(HeldOut::of_draws(x.shallow_clone(), x.shallow_clone()).is_err());
        let set = || HeldOut::unlabelled(x.shallow_clone()).unwrap();
        assert!(set().labelled().is_err());
        assert!(set().split(4, Stream::new().next_key()).is_err());
        assert!(set().map(|x| Ok(x.narrow(0, 0, 2))).is_err());
    }
}
