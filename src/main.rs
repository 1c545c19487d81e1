//! The `rollproof` program.

fn main() {}
