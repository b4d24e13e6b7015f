//! Our memory: what we made and what we were about to make. A cache, a journal and nothing else: identity lives with
//! the things themselves, so that losing it loses no thing.

mod holder;
mod kept;
mod lock;
mod place;
mod postgres;
mod sqlite;
mod vault;

use std::collections::BTreeMap;

use async_trait::async_trait;

pub use holder::Holder;
pub use kept::Kept;
pub use lock::Lock;
pub use place::{Claim, Place};
pub use postgres::{Postgres, Target};
pub use sqlite::Sqlite;
pub use vault::{Files, Vault};

use crate::id::ResourceId;
use crate::resource::{Link, Parent};

/// A resource we have finished making or changing.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// As they were when we last wrote or saw them.
    pub attributes: Kept,
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

    /// The realm that something remembered belongs to; `None` for what is not remembered.
    #[must_use]
    pub fn realm(&self, id: &ResourceId) -> Option<Option<&str>> {
        let record = self.records.get(id).map(|record| record.realm.as_deref());
        record.or_else(|| self.intents.get(id).map(|intent| intent.realm.as_deref()))
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

impl Transition {
    #[must_use]
    pub fn id(&self) -> &ResourceId {
        match self {
            Self::Begin { id, .. } | Self::Hold { id, .. } | Self::Gone { id } | Self::Fail { id, .. } => id,
        }
    }
}

/// As both back ends keep them.
fn parents_to_text(parents: &[Parent]) -> String {
    let pairs: Vec<_> = parents.iter().map(|parent| (parent.link.as_str(), parent.id.as_str())).collect();
    serde_json::to_string(&pairs).expect("pairs of strings")
}

fn parents_from_text(text: &str) -> serde_json::Result<Vec<Parent>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text)?;
    let parent = |(link, id): &(String, String)| Some(Parent { id: ResourceId::parse(id)?, link: Link::parse(link)? });
    Ok(pairs.iter().filter_map(parent).collect())
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
    #[error("the records in {place} cannot be read: {why}")]
    Garbled { place: String, why: String },
    #[error("cannot write {path}: {why}")]
    Write { path: String, why: String },
    #[error("another run is changing this project: {}", told(.0.as_deref()))]
    Locked(Option<Box<Holder>>),
    #[error("this run was silent for too long and another one has taken the project over: {}", told(.0.as_deref()))]
    Fenced(Option<Box<Holder>>),
    #[error("cannot lock {path}: {why}")]
    Lock { path: String, why: String },
    #[error("the file system of {path} has no locks: {why}")]
    Unlockable { path: String, why: String },
}

fn told(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "it left no name".to_owned(), ToString::to_string)
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { path, .. } => Some(format!(
                "move {path} away and run the command again: what exists is found by its labels, nothing is made twice"
            )),
            Self::Garbled { .. } => Some(
                "delete the project's rows from `machine.records` and run the command again: what exists is found by its \
                 labels, nothing is made twice"
                    .to_owned(),
            ),
            Self::Newer { .. } => Some("use the newer `machine` for this project".to_owned()),
            Self::Locked(_) => {
                Some("wait for it with `--lock-wait 10m`, or stop it with Ctrl-C where it runs".to_owned())
            }
            Self::Fenced(_) => {
                Some("nothing more was begun; what it had begun, the other run finds: see `machine plan`".to_owned())
            }
            Self::Unlockable { .. } => Some(
                "set XDG_STATE_HOME to a local folder, or keep the project's records in PostgreSQL: `store:`".to_owned(),
            ),
            Self::Write { why, .. } | Self::Open { why, .. } | Self::Lock { why, .. } => remedy(why),
        }
    }
}

/// What helps against what the system says.
fn remedy(why: &str) -> Option<String> {
    let why = why.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| why.contains(part));
    let text = if says(&["full", "no space", "quota"]) {
        "make room on that file system and run the command again: it goes on from here"
    } else if says(&["readonly", "read-only", "permission denied", "unable to open"]) {
        "the folder must belong to the user who runs the command, on a file system that can be written"
    } else if says(&["notvalidforname", "not valid for name"]) {
        "the server's certificate is for another name: write the address with the name that the certificate bears"
    } else if says(&["invalid peer certificate", "unknownissuer"]) {
        "name the authority that signed the server's certificate: `?sslrootcert=FILE` in the address, or SSL_CERT_FILE"
    } else if says(&["does not support tls"]) {
        "switch TLS on at the server (`ssl = on`), or write `?sslmode=disable` where the network itself is safe"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// A place that keeps records and the journal of one project.
#[async_trait]
pub trait Store: Send + Sync {
    /// Makes this run the one whose writes are taken; [`Error::Locked`] while another one is. From then on, a write after
    /// the claim was lost is [`Error::Fenced`]. Without a claim, writes are not guarded.
    async fn claim(&self, _holder: &Holder) -> Result<(), Error> {
        Ok(())
    }

    /// Ends the claim, for the next run to go on at once. Where the next claim ends it anyway, there is nothing to do.
    async fn release(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn load(&self) -> Result<Recorded, Error>;

    /// Durable, in one transaction, when it returns.
    async fn write(&self, transition: Transition) -> Result<(), Error>;
}
