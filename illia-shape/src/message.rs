//! Sentences put together by the compiler: what a failed check on constants says.

use crate::{Axis, Shape};

const CAPACITY: usize = 1024;

/// A sentence with numbers, built in a `const`.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Message {
    /// An empty one.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Message {
        Message { bytes: [0; CAPACITY], len: 0 }
    }

    const fn byte(mut self, byte: u8) -> Message {
        if self.len < CAPACITY {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
        self
    }

    /// Adds words.
    pub const fn text(mut self, text: &str) -> Message {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() {
            self = self.byte(text[i]);
            i += 1;
        }
        self
    }

    /// Adds a number.
    pub const fn number(mut self, n: i64) -> Message {
        if n < 0 {
            self = self.byte(b'-');
        }
        let n = n.unsigned_abs();
        let mut power = 1;
        while n / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            self = self.byte(b'0' + (n / power % 10) as u8);
            power /= 10;
        }
        self
    }

    /// Adds a real number, to six places.
    pub const fn real(mut self, x: f64) -> Message {
        if x.is_nan() {
            return self.text("NaN");
        }
        if x < 0.0 {
            self = self.byte(b'-');
        }
        let x = x.abs();
        if x > 1e15 {
            return self.text(if x.is_infinite() { "inf" } else { "a very large number" });
        }
        let millionths = (x * 1e6 + 0.5) as u64;
        self = self.number((millionths / 1_000_000) as i64);
        let mut rest = millionths % 1_000_000;
        if rest == 0 {
            return self.text(".0");
        }
        self = self.byte(b'.');
        let mut place = 100_000;
        while rest > 0 {
            self = self.byte(b'0' + (rest / place) as u8);
            rest %= place;
            place /= 10;
        }
        self
    }

    /// Adds a shape, `[16, seq]`.
    pub const fn shape(mut self, shape: Shape) -> Message {
        self = self.byte(b'[');
        let axes = shape.axes();
        let mut i = 0;
        while i < axes.len() {
            if i > 0 {
                self = self.text(", ");
            }
            self = match axes[i] {
                Axis::Fixed(n) => self.number(n),
                Axis::Named(name) => self.text(name),
                Axis::Linear { name, times, plus } => {
                    let mut said = self.text(name);
                    if times != 1 {
                        said = said.text(" * ").number(times);
                    }
                    match plus {
                        0 => said,
                        1.. => said.text(" + ").number(plus),
                        _ => said.text(" - ").number(plus.saturating_neg()),
                    }
                }
            };
            i += 1;
        }
        self.byte(b']')
    }

    /// Adds what ports are called, `` `user` and `item` ``.
    pub const fn names(mut self, ports: &[(&str, Shape)]) -> Message {
        let mut i = 0;
        while i < ports.len() {
            if i > 0 {
                self = self.text(if i + 1 == ports.len() { " and " } else { ", " });
            }
            self = self.text("`").text(ports[i].0).text("`");
            i += 1;
        }
        self
    }

    /// The sentence.
    pub const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "a shape does not fit",
        }
    }
}

/// Stops the compiler with the sentence unless the condition holds: the macros call it in `const`s only.
#[track_caller]
pub const fn require(holds: bool, message: &Message) {
    if !holds {
        panic!("{}", message.as_str())
    }
}
