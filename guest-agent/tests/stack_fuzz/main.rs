//! Fuzzes the stack engine's readers for a bounded time: compose files and variables come from others.
//!
//! Inputs grow out of the corpus by small changes; one that ends in a way not seen before is kept and
//! changed further. Each target runs for `PHOENIX_FUZZ_SECONDS` (default 10) from `PHOENIX_FUZZ_SEED`
//! (default 1; the same seed tries the same inputs). What breaks a target is made smaller, written to a
//! file and printed; `PHOENIX_FUZZ_REPLAY=<file>` runs that file alone.

#![cfg(test)]

mod budget;
mod engine_model;
mod fuzz;
mod mutate;
mod random;
mod reference;
mod seeds;
mod targets;
mod words;

#[test]
fn parser() {
    fuzz::run("parser", seeds::compose_files(), targets::parser);
}

#[test]
fn interpolation() {
    fuzz::run("interpolation", seeds::templates(), targets::interpolation);
}

#[test]
fn conversion() {
    fuzz::run("conversion", seeds::compose_files(), targets::conversion);
}

#[test]
fn planning() {
    fuzz::run("planning", seeds::redeploys(), targets::planning);
}
