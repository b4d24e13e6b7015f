//! Compose projects: bundled here, shipped whole, run by the machine's own `docker compose`.

mod archive;
pub(crate) mod bundle;
mod context;
mod document;
mod failure;
mod paths;
pub(crate) mod project;
mod reference;
mod search;
pub(crate) mod state;
mod texts;
