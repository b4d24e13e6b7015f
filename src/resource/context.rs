//! What an operation is given beside its own resource: who owns it, what its parents turned out to be, how to
//! say what it is doing and when to stop.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use tokio_util::sync::CancellationToken;

use super::Limits;
use crate::id::{Owner, ResourceId};
use crate::value::{Attributes, Value};

/// The attributes of everything observed or made so far in this run.
#[derive(Clone, Debug, Default)]
pub struct Outputs(Arc<RwLock<HashMap<ResourceId, Arc<Attributes>>>>);

impl Outputs {
    #[must_use]
    pub fn get(&self, id: &ResourceId) -> Option<Arc<Attributes>> {
        self.0.read().expect("no holder panics").get(id).cloned()
    }

    pub fn set(&self, id: ResourceId, attributes: Attributes) {
        self.0.write().expect("no holder panics").insert(id, Arc::new(attributes));
    }

    pub fn remove(&self, id: &ResourceId) {
        self.0.write().expect("no holder panics").remove(id);
    }
}

/// Where an operation says what it is doing now.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// For reads and tests: nobody listens.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// A present participle and its object: "downloading debian-13, 41 %".
    pub fn say(&self, text: impl AsRef<str>) {
        (self.0)(&crate::cover::without_tokens(text.as_ref()));
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// Given to every operation.
#[derive(Clone, Debug)]
pub struct Context {
    pub owner: Owner,
    pub outputs: Outputs,
    pub progress: Progress,
    pub limits: Limits,
    /// Set when the user asked to stop; long waits return early with a failure.
    pub cancel: CancellationToken,
    /// The same for every attempt to create this incarnation of the resource; kept by the journal across crashes.
    pub token: String,
}

impl Context {
    /// An attribute of a parent (or any resource handled before this one); `None` when the parent or the attribute is not there.
    #[must_use]
    pub fn output(&self, id: &ResourceId, attribute: &str) -> Option<Value> {
        self.outputs.get(id)?.get(attribute).cloned()
    }
}
