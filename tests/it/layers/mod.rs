//! Settings from more than one place.

mod cloud_config;
