//! What a net keeps of its arguments.
#![allow(unsafe_code)]

use std::ops::Deref;

/// A net's arguments, kept in the net, which can be sent to another thread whatever they are: ones that can't be are then one mistake, where
/// they are declared, and not one of every trait besides that asks it of the net.
#[derive(Debug, Clone)]
pub struct Kept<A>(A);

// SAFETY: only `new` and `clone` give one, and `new` asks `Send` of what it is given.
unsafe impl<A> Send for Kept<A> {}

impl<A: Send> Kept<A> {
    /// These, kept.
    pub fn new(arguments: A) -> Kept<A> {
        Kept(arguments)
    }
}

impl<A> Deref for Kept<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.0
    }
}
