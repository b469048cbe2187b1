//! Programs in the language of `bnn!`, each a module of its own.

#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

mod language {
    mod adapters;
    mod blocks;
    mod distributions;
    mod drawn;
    mod each;
    mod fresh;
    mod graphs;
    mod hygiene;
    mod images;
    mod linear_axes;
    mod made;
    mod mixed;
    mod modules;
    mod nested;
    mod pairs;
    mod pieces;
    mod sequences;
    mod sizes;
    mod table;
    mod today;
    mod values;
    mod whole;
}
