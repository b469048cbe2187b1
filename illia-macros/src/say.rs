//! Sentences with sizes in them, some of which only the compiler knows.

use proc_macro2::{Ident, TokenStream};

use crate::dim::{Dim, Shape};

/// A sentence.
#[derive(Clone, Default)]
pub struct Say {
    pub pieces: Vec<Piece>,
}

#[derive(Clone)]
pub enum Piece {
    Text(String),
    /// A number that the compiler puts in.
    Number(TokenStream, String),
    /// A shape that the compiler puts in.
    Shape(TokenStream, String),
    /// A real number that the compiler puts in.
    Real(TokenStream, String),
    /// What a net's inputs are called, which the compiler puts in.
    Names(TokenStream, String),
}

impl Say {
    pub fn new(text: impl Into<String>) -> Say {
        Say::default().text(text)
    }

    pub fn text(mut self, text: impl Into<String>) -> Say {
        self.pieces.push(Piece::Text(text.into()));
        self
    }

    pub fn size(mut self, dim: &Dim) -> Say {
        self.pieces.push(match dim {
            Dim::Const(c) => Piece::Number(c.tokens.clone(), c.text.clone()),
            _ => Piece::Text(dim.text()),
        });
        self
    }

    pub fn shape(mut self, shape: &Shape) -> Say {
        match shape {
            Shape::Known(dims) => {
                self = self.text("[");
                for (i, dim) in dims.iter().enumerate() {
                    self = self.text(if i == 0 { "" } else { ", " }).size(dim);
                }
                self.text("]")
            }
            Shape::Opaque(c) => {
                self.pieces.push(Piece::Shape(c.tokens.clone(), c.text.clone()));
                self
            }
            Shape::Unknown(_) => self.text("[..]"),
        }
    }

    /// A shape as a constant of the compiler's, though parts of it are known.
    pub fn piece_shape(mut self, tokens: TokenStream, text: String) -> Say {
        self.pieces.push(Piece::Shape(tokens, text));
        self
    }

    pub fn number(mut self, tokens: TokenStream, text: String) -> Say {
        self.pieces.push(Piece::Number(tokens, text));
        self
    }

    pub fn real(mut self, tokens: TokenStream, text: String) -> Say {
        self.pieces.push(Piece::Real(tokens, text));
        self
    }

    pub fn names(mut self, ports: TokenStream, text: String) -> Say {
        self.pieces.push(Piece::Names(ports, text));
        self
    }

    /// The sentence, sizes as the user wrote them.
    pub fn plain(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text)
            | Piece::Number(_, text)
            | Piece::Shape(_, text)
            | Piece::Real(_, text)
            | Piece::Names(_, text) => text.clone(),
        };
        self.pieces.iter().map(piece).collect()
    }
}

/// A layer's name with its article.
pub fn with_article(kind: &Ident) -> String {
    let name = kind.to_string();
    let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) || name == "Lstm" { "an" } else { "a" };
    format!("{article} {name}")
}
