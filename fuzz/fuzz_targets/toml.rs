//! TOML in, a tree out: what was read, written down again, is read as the same.

#![no_main]

mod tree;

use libfuzzer_sys::fuzz_target;
use libmachine::report::configuration::{Places, toml};

fuzz_target!(|text: &str| tree::check("x.toml", text, |settings| toml(settings, &Places::new())));
