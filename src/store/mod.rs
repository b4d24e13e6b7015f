//! Our memory: what we made and what we were about to make. A cache, a journal and nothing else: identity lives with
//! the things themselves, so that losing it loses no thing.

mod lock;
mod sqlite;

use std::collections::BTreeMap;

use async_trait::async_trait;

pub use lock::{Holder, Lock};
pub use sqlite::Sqlite;

use crate::id::ResourceId;
use crate::resource::Parent;
use crate::value::Attributes;

/// A resource we have finished making or changing.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// As they were when we last wrote or saw them.
    pub attributes: Attributes,
    pub parents: Vec<Parent>,
    /// Of the create that made it.
    pub token: String,
    /// The source that lists it, if one does.
    pub realm: Option<String>,
}

/// What an operation does, for the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

impl Operation {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// An operation that was begun and whose end was never written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    pub operation: String,
    pub token: String,
    /// The source that would list what it made, if one does.
    pub realm: Option<String>,
}

/// Everything the store holds on a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    pub records: BTreeMap<ResourceId, Record>,
    pub intents: BTreeMap<ResourceId, Intent>,
}

impl Recorded {
    /// Whether it was made, or may have been made, by us.
    #[must_use]
    pub fn remembers(&self, id: &ResourceId) -> bool {
        self.records.contains_key(id) || self.intents.contains_key(id)
    }

    /// Everything remembered with the realm it belongs to, each id once.
    pub fn realms(&self) -> impl Iterator<Item = (&ResourceId, Option<&str>)> {
        let records = self.records.iter().map(|(id, record)| (id, record.realm.as_deref()));
        let intents = self.intents.iter().filter(|(id, _)| !self.records.contains_key(*id));
        records.chain(intents.map(|(id, intent)| (id, intent.realm.as_deref())))
    }
}

/// One durable step of a resource's life.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// Written before the first call of an operation.
    Begin { id: ResourceId, operation: Operation, token: String, realm: Option<String> },
    /// The resource stands as recorded.
    Hold { id: ResourceId, record: Record },
    /// The resource is gone, or is no longer ours.
    Gone { id: ResourceId },
    /// The operation failed. Its intent stays, since it may have had an effect.
    Fail { id: ResourceId, message: String },
}

/// Why the store could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open {path}: {why}")]
    Open { path: String, why: String },
    #[error("{path} was written by a newer `machine` (format {found}, this one knows {known})")]
    Newer { path: String, found: i64, known: i64 },
    #[error("{path} is damaged: {why}")]
    Damaged { path: String, why: String },
    #[error("cannot write {path}: {why}")]
    Write { path: String, why: String },
    #[error("another run is changing this project: {0}")]
    Locked(Holder),
    #[error("cannot lock {path}: {why}")]
    Lock { path: String, why: String },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { path, .. } => Some(format!(
                "move {path} away and run the command again: what exists is found by its labels, nothing is made twice"
            )),
            Self::Newer { .. } => Some("use the newer `machine` for this project".to_owned()),
            Self::Locked(_) => Some("wait for it, or stop it with Ctrl-C where it runs".to_owned()),
            Self::Open { .. } | Self::Write { .. } | Self::Lock { .. } => None,
        }
    }
}

/// A place that keeps records and the journal of one project.
#[async_trait]
pub trait Store: Send + Sync {
    async fn load(&self) -> Result<Recorded, Error>;

    /// Durable, in one transaction, when it returns.
    async fn write(&self, transition: Transition) -> Result<(), Error>;
}
