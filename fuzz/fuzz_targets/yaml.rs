//! YAML in, a tree out: what was read, written down again, is read as the same.

#![no_main]

#[path = "../checks/tree.rs"]
mod tree;

use libmachine::report::configuration::{Places, yaml};

libfuzzer_sys::fuzz_target!(|text: &str| tree::check("x.yaml", text, |settings| Some(yaml(settings, &Places::new()))));
