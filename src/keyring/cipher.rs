//! Secrets at rest: encrypted with age to every recipient that the Machinefile names, opened with an identity that only
//! its owner has.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use serde::{Deserialize, Serialize};

use crate::dirs::Dirs;

/// Where an identity is looked for, in this order; the last four as sops does.
const VARIABLES: [(&str, bool); 4] = [
    ("MACHINE_AGE_IDENTITY", false),
    ("MACHINE_AGE_IDENTITY_FILE", true),
    ("SOPS_AGE_KEY", false),
    ("SOPS_AGE_KEY_FILE", true),
];

/// Why a secret stays closed. No message holds any part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is not an age recipient: one begins with `age1`")]
    Recipient(String),
    #[error("it is encrypted, and there is no identity to open it: set MACHINE_AGE_IDENTITY_FILE, or put one into {0}")]
    NoIdentity(String),
    #[error("it is encrypted to {recipients}, and none of the identities in {places} opens it")]
    WrongIdentity { recipients: String, places: String },
    #[error("the identity in {place} cannot be used: {why}")]
    Identity { place: String, why: String },
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it cannot be encrypted: {0}")]
    Encrypt(String),
}

/// An encrypted secret as it is kept.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// Beside the text itself, which does not tell them.
    recipients: Vec<String>,
    age: String,
}

/// Seals and opens.
#[derive(Clone)]
pub struct Cipher {
    recipients: Vec<String>,
    /// Texts and files by the name of their place.
    identities: Vec<(String, Result<String, PathBuf>)>,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cipher").field("recipients", &self.recipients).finish_non_exhaustive()
    }
}

impl Cipher {
    /// Without recipients, secrets are kept as they are. Files are not read before they are needed.
    pub fn new(recipients: &[String], environment: &BTreeMap<String, String>, dirs: &Dirs) -> Result<Self, Error> {
        let mut recipients = recipients.to_vec();
        recipients.sort();
        recipients.dedup();
        for recipient in &recipients {
            parse(recipient)?;
        }
        let mut identities = Vec::new();
        for (name, is_file) in VARIABLES {
            let Some(value) = environment.get(name).filter(|value| !value.is_empty()) else { continue };
            let source = if is_file { Err(PathBuf::from(value)) } else { Ok(value.clone()) };
            identities.push((name.to_owned(), source));
        }
        let sops = dirs.config.with_file_name("sops").join("age").join("keys.txt");
        for file in [own_file(dirs), sops] {
            identities.push((file.display().to_string(), Err(file)));
        }
        Ok(Self { recipients, identities })
    }

    #[must_use]
    pub fn recipients(&self) -> &[String] {
        &self.recipients
    }

    /// As it is to be kept.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        if self.recipients.is_empty() {
            return Ok(plain.to_owned());
        }
        let failed = |why: &dyn std::fmt::Display| Error::Encrypt(why.to_string());
        let recipients = self.recipients.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        let to = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(to).map_err(|why| failed(&why))?;
        let mut text = Vec::new();
        let write = |text: &mut Vec<u8>| -> std::io::Result<()> {
            let armor = ArmoredWriter::wrap_output(text, Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(plain)?;
            writer.finish()?.finish()?;
            Ok(())
        };
        write(&mut text).map_err(|why| failed(&why))?;
        let age = String::from_utf8(text).map_err(|why| failed(&why))?;
        let sealed = Sealed { recipients: self.recipients.clone(), age };
        serde_json::to_vec_pretty(&sealed).map_err(|why| failed(&why))
    }

    /// The secret, and to whom it was encrypted.
    pub fn open(&self, kept: Vec<u8>) -> Result<(Vec<u8>, Vec<String>), Error> {
        if !kept.starts_with(b"{") {
            return Ok((kept, Vec::new()));
        }
        let sealed: Sealed = serde_json::from_slice(&kept).map_err(|why| Error::Damaged(why.to_string()))?;
        let (identities, places) = self.identities()?;
        let Some(own) = self.identities.iter().rev().nth(1).map(|(place, _)| place.clone()) else {
            return Err(Error::NoIdentity(String::new()));
        };
        if identities.is_empty() {
            return Err(Error::NoIdentity(own));
        }
        let reader = ArmoredReader::new(sealed.age.as_bytes());
        let decryptor = age::Decryptor::new(reader).map_err(|why| Error::Damaged(why.to_string()))?;
        let with = identities.iter().map(|identity| identity as &dyn age::Identity);
        let mut reader = decryptor.decrypt(with).map_err(|why| match why {
            age::DecryptError::NoMatchingKeys => {
                Error::WrongIdentity { recipients: sealed.recipients.join(", "), places: places.join(", ") }
            }
            why => Error::Damaged(why.to_string()),
        })?;
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain).map_err(|why| Error::Damaged(why.to_string()))?;
        Ok((plain, sealed.recipients))
    }

    fn identities(&self) -> Result<(Vec<age::x25519::Identity>, Vec<String>), Error> {
        let (mut identities, mut places) = (Vec::new(), Vec::new());
        for (place, source) in &self.identities {
            let text = match source {
                Ok(text) => text.clone(),
                Err(file) => match std::fs::read_to_string(file) {
                    Ok(text) => text,
                    Err(why) if why.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(why) => return Err(Error::Identity { place: place.clone(), why: why.to_string() }),
                },
            };
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let identity = line.parse().map_err(|why: &str| {
                    let why = format!("{why}; only keys that begin with `AGE-SECRET-KEY-1` are supported");
                    Error::Identity { place: place.clone(), why }
                })?;
                identities.push(identity);
            }
            places.push(place.clone());
        }
        Ok((identities, places))
    }
}

fn own_file(dirs: &Dirs) -> PathBuf {
    dirs.config.join("age.txt")
}

fn parse(recipient: &str) -> Result<age::x25519::Recipient, Error> {
    recipient.parse().map_err(|_: &str| Error::Recipient(recipient.to_owned()))
}
