//! Any text as a value with variables in it.

#![no_main]

#[path = "../checks/interpolation.rs"]
mod interpolation;

libfuzzer_sys::fuzz_target!(|text: &str| interpolation::check(text));
