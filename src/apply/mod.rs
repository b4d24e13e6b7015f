//! Carries out a plan. Decides nothing: it walks the schedule with bounded parallelism, journals each transition
//! and says what happens.

mod event;
mod gate;
mod hold;
mod lanes;
mod operation;
mod run;

use std::sync::Arc;

pub use event::{Event, Events};
pub use run::apply;

use crate::id::ResourceId;
use crate::resource::{Context, Failure};
use crate::store::{self, Recorded, Store};

/// What an apply works with.
#[derive(Clone)]
pub struct Tools {
    pub store: Arc<dyn Store>,
    pub recorded: Arc<Recorded>,
    pub context: Context,
    pub events: Events,
    /// How many operations may run at once.
    pub parallel: usize,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools").field("parallel", &self.parallel).finish_non_exhaustive()
    }
}

/// How an apply ended.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: usize,
    pub failed: Vec<(ResourceId, Failure)>,
    /// Not started because another, the second, failed.
    pub skipped: Vec<(ResourceId, ResourceId)>,
    /// Not started because the user asked to stop.
    pub left: usize,
    /// The store stopped taking our word; nothing was started after that.
    pub store: Option<store::Error>,
}

impl Outcome {
    /// Whether every step was carried out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.left == 0 && self.store.is_none()
    }
}
