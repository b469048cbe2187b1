//! What all processes have to agree on: whether one has failed, and that they are alike.

use tch::{Kind, Tensor};

use super::ProcessGroup;
use crate::error::{Error, Result};

/// Bytes of a failure's sentence that travel.
const SENTENCE: usize = 1024;

/// Numbers that travel beside whether a process has failed.
const NUMBERS: usize = 4;

/// What a result is in this process, and `numbers` of it from all, in the order of the ranks. Where one process has failed all
/// do: it by its own error, the others by a sentence that has it.
pub(crate) fn exchange<T, const N: usize>(
    group: &dyn ProcessGroup,
    collective: &'static str,
    result: Result<T>,
    numbers: impl FnOnce(&T) -> [i64; N],
) -> Result<(T, Vec<[i64; N]>)> {
    const { assert!(N <= NUMBERS) };
    let problem = |problem| Error::Processes { rank: group.rank(), collective, problem };
    // Of one length whatever is exchanged, so that processes that are not at the same place find out.
    let mut own = vec![i64::from(result.is_err()), hash(collective.as_bytes()).cast_signed()];
    own.extend(result.as_ref().map_or([0; N], numbers));
    own.resize(2 + NUMBERS, 0);
    let all = gather(group, &own)?;
    if let Some(failed) = all.iter().position(|theirs| theirs.first() != Some(&0)) {
        let sentence = sentence(group, failed, result.as_ref().err())?;
        return Err(result.err().unwrap_or_else(|| problem(format!("rank {failed} has failed: {sentence}"))));
    }
    if let Some(other) = all.iter().position(|theirs| theirs.get(1) != own.get(1)) {
        return Err(problem(format!("rank {other} is at another place of the run")));
    }
    let numbers =
        |theirs: &Vec<i64>| std::array::from_fn(|at| theirs.get(2 + at).copied().unwrap_or_default());
    Ok((result?, all.iter().map(numbers).collect()))
}

/// Refuses processes that differ in a fact, by its name: each has the same facts in the same order.
pub(crate) fn alike(
    group: &dyn ProcessGroup,
    collective: &'static str,
    facts: Result<Vec<(&str, u64)>>,
) -> Result<()> {
    let whole = |facts: &Vec<(&str, u64)>| [hash(format!("{facts:?}").as_bytes()).cast_signed()];
    let (facts, all) = exchange(group, collective, facts, whole)?;
    if all.iter().all(|theirs| Some(theirs) == all.first()) {
        return Ok(());
    }
    let own: Vec<i64> = facts.iter().map(|(_, hash)| hash.cast_signed()).collect();
    let all = gather(group, &own)?;
    let first = all.first().cloned().unwrap_or_default();
    let mut differences = all.iter().enumerate().filter_map(|(rank, theirs)| {
        let at = theirs.iter().zip(&first).position(|(theirs, first)| theirs != first)?;
        Some((rank, facts.get(at)?.0))
    });
    let (rank, name) = differences.next().unwrap_or((0, "facts"));
    let problem = format!(
        "rank {rank} has not the same {name} as rank 0: all processes run one program, on the same data, from the same `manual_seed` and \
         with the same settings"
    );
    Err(Error::Processes { rank: group.rank(), collective, problem })
}

/// A hash of some bytes, for [`alike`].
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    crc32fast::hash(bytes).into()
}

fn gather(group: &dyn ProcessGroup, own: &[i64]) -> Result<Vec<Vec<i64>>> {
    let all = group.all_gather(&Tensor::from_slice(own))?;
    let numbers = all.iter().map(|one| Vec::<i64>::try_from(one).map_err(|e| Error::torch("all-gather", &e)));
    numbers.collect()
}

/// The sentence of the process that failed.
fn sentence(group: &dyn ProcessGroup, failed: usize, own: Option<&Error>) -> Result<String> {
    // The first that failed sends its own.
    let mut bytes = own.map_or(Vec::new(), |error| error.to_string().into_bytes());
    bytes.resize(SENTENCE, 0);
    let mut said = Tensor::from_slice(&bytes).to_kind(Kind::Uint8);
    group.broadcast(&mut said, failed)?;
    let bytes = Vec::<u8>::try_from(&said).map_err(|e| Error::torch("broadcast", &e))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
}
