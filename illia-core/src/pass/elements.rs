//! Rows that are elements of examples rather than examples, within an `each { .. }`: what is drawn for an example is the same for its
//! elements, as it is for the places of a sequence. Signs of its own for each element would be as many functions within one example.

use std::cell::Cell;
use std::marker::PhantomData;

use tch::Tensor;

thread_local! {
    /// How many rows behind each other are of one example.
    static ELEMENTS: Cell<i64> = const { Cell::new(1) };
}

/// As long as it lives, rows are elements: so many of each row that there was before.
#[derive(Debug)]
pub(crate) struct Elements {
    before: i64,
    not_send: PhantomData<*const ()>,
}

impl Elements {
    pub(crate) fn of_each(count: i64) -> Elements {
        let before = ELEMENTS.get();
        ELEMENTS.set(before * count);
        Elements { before, not_send: PhantomData }
    }
}

impl Drop for Elements {
    fn drop(&mut self) {
        ELEMENTS.set(self.before);
    }
}

/// A tensor of `shape` for the rows, of what `draw` draws for the examples.
pub(super) fn by_example(shape: &[i64], draw: impl FnOnce(&[i64]) -> Tensor) -> Tensor {
    let elements = ELEMENTS.get();
    match shape.split_first() {
        Some((rows, rest)) if elements > 1 && rows % elements == 0 => {
            let examples = [&[rows / elements], rest].concat();
            draw(&examples).repeat_interleave_self_int(elements, 0, *rows)
        }
        _ => draw(shape),
    }
}
