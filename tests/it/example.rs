//! The example file is true.
