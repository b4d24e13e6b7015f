//! What tests are written with.

pub mod archive;
pub mod backend;
pub mod chance;
pub mod hail;
pub mod home;
pub mod ledger;
pub mod mortal;
pub mod postgres;
pub mod project;
pub mod sandbox;
pub mod terminal;
pub mod thing;
pub mod world;
