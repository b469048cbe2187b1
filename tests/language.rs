//! Programs in the language of `bnn!`, each a module of its own.

mod language {
    mod blocks;
    mod distributions;
    mod fresh;
    mod hygiene;
    mod images;
    mod made;
    mod mixed;
    mod modules;
    mod nested;
    mod pairs;
    mod sequences;
    mod sizes;
    mod table;
    mod today;
    mod values;
}
