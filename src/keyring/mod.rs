//! The one holder of the project's secrets: now its SSH key pair.
//!
//! They are kept in the store's vault, which for a team is its database, and encrypted where the Machinefile names
//! recipients. In memory they stay here; attributes, plans and events hold public halves only.

mod cipher;
mod key;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

pub use cipher::{Cipher, Error as CipherError};
pub use key::{KIND, Key, PUBLIC_KEY, id};

use crate::store::Vault;

/// What the private key is called in the vault.
const PRIVATE_KEY: &str = "id_ed25519";

/// Why the key cannot be had or kept: a fragment that names its place.
type Trouble = String;

/// A key that was read.
#[derive(Clone, Debug)]
struct Held {
    key: Arc<PrivateKey>,
    encrypted_to: Vec<String>,
    /// Only here, while the project's secrets are to be in a place that a team shares.
    is_stray: bool,
}

/// The project's secrets.
#[derive(Debug)]
pub struct Keyring {
    vault: Arc<dyn Vault>,
    /// Where they were before a team shared them.
    earlier: Option<Arc<dyn Vault>>,
    cipher: Cipher,
    held: Mutex<Option<Arc<PrivateKey>>>,
}

impl Keyring {
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, cipher: Cipher) -> Self {
        Self { vault, earlier: None, cipher, held: Mutex::default() }
    }

    /// What is found in this vault moves into the other one.
    #[must_use]
    pub fn taking_over(self, earlier: Arc<dyn Vault>) -> Self {
        Self { earlier: Some(earlier), ..self }
    }

    /// The project's private key as it was last read or made; `None` before that, or when there is none.
    #[must_use]
    pub fn private_key(&self) -> Option<Arc<PrivateKey>> {
        self.held.lock().expect("no holder panics").clone()
    }

    /// Reads it, in OpenSSH's form and with the file that holds it so, where there is one.
    pub async fn export(&self) -> Result<Option<(String, Option<PathBuf>)>, Trouble> {
        let Some(held) = self.load().await? else { return Ok(None) };
        let text = held.key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
        let is_plain = held.encrypted_to.is_empty() && !held.is_stray;
        Ok(Some((text.to_string(), self.vault.file(PRIVATE_KEY).filter(|_| is_plain))))
    }

    fn place(&self) -> String {
        self.vault.place(PRIVATE_KEY)
    }

    async fn load(&self) -> Result<Option<Held>, Trouble> {
        let mut found = read(self.vault.as_ref(), &self.cipher).await?;
        if let (None, Some(earlier)) = (&found, &self.earlier) {
            found = read(earlier.as_ref(), &self.cipher).await?.map(|held| Held { is_stray: true, ..held });
        }
        *self.held.lock().expect("no holder panics") = found.as_ref().map(|held| Arc::clone(&held.key));
        Ok(found)
    }

    /// Makes it unless it is there.
    async fn make(&self, comment: &str) -> Result<(), Trouble> {
        let mut key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(|error| error.to_string())?;
        key.set_comment(comment);
        let text = key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
        let sealed = self.cipher.seal(text.as_bytes()).map_err(|error| error.to_string())?;
        self.vault.add(PRIVATE_KEY, &sealed).await.map_err(|error| error.to_string())
    }

    /// Keeps what there is where and as it is to be kept.
    async fn settle(&self) -> Result<(), Trouble> {
        let Some(held) = self.load().await? else { return Ok(()) };
        if held.is_stray || held.encrypted_to != self.cipher.recipients() {
            let text = held.key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
            let sealed = self.cipher.seal(text.as_bytes()).map_err(|error| error.to_string())?;
            self.vault.replace(PRIVATE_KEY, &sealed).await.map_err(|error| error.to_string())?;
        }
        if let Some(earlier) = &self.earlier {
            earlier.remove(PRIVATE_KEY).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn remove(&self) -> Result<(), Trouble> {
        for vault in self.earlier.iter().chain([&self.vault]) {
            vault.remove(PRIVATE_KEY).await.map_err(|error| error.to_string())?;
        }
        *self.held.lock().expect("no holder panics") = None;
        Ok(())
    }
}

async fn read(vault: &dyn Vault, cipher: &Cipher) -> Result<Option<Held>, Trouble> {
    let Some(kept) = vault.get(PRIVATE_KEY).await.map_err(|error| error.to_string())? else { return Ok(None) };
    let place = vault.place(PRIVATE_KEY);
    let (plain, encrypted_to) = cipher.open(kept).map_err(|error| format!("the project's key in {place}: {error}"))?;
    let odd = |error: &dyn std::fmt::Display| format!("{place} is not a private key: {error}");
    let text = String::from_utf8(plain).map_err(|error| odd(&error.utf8_error()))?;
    let key = PrivateKey::from_openssh(text).map_err(|error| odd(&error))?;
    Ok(Some(Held { key: Arc::new(key), encrypted_to, is_stray: false }))
}
