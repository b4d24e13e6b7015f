//! A login at a registry of images.

use super::Secret;
use crate::value::Path;

#[derive(Clone, Debug, PartialEq)]
pub struct Registry {
    /// The host, with its port where it is not the usual one: what stands before the first `/` of an image's name.
    pub address: String,
    pub username: String,
    /// A password or token, not looked up yet.
    pub password: Secret,
    pub at: Path,
}
