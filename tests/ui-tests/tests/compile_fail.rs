//! Each program in `cases` must be refused with the message beside it. After a change of a message:
//! `TRYBUILD=overwrite cargo test`, and read the difference.

#[test]
fn compile_fail() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
