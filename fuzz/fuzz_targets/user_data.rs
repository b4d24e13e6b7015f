//! User-data in, parts and settings out.

#![no_main]

#[path = "../checks/user_data.rs"]
mod user_data;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| user_data::check(bytes));
