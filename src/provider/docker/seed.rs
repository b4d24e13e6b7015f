//! What cloud-init in the machine reads, in the folder where it looks for it, and the host key that it brings.

use std::collections::BTreeMap;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::attributes;
use crate::desired;
use crate::provider::docker::archive;
use crate::provider::docker::engine::Engine;
use crate::provider::qemu::user_data::{Ours, change, declared, user_data};
use crate::resource::{Change, Context, Failure, Text, follow, mark};
use crate::value::{Attributes, Path, json};

const FOLDER: &str = "/var/lib/cloud/seed/nocloud";
const RECORD: &str = "machine.json";

/// What the seed was made from. It is kept beside it, where root alone reads it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// To cloud-init, another one is another machine.
    instance_id: String,
    /// The private half, in OpenSSH's form.
    host_key: String,
    pub(super) inputs: Attributes,
    /// The project's public key that it lets in.
    pub(super) project_key: Option<String>,
    #[serde(default)]
    pub(super) host_name: Option<String>,
    #[serde(default)]
    pub(super) protect: bool,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("instance_id", &self.instance_id).finish_non_exhaustive()
    }
}

impl Record {
    /// Of a new machine; another attempt at the same incarnation is the same instance.
    pub(super) fn new(cx: &Context, container: &str) -> Result<Self, Failure> {
        let hash = Sha256::digest(format!("{}/{container}/{}", cx.owner.slug(), cx.token));
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        let key = key.map_err(|error| unusable(&error))?;
        Ok(Self {
            instance_id: format!("i-{}", &hex::encode(hash)[..16]),
            host_key: key.to_openssh(LineEnding::LF).map_err(|error| unusable(&error))?.to_string(),
            inputs: Attributes::new(),
            project_key: None,
            host_name: None,
            protect: false,
            tags: BTreeMap::new(),
        })
    }

    /// With some of what the user has written on the machine.
    pub(super) fn marked(mut self, machine: &desired::Machine, changes: &[Change]) -> Self {
        for change in changes {
            match change.path.keys() {
                [name, ..] if name == mark::PROTECT => self.protect = machine.protect.is_some(),
                [name, rest @ ..] if name == mark::TAGS => follow(&mut self.tags, &machine.tags, rest),
                _ => {}
            }
        }
        self
    }

    /// Puts itself alone into a container: what cloud-init reads stays.
    pub(super) async fn keep(&self, engine: &Engine, container: &str) -> Result<(), Failure> {
        let kept = serde_json::to_vec_pretty(self).expect("plain data");
        archive::put(engine, container, FOLDER, &[(RECORD, kept.as_slice())]).await
    }

    /// `ssh-ed25519 AAAA…`.
    pub(super) fn public_host_key(&self) -> Result<String, Failure> {
        let key = PrivateKey::from_openssh(&self.host_key).map_err(|error| unusable(&error))?;
        key.public_key().to_openssh().map_err(|error| unusable(&error))
    }

    /// Puts the seed, and itself as the last, into a container.
    pub(super) async fn write(
        self,
        engine: &Engine,
        container: &str,
        machine: &desired::Machine,
        project_key: String,
    ) -> Result<(), Failure> {
        let host_name = Some(machine.name.to_string());
        let record = Self { inputs: inputs(machine), project_key: Some(project_key.clone()), host_name, ..self };
        let public = record.public_host_key()?;
        let ours = Ours {
            host_name: machine.name.as_str(),
            user: machine.ssh.user.as_str(),
            project_key: &project_key,
            authorized_keys: std::iter::once(project_key.clone())
                .chain(machine.ssh.authorized_keys.iter().cloned())
                .collect(),
            host_key: [&record.host_key, &public],
            mounts: &[],
        };
        let user_data = user_data(&machine.user_data, &ours);
        let meta_data = json!({ "instance-id": record.instance_id, "local-hostname": machine.name.as_str() });
        let kept = serde_json::to_vec_pretty(&record).expect("plain data");
        let files = [
            ("meta-data", format!("{meta_data:#}\n").into_bytes()),
            ("user-data", user_data),
            // The engine sets the container's network up.
            ("network-config", b"network: { config: disabled }\n".to_vec()),
            ("vendor-data", Vec::new()),
            (RECORD, kept),
        ];
        let files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_slice())).collect();
        archive::put(engine, container, FOLDER, &files).await
    }
}

/// `None` when there is none, or it was not finished.
pub(super) async fn read(engine: &Engine, container: &str) -> Result<Option<Record>, Failure> {
    let content = archive::get(engine, container, &format!("{FOLDER}/{RECORD}")).await?;
    let parse = |content: Vec<u8>| {
        serde_json::from_slice(&content).map_err(|error| Failure::new(format!("{RECORD} of {container}: {error}")))
    };
    content.map(parse).transpose()
}

/// What changes in the user's part of what cloud-init in a container was given.
pub(super) async fn text(engine: &Engine, container: &str, machine: &desired::Machine) -> Text {
    let path = Path::parse("seed.user-data");
    match archive::get(engine, container, &format!("{FOLDER}/user-data")).await {
        Ok(Some(there)) => change(path, &there, &machine.user_data),
        Ok(None) => Text::hidden(path, "it is not there"),
        Err(why) => Text::hidden(path, format!("it cannot be read: {why}")),
    }
}

/// Digests and plain values of what the user declared; what we generate is not compared.
pub(super) fn inputs(machine: &desired::Machine) -> Attributes {
    let digest = |text: &str| format!("sha256:{}", hex::encode(Sha256::digest(text)));
    attributes! {
        "user": machine.ssh.user.as_str(),
        "authorized-keys": digest(&machine.ssh.authorized_keys.join("\n")),
        "user-data": declared(&machine.user_data),
    }
}

fn unusable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("the machine's host key cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_before_there_were_marks_has_none() {
        let text = r#"{ "instance_id": "i-1", "host_key": "", "inputs": {}, "project_key": null }"#;
        let record: Record = serde_json::from_str(text).expect("a record");
        assert!(!record.protect && record.tags.is_empty() && record.host_name.is_none());
    }
}
