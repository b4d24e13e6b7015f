//! Compose projects: bundled here, shipped whole, run by the machine's own `docker compose`.

pub(crate) mod bundle;
mod context;
mod paths;
pub(crate) mod project;
pub(crate) mod state;
mod texts;
mod yaml;
