//! The command line of elkhound.
fn main() {}
