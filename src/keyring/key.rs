//! The project's SSH key pair as a resource.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Held, Keyring};
use crate::attributes;
use crate::id::{Kind, Owner, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::value::{Attributes, Value, json};

/// The kind of the project's key pair.
pub const KIND: Kind = "ssh.key";

/// The attribute that holds the public half, in OpenSSH's one-line form.
pub const PUBLIC_KEY: &str = "public-key";

const ALGORITHM: &str = "algorithm";
const ENCRYPTED_TO: &str = "encrypted-to";
const KEPT: &str = "kept";
const SHARED: &str = "with the team";

/// The id of a project's key pair.
#[must_use]
pub fn id(owner: &Owner) -> ResourceId {
    ResourceId::new(KIND, &owner.project)
}

/// An ed25519 key pair that every machine of the project lets in.
#[derive(Debug)]
pub struct Key {
    id: ResourceId,
    keyring: Arc<Keyring>,
    desired: Attributes,
}

impl Key {
    #[must_use]
    pub fn new(keyring: &Arc<Keyring>, owner: &Owner) -> Self {
        let recipients = recipients(keyring.cipher.recipients());
        let mut desired = attributes! { "algorithm": "ed25519", "encrypted-to": recipients };
        if keyring.earlier.is_some() {
            desired.insert(KEPT.to_owned(), json!(SHARED));
        }
        Self { id: id(owner), keyring: Arc::clone(keyring), desired }
    }

    fn outputs(&self, held: &Held) -> Result<Attributes, String> {
        let public = held.key.public_key().to_openssh().map_err(|error| error.to_string())?;
        let algorithm = held.key.algorithm();
        let mut attributes = attributes! {
            "algorithm": algorithm.as_str().trim_start_matches("ssh-"),
            "encrypted-to": recipients(&held.encrypted_to),
            "public-key": public,
        };
        if self.keyring.earlier.is_some() {
            let kept = if held.is_stray { "on this computer" } else { SHARED };
            attributes.insert(KEPT.to_owned(), json!(kept));
        }
        Ok(attributes)
    }

    async fn load(&self) -> Result<Option<Attributes>, String> {
        self.keyring.load().await?.map(|held| self.outputs(&held)).transpose()
    }
}

/// Nothing, rather than an empty list, where a key is not encrypted.
fn recipients(list: &[String]) -> Value {
    if list.is_empty() { Value::Null } else { json!(list) }
}

#[async_trait]
impl Resource for Key {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        match change.path.keys().first().map(String::as_str) {
            Some(ENCRYPTED_TO) => Impact::InPlace(Disruption::None, Some("keeps the same key for others".to_owned())),
            Some(KEPT) => {
                Impact::InPlace(Disruption::None, Some("moves the key to where the team finds it".to_owned()))
            }
            other => {
                debug_assert_eq!(other, Some(ALGORITHM));
                let place = self.keyring.place();
                Impact::Refused(format!("the project's key in {place} was put there by hand; move it away"))
            }
        }
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match self.load().await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(why) => Observation::Unreadable(why),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let made = async {
            if let Some(held) = self.load().await? {
                return Ok(held);
            }
            self.keyring.make(&format!("machine {}", cx.owner.slug())).await?;
            self.load().await?.ok_or_else(|| format!("{} is gone again", self.keyring.place()))
        };
        made.await.map_err(Failure::new)
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.keyring.settle().await.map_err(Failure::new)?;
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        self.keyring.remove().await.map_err(Failure::new)
    }
}
