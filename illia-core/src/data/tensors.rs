//! A data set in memory.

use tch::Tensor;

use super::dataset::{Batch, Dataset, check_rows};
use crate::error::{Error, Result, Within};

/// Tensors in memory with a row for each example.
///
/// ```
/// use illia_core::data::{Dataset, Tensors};
/// use tch::Tensor;
///
/// let x = Tensor::from_slice(&[0.5f32, 1.5, 2.5]).unsqueeze(1);
/// let data = Tensors::new(vec![x], Tensor::from_slice(&[0i64, 1, 2]))?;
/// assert_eq!(data.len(), 3);
/// assert_eq!(data.batch(&[2, 0])?.target, Tensor::from_slice(&[2i64, 0]));
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Tensors {
    inputs: Vec<Tensor>,
    target: Tensor,
    rows: usize,
}

impl Tensors {
    /// `inputs`, each `[rows, ..]`, and the `target`, `[rows, ..]`, of any kinds and on any device; a batch stays there. The
    /// tensors are shared, not copied. NaN is allowed: it is for the likelihood to judge.
    ///
    /// # Errors
    /// [`Error::Shape`], which names the tensor that has no axis or another number of rows than the target.
    pub fn new(inputs: Vec<Tensor>, target: Tensor) -> Result<Self> {
        let given = target.size();
        let Some(&rows) = given.first() else {
            let expected = "[rows, ..], a row for each example".to_owned();
            return Err(Error::Shape { layer: "target".to_owned(), expected, given });
        };
        for (i, input) in inputs.iter().enumerate() {
            let given = input.size();
            if given.first() != Some(&rows) {
                let expected = format!("[{rows}, ..], as many rows as the target has");
                return Err(Error::Shape { layer: format!("input {i}"), expected, given });
            }
        }
        Ok(Tensors { inputs, target, rows: rows.max(0) as usize })
    }

    /// The inputs, each `[rows, ..]`.
    pub fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// The target, `[rows, ..]`.
    pub fn target(&self) -> &Tensor {
        &self.target
    }
}

impl Clone for Tensors {
    /// Another handle on the same tensors.
    fn clone(&self) -> Self {
        let inputs = self.inputs.iter().map(Tensor::shallow_clone).collect();
        Tensors { inputs, target: self.target.shallow_clone(), rows: self.rows }
    }
}

impl Dataset for Tensors {
    fn len(&self) -> usize {
        self.rows
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        check_rows(rows, self.rows)?;
        let rows = Tensor::f_from_slice(rows).within("rows")?;
        let chosen = |tensor: &Tensor| {
            let rows = rows.f_to_device(tensor.device()).within("rows")?;
            tensor.f_index_select(0, &rows).within("batch")
        };
        let inputs = self.inputs.iter().map(chosen).collect::<Result<_>>()?;
        Ok(Batch { inputs, target: chosen(&self.target)? })
    }
}
