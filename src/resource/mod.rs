//! The contract everything converges through: one trait for every thing we touch.

mod budget;
mod change;
mod context;
mod failure;
mod impact;
mod limits;
pub mod mark;
mod text;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use budget::{Budget, Rate, Turn, Wait};
pub use change::{Change, concerns, diff, follow, made, moved};
pub use context::{Context, Outputs, Progress};
pub use failure::{Failure, Retry};
pub use impact::{Disruption, Impact};
pub use limits::{Limits, Times, Work, overdue};
pub use text::{LARGEST, Shown, Text};

use crate::id::ResourceId;
use crate::value::Attributes;

/// What `read` saw. The three are never confused: what cannot be read blocks what depends on it,
/// it is never "absent, so create".
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    Present(Attributes),
    Absent,
    /// With the reason, a fragment: "web is stopped".
    Unreadable(String),
}

impl Observation {
    /// What is there, if it was seen.
    #[must_use]
    pub fn attributes(&self) -> Option<&Attributes> {
        match self {
            Self::Present(attributes) => Some(attributes),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// How a resource hangs on a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Only the order: after the parent on the way up, before it on the way down.
    After,
    /// Built upon the parent: replaced when the parent is replaced.
    Uses,
    /// Lives inside the parent and goes with it; while the parent is absent it is absent, and nobody asks.
    Within,
}

impl Link {
    const ALL: [Self; 3] = [Self::After, Self::Uses, Self::Within];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Uses => "uses",
            Self::Within => "within",
        }
    }

    /// Reads back what [`Link::as_str`] gave.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|link| link.as_str() == word)
    }
}

/// An edge to a parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parent {
    pub id: ResourceId,
    pub link: Link,
}

impl Parent {
    #[must_use]
    pub fn after(id: ResourceId) -> Self {
        Self { id, link: Link::After }
    }

    #[must_use]
    pub fn uses(id: ResourceId) -> Self {
        Self { id, link: Link::Uses }
    }

    #[must_use]
    pub fn within(id: ResourceId) -> Self {
        Self { id, link: Link::Within }
    }
}

/// One convergeable thing.
///
/// # Flow
/// `read` is called parents first. The planner compares `desired` with what was read, asks `impact` about each
/// change, and the executor calls `create`, `update` or `delete` once the parents hold.
///
/// # Guarantees the caller gives
/// Parents marked [`Link::Within`] or [`Link::Uses`] exist when any method but `delete` runs, and their outputs are in
/// the [`Context`]. A `create` is preceded by a durable record of the intent, with the token in the context.
///
/// # What implementations must keep
/// - `read` changes nothing.
/// - `create`, `update` and `delete` may be called again after having been cut anywhere, and then end where one
///   uninterrupted call would have. `create` of what exists completes it; `delete` of what is gone succeeds.
/// - `update` makes the changes it is given and no others: what differs beside them differs for a reason.
/// - Every object made carries the owner of the context.
/// - They return the attributes as `read` would now see them.
/// - Secrets appear in no attribute, message or event.
#[async_trait]
pub trait Resource: Debug + Send + Sync {
    fn id(&self) -> &ResourceId;

    fn parents(&self) -> &[Parent];

    /// What it should be. Attributes only the world can know (addresses, ports, digests of builds) are left out.
    fn desired(&self) -> &Attributes;

    /// Whether it stands for a machine: one that goes or is made anew has to be named first.
    fn is_machine(&self) -> bool {
        false
    }

