//! What proves who we are.

use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{HashAlg, PrivateKey};

/// The private key that is tried, and whether an agent's are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub key: Key,
    /// Try the keys of the agent at `SSH_AUTH_SOCK` when the key is not let in.
    pub agent: bool,
}

/// The key that is tried first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A file without a passphrase, in OpenSSH's form.
    File(PathBuf),
    Held(Held),
    /// There is none yet.
    Missing,
}

/// A private key in memory, told from others by its fingerprint.
#[derive(Clone)]
pub struct Held {
    fingerprint: String,
    pub(super) key: Arc<PrivateKey>,
}

impl Held {
    #[must_use]
    pub fn new(key: Arc<PrivateKey>) -> Self {
        Self { fingerprint: key.fingerprint(HashAlg::Sha256).to_string(), key }
    }

    /// In OpenSSH's form, for another process of ours.
    #[must_use]
    pub fn to_openssh(&self) -> Option<String> {
        self.key.to_openssh(LineEnding::LF).ok().map(|text| text.to_string())
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.fingerprint)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.fingerprint.cmp(&other.fingerprint)
    }
}
