//! `phoenix-hook`: hookscript, worker and command line in one binary.

fn main() {}
