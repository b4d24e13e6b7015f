//! `libmachine`.

pub mod dirs;
pub mod id;
pub mod note;
pub mod origin;
pub mod secret;
pub mod value;

pub mod config;
pub mod desired;
pub mod resource;
pub mod transport;

pub mod provider;

pub mod report;
pub mod schema;
