//! All tests in one binary, in reading order.

mod support;

mod config;
mod desired;
mod errors;
mod example;
mod schema;
