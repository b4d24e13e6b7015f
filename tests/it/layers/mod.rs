//! Settings from more than one place.

mod cloud_config;
mod directives;
mod files;
mod history;
mod outside;
mod secrets;
mod table;
