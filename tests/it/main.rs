//! One binary for all integration tests.

mod bundle;
mod host;
mod keyring;
mod ssh;
