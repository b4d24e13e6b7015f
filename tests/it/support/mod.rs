//! What tests are written with.

pub mod sandbox;
pub mod thing;
pub mod world;
