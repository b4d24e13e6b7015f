//! What a tunnel is told to do: where to, as whom, and what to run there. It is handed over on standard input, as it holds a key.

use std::path::PathBuf;
use std::sync::Arc;

use russh::keys::PrivateKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::transport::ssh::{Endpoint, Held, Identity, Key};

/// Speaks to the engine on standard input and output, however it listens.
const DIAL: &str = "docker system dial-stdio";

#[derive(Clone, Debug)]
pub struct Errand {
    /// What refusals call the machine.
    pub machine: String,
    pub endpoint: Endpoint,
}

/// As it is handed over.
#[derive(Serialize, Deserialize)]
struct Written {
    machine: String,
    address: String,
    user: String,
    host_key: String,
    key: Option<String>,
    key_file: Option<PathBuf>,
    agent: bool,
}

impl Errand {
    /// The line for the machine's shell. The engine's socket is root's.
    #[must_use]
    pub(super) fn line(&self) -> String {
        if self.endpoint.user == "root" { DIAL.to_owned() } else { format!("sudo -n -- {DIAL}") }
    }

    /// The same for the same errand, and says nothing of the key.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(&Sha256::digest(format!("{:?}", self.endpoint))[..8])
    }

    #[must_use]
    pub(super) fn to_text(&self) -> String {
        let Endpoint { address, user, host_key, identity } = self.endpoint.clone();
        let (key, key_file) = match identity.key {
            Key::Held(held) => (held.to_openssh(), None),
            Key::File(path) => (None, Some(path)),
            Key::Missing => (None, None),
        };
        let machine = self.machine.clone();
        let written = Written { machine, address, user, host_key, key, key_file, agent: identity.agent };
        serde_json::to_string(&written).expect("texts")
    }

    /// What [`Errand::to_text`] gave.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Written { machine, address, user, host_key, key, key_file, agent } = serde_json::from_str(text).ok()?;
        let key = match (key, key_file) {
            (Some(text), _) => Key::Held(Held::new(Arc::new(PrivateKey::from_openssh(text).ok()?))),
            (None, Some(path)) => Key::File(path),
            (None, None) => Key::Missing,
        };
        Some(Self { machine, endpoint: Endpoint { address, user, host_key, identity: Identity { key, agent } } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_arrives_and_nothing_of_the_key_is_told() {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), russh::keys::Algorithm::Ed25519).unwrap();
        let key = Key::Held(Held::new(Arc::new(key)));
        for key in [key, Key::File("/home/me/key".into()), Key::Missing] {
            let endpoint = Endpoint {
                address: "127.0.0.1:2222".into(),
                user: "machine".into(),
                host_key: "ssh-ed25519 AAAA".into(),
                identity: Identity { key, agent: true },
            };
            let errand = Errand { machine: "web".into(), endpoint };
            let arrived = Errand::parse(&errand.to_text()).unwrap();
            assert_eq!((&arrived.endpoint, arrived.digest()), (&errand.endpoint, errand.digest()));
            assert_eq!(arrived.line(), "sudo -n -- docker system dial-stdio");
            let other = Errand { endpoint: Endpoint { user: "root".into(), ..errand.endpoint }, ..errand };
            assert_ne!(other.digest(), arrived.digest());
            assert_eq!(other.line(), "docker system dial-stdio");
        }
    }
}
