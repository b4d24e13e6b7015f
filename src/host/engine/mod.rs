//! The Docker Engine of a machine: its packages, its daemon, its options.

pub(crate) mod daemon;
pub(crate) mod force;
mod key;
mod merge;
pub(crate) mod options;
pub(crate) mod package;
mod release;
mod swap;
mod variables;
