//! The order in which a run takes its examples.

use tch::{Device, Kind};

use crate::error::{Error, Result};
use crate::noise::{self, Stream};

/// All rows in a random order, the same for a seed on any number of threads.
pub(super) fn shuffled(examples: usize, stream: &Stream) -> Result<Vec<i64>> {
    let n = [examples as i64];
    let order = noise::uniforms(stream.next_key(), &n, Kind::Double, Device::Cpu).argsort(0, false);
    Vec::<i64>::try_from(order).map_err(|e| Error::torch("shuffle", &e))
}