    /// Attributes that only the world can know: they are there once it is made.
    fn outputs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Observed attributes that say what it stands on, as the size of a filesystem's device. When they are not what they were,
    /// what differs follows from that: nobody has changed the thing itself.
    fn grounds(&self) -> &'static [&'static str] {
        &[]
    }

    /// What was decided beyond what is asked for, each with the attribute it is about: "3.3 GB of memory → 3380 MiB". Pure.
    fn remarks(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// How one change to what exists can be carried out. Pure. `observed` is what was read.
    fn impact(&self, change: &Change, observed: &Attributes) -> Impact;

    /// The machine it belongs to and goes with; `None` for what is nobody's own.
    fn machine(&self) -> Option<&str> {
        None
    }

    /// What it takes to give what is there under an earlier id of this resource the id that it has now. Pure.
    fn renaming(&self) -> Impact {
        Impact::Refused(
            "its provider cannot rename it: give the machine its old name back, or let it be made anew".into(),
        )
    }

    /// Whether giving one thing of a machine its id gives all that the provider has of the machine theirs. Pure.
    fn moves_together(&self) -> bool {
        false
    }

    /// What of `attributes`, desired or observed, only one thing can have at a time: `port 8080/tcp`. Who gives it up
    /// goes before who takes it. Pure.
    fn claims(&self, _attributes: &Attributes) -> Vec<String> {
        Vec::new()
    }

    /// What others have to give up before it is deleted, in the words of [`Resource::claims`]. Pure.
    fn awaits(&self) -> Vec<String> {
        Vec::new()
    }

    /// What deleting it disturbs. Pure.
    fn deletion(&self) -> Disruption {
        Disruption::Replace
    }

    /// Whether other projects use the same thing: then it is made here when missing and never deleted.
    fn shared(&self) -> bool {
        false
    }

    /// Whether it only stands for its parents: then nobody reads, plans or records it, and it passes their order on to
    /// its children. One such vertex between two layers replaces an edge for each pair.
    fn is_group(&self) -> bool {
        false
    }

    /// The name of the source in whose listing it would be found. The same id in another realm is another thing.
    fn realm(&self) -> Option<&str> {
        self.listed_by().map(Source::name)
    }

    /// How long it may take over something where the Machinefile does not say. What is cut off is gone on with by the
    /// next run.
    fn time(&self, work: Work) -> Duration {
        work.usual()
    }

    /// The source whose one listing covers this kind; `None` when it must be read by itself.
    fn listed_by(&self) -> Option<&dyn Source> {
        None
    }

    /// The listing of what we own inside this resource, for a resource that holds others.
    fn contents(&self) -> Option<&dyn Source> {
        None
    }

    async fn read(&self, cx: &Context) -> Observation;

    /// The texts behind those of the changes that are only digests, for a plan to show which lines change. Reads what is there
    /// once more, where the attributes do not hold it, and changes nothing.
    async fn texts(&self, _changes: &[Change], _cx: &Context) -> Vec<Text> {
        Vec::new()
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure>;

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure>;

    async fn delete(&self, cx: &Context) -> Result<(), Failure>;

    /// Takes our label off: from then on it is nobody's, and stays as it is. Says how it is removed by hand. May be called again
    /// after having been cut anywhere.
    async fn disown(&self, _cx: &Context) -> Result<String, Failure> {
        let why = format!("the provider of {} cannot take our label off it", self.id());
        Err(Failure::new(why).hint("keep it in the Machinefile, or delete it"))
    }

    /// Gives what is there under the id `from` this resource's own; nothing, where nothing is. May be called again after having been
    /// cut anywhere.
    async fn rename(&self, _from: &ResourceId, _cx: &Context) -> Result<(), Failure> {
        Err(Failure::new(format!("{} cannot be renamed", self.id())))
    }
}

/// An object found in a listing.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: ResourceId,
    pub attributes: Attributes,
}

/// A part of a listing.
#[derive(Debug, Default)]
pub struct Page {
    pub found: Vec<Found>,
    /// Where the next page begins, in the source's own words; `None` on the last one.
    pub next: Option<String>,
}

impl Page {
    /// The whole listing.
    #[must_use]
    pub fn whole(found: Vec<Found>) -> Self {
        Self { found, next: None }
    }
}

/// A place that can list, in a few calls, what a project owns there.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// Unique within a project: the provider's name, or the id of the resource that holds the objects.
    fn name(&self) -> &str;

    /// A page of everything that carries the owner of the context: the first one, or the one that `from`, of the page
    /// before, leads to. One call, where the source can be called. Less than a page is an error.
    async fn list(&self, cx: &Context, from: Option<&str>) -> Result<Page, Failure>;

    /// A handle to an object nobody desires any more, good for reading and deleting it; `None` for an unknown kind.
    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>>;
}
