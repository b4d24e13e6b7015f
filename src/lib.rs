//! `libmachine`.

pub mod dirs;
pub mod id;
pub mod note;
pub mod origin;
pub mod secret;
pub mod value;

pub mod apply;
pub mod desired;
pub mod graph;
pub mod observe;
pub mod plan;
pub mod report;
pub mod resource;
pub mod store;
pub mod transport;

pub mod provider;
