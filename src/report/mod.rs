//! Telling what happened and what was found.

pub mod diagnostic;
