//! What a machine's root disk is made from.

use std::fmt;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// A name that the driver's catalogue knows: `debian-13`.
    Catalogue(String),
    /// A disk image on this computer, absolute.
    Path(PathBuf),
    Url {
        url: String,
        digest: Digest,
    },
    Build(Build),
}

/// An image made on this computer from a distribution's package archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// `debian-12` or `debian-13`.
    pub release: String,
    /// Installed beside the base system.
    pub packages: Vec<String>,
    /// Archive to take packages from; `None` is the distribution's own.
    pub mirror: Option<String>,
}

/// A file's content hash, lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha256(String),
    Sha512(String),
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "sha256:{hex}"),
            Self::Sha512(hex) => write!(f, "sha512:{hex}"),
        }
    }
}
