//! All that apply ever says.

use std::sync::Arc;
use std::time::Duration;

use crate::id::ResourceId;
use crate::plan::Action;
use crate::resource::Failure;

#[derive(Clone, Debug)]
pub enum Event {
    /// An apply of this many steps begins.
    Began {
        steps: usize,
    },
    Started {
        resource: ResourceId,
        action: Action,
    },
    /// What it is doing now.
    Progress {
        resource: ResourceId,
        text: String,
    },
    /// An attempt failed and another follows after `wait`.
    Retrying {
        resource: ResourceId,
        failure: Failure,
        wait: Duration,
    },
    Finished {
        resource: ResourceId,
        action: Action,
        took: Duration,
    },
    Failed {
        resource: ResourceId,
        action: Action,
        took: Duration,
        failure: Failure,
    },
    Skipped {
        resource: ResourceId,
        because: ResourceId,
    },
    /// The user asked to stop: what runs is finished, nothing new starts.
    Stopping {
        running: usize,
    },
    Ended {
        done: usize,
        failed: usize,
        skipped: usize,
        left: usize,
    },
}

/// Where events go. Called from any task; must not block.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Nobody listens.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
