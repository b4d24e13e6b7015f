//! One connection: host key, login, channels.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle};
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};

use crate::transport::Error;
use crate::transport::ssh::{Endpoint, Key};

pub(super) type Channel = russh::Channel<client::Msg>;

/// Accepts the one host key it expects, and remembers another's fingerprint for the message.
struct Pin {
    expected: PublicKey,
    stranger: Arc<OnceLock<String>>,
}

impl client::Handler for Pin {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let known = key.key_data() == self.expected.key_data();
        if !known {
            let _ = self.stranger.set(key.fingerprint(HashAlg::Sha256).to_string());
        }
        Ok(known)
    }
}

/// A connection that has logged in.
pub(super) struct Session(Handle<Pin>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    pub(super) async fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        let unreachable = |why: String| Error::Unreachable { address: endpoint.address.clone(), why };
        let expected = PublicKey::from_openssh(&endpoint.host_key)
            .map_err(|error| unreachable(format!("the host key we hold cannot be read: {error}")))?;
        let stranger = Arc::new(OnceLock::new());
        let config = config(&expected);
        let pin = Pin { expected, stranger: Arc::clone(&stranger) };
        let handle = client::connect(Arc::new(config), endpoint.address.as_str(), pin).await;
        let mut handle = handle.map_err(|error| match (stranger.get(), &error) {
            (Some(got), _) => Error::HostKey { address: endpoint.address.clone(), got: got.clone() },
            (None, russh::Error::NoCommonAlgo { theirs, .. }) => {
                Error::HostKey { address: endpoint.address.clone(), got: theirs.join(", ") }
            }
            _ => unreachable(reason(&error)),
        })?;
        login(&mut handle, endpoint).await?;
        Ok(Self(handle))
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.0.is_closed()
    }

    pub(super) async fn channel(&self) -> Result<Channel, russh::Error> {
        self.0.channel_open_session().await
    }
}

/// A server with several host keys is asked for the kind we know.
fn config(expected: &PublicKey) -> client::Config {
    client::Config {
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 4,
        nodelay: true,
        preferred: russh::Preferred { key: Cow::Owned(vec![expected.algorithm()]), ..russh::Preferred::default() },
        ..client::Config::default()
    }
}

async fn login(handle: &mut Handle<Pin>, endpoint: &Endpoint) -> Result<(), Error> {
    let lost = |error: russh::Error| Error::Unreachable { address: endpoint.address.clone(), why: reason(&error) };
    let key = match &endpoint.identity.key {
        Key::File(file) => russh::keys::load_secret_key(file, None)
            .map(Arc::new)
            .map_err(|error| format!(" ({} was not tried: {})", file.display(), unusable(&error))),
        Key::Held(held) => Ok(Arc::clone(&held.key)),
        Key::Missing => Err(" (the project has no key yet)".to_owned()),
    };
    let untried = match key {
        Ok(key) => {
            let hash = rsa_hash(handle, &key.algorithm()).await;
            let key = PrivateKeyWithHashAlg::new(key, hash);
            let answer = handle.authenticate_publickey(&endpoint.user, key).await.map_err(lost)?;
            if matches!(answer, AuthResult::Success) {
                return Ok(());
            }
            String::new()
        }
        Err(untried) => untried,
    };
    if endpoint.identity.agent && login_by_agent(handle, &endpoint.user).await {
        return Ok(());
    }
    Err(Error::Denied { address: endpoint.address.clone(), user: format!("{}{untried}", endpoint.user) })
}

/// What an RSA key signs with: the best the server names. One that names nothing is taken to know SHA-2, because SHA-1 is
/// refused nearly everywhere. Other keys have no choice.
async fn rsa_hash(handle: &Handle<Pin>, algorithm: &Algorithm) -> Option<HashAlg> {
    if !matches!(algorithm, Algorithm::Rsa { .. }) {
        return None;
    }
    handle.best_supported_rsa_hash().await.ok().flatten().unwrap_or(Some(HashAlg::Sha512))
}

/// Why a key file cannot be used, without the words of the library for it.
fn unusable(error: &russh::keys::Error) -> String {
    match error {
        russh::keys::Error::KeyIsEncrypted => "it has a passphrase, which only an agent can give".to_owned(),
        russh::keys::Error::IO(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "there is no such file".to_owned()
        }
        other => other.to_string().to_lowercase(),
    }
}

/// Whether one of the agent's keys was let in. No agent, or one without keys, lets nobody in.
async fn login_by_agent(handle: &mut Handle<Pin>, user: &str) -> bool {
    let Ok(mut agent) = AgentClient::connect_env().await else { return false };
    for identity in agent.request_identities().await.unwrap_or_default() {
        let key = identity.public_key().into_owned();
        let hash = rsa_hash(handle, &key.algorithm()).await;
        let answer = handle.authenticate_publickey_with(user, key, hash, &mut agent).await;
        if matches!(answer, Ok(AuthResult::Success)) {
            return true;
        }
    }
    false
}

/// A short reason; the library's own words for a closed port or a silent peer do not help a user.
fn reason(error: &russh::Error) -> String {
    match error {
        russh::Error::IO(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => "connection refused".into(),
        russh::Error::HUP | russh::Error::Disconnect => "the connection was closed before SSH began".into(),
        other => other.to_string().to_lowercase(),
    }
}
