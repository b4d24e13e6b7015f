//! Compose projects: what comes along, in what order, and what is refused before anything is contacted.

mod bundle;
mod order;
