//! Values that cannot be formatted, compared or serialised by accident.

pub use secrecy::{ExposeSecret, SecretString};
