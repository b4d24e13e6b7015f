//! Chance that can be had again: the same commit draws the same cases, unless it is told another seed.
//!
//! `MACHINE_TEST_SEED` is the seed and `MACHINE_TEST_RUNS` the number of cases of every test that draws them.

use proptest::test_runner::{Config, RngSeed};

/// The seed of this run.
pub fn seed() -> u64 {
    number("MACHINE_TEST_SEED").unwrap_or(20_261_121)
}

/// How many cases to draw, when nothing else is asked.
pub fn runs(usual: u32) -> u32 {
    number("MACHINE_TEST_RUNS").map_or(usual, |runs| u32::try_from(runs).expect("a number of runs"))
}

pub fn config(usual: u32) -> Config {
    Config { cases: runs(usual), rng_seed: RngSeed::Fixed(seed()), failure_persistence: None, ..Config::default() }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
