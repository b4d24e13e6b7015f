//! Settings from more than one place.

mod audit;
mod cloud_config;
mod directives;
mod files;
mod foreign;
mod history;
mod hostile;
mod messages;
mod outside;
mod properties;
mod secrets;
mod table;
mod why;
