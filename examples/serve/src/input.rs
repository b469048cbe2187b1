//! A request's body: one row or many, as nested JSON arrays. Numbers go straight to where they stay, so that a body takes a few
//! times its size and no more.

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// Numbers, the last axis fastest.
#[derive(Debug, Default, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// Why a body is no array.
#[derive(Debug)]
pub enum Unread {
    NotJson(String),
    NotAnArray(String),
}

/// Reads nested arrays of numbers, all of one depth and of one length along each axis.
pub fn parse(body: &[u8]) -> Result<Array, Unread> {
    let mut reading = Reading::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Nested { depth: 0, reading: &mut reading }.deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(Array {
            shape: reading.lengths.into_iter().map(Option::unwrap_or_default).collect(),
            values: reading.values,
        }),
        Err(e) if e.is_data() => Err(Unread::NotAnArray(e.to_string())),
        Err(e) => {
            Err(Unread::NotJson(format!("the body is not JSON, which has neither NaN nor Infinity: {e}")))
        }
    }
}

#[derive(Default)]
struct Reading {
    /// Of each axis, once an array of it has ended.
    lengths: Vec<Option<usize>>,
    /// How deep the first number stood.
    rank: Option<usize>,
    values: Vec<f64>,
}

struct Nested<'a> {
    depth: usize,
    reading: &'a mut Reading,
}

impl Nested<'_> {
    fn number<E: Error>(self, number: f64) -> Result<(), E> {
        if self.depth != *self.reading.rank.get_or_insert(self.depth) {
            return Err(E::custom("a number stands among arrays"));
        }
        self.reading.values.push(number);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("arrays of numbers")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(number as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Nested { depth, reading } = self;
        if reading.rank.is_some_and(|rank| depth >= rank) {
            return Err(A::Error::custom("an array stands among numbers"));
        }
        if reading.lengths.len() <= depth {
            reading.lengths.push(None);
        }
        let mut length = 0;
        while elements.next_element_seed(Nested { depth: depth + 1, reading: &mut *reading })?.is_some() {
            length += 1;
        }
        let known = reading.lengths.get_mut(depth).map_or(length, |known| *known.get_or_insert(length));
        if known != length {
            return Err(A::Error::custom(format!("arrays of {known} and of {length} stand side by side")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(body: &str) -> (bool, String) {
        match parse(body.as_bytes()) {
            Ok(array) => panic!("{body} is {array:?}"),
            Err(Unread::NotJson(sentence)) => (false, sentence),
            Err(Unread::NotAnArray(sentence)) => (true, sentence),
        }
    }

    #[test]
    fn arrays_of_any_depth_have_a_shape() {
        let array = |shape: &[usize], values: &[f64]| Array { shape: shape.into(), values: values.into() };
        assert_eq!(parse(b"7").unwrap(), array(&[], &[7.0]));
        assert_eq!(parse(b"[1, -2.5e0]").unwrap(), array(&[2], &[1.0, -2.5]));
        assert_eq!(parse(b"[[[1], [2]], [[3], [4]], [[5], [6]]]").unwrap().shape, [3, 2, 1]);
        assert_eq!(parse(b"[]").unwrap(), array(&[0], &[]));
        assert_eq!(parse(b"[[], []]").unwrap(), array(&[2, 0], &[]));
    }

    #[test]
    fn what_is_no_array_is_said() {
        for (body, words) in [
            ("[1, [2]]", "an array stands among numbers"),
            ("[[1], 2]", "a number stands among arrays"),
            ("[[1], [[]]]", "an array stands among numbers"),
            ("[[1, 2], [3]]", "arrays of 2 and of 1"),
            ("[[], [1]]", "arrays of 0 and of 1"),
            ("[\"1\"]", "string \"1\", expected arrays of numbers"),
            ("[null]", "null, expected arrays of numbers"),
            ("{\"rows\": 1}", "map, expected arrays of numbers"),
        ] {
            let (is_json, sentence) = sentence(body);
            assert!(is_json && sentence.contains(words), "{body}: {sentence}");
        }
    }

    #[test]
    fn what_is_not_json_is_said() {
        for body in ["", "[1", "[NaN]", "[Infinity]", "[1] 2", "[1e999]", "\u{7f}", &"[".repeat(10_000)] {
            let (is_json, sentence) = sentence(body);
            assert!(!is_json && sentence.starts_with("the body is not JSON"), "{sentence}");
        }
    }
}
