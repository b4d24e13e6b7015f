//! YAML in, a tree out: what was read, written down again, is read as the same.

#![no_main]

mod tree;

use libfuzzer_sys::fuzz_target;
use libmachine::report::configuration::{Places, yaml};

fuzz_target!(|text: &str| tree::check("x.yaml", text, |settings| Some(yaml(settings, &Places::new()))));
