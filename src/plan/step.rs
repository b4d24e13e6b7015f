//! The words of a plan.

use std::fmt;

use crate::id::ResourceId;
use crate::resource::{Change, Disruption};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Create,
    Update,
    /// Delete, then create.
    Replace,
    Delete,
}

impl Action {
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// Why a step is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The Machinefile asks for it and it does not exist.
    New,
    /// We made it before and it is gone.
    Missing,
    /// An earlier run was cut off while making it.
    Unfinished,
    /// The Machinefile asks for something else than there is.
    Changed,
    /// It no longer is what we left: changed without us.
    Drifted,
    /// Found with our label, wanted no more.
    NotDesired,
    /// The whole project goes.
    Destroying,
    /// What it is built upon, or lives in, is made anew.
    ParentReplaced(ResourceId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Missing => f.write_str("gone without us"),
            Self::Unfinished => f.write_str("an earlier run was cut off here"),
            Self::Changed => f.write_str("changed in the Machinefile"),
            Self::Drifted => f.write_str("changed without us"),
            Self::NotDesired => f.write_str("no longer in the Machinefile"),
            Self::Destroying => f.write_str("the project is destroyed"),
            Self::ParentReplaced(parent) => write!(f, "{parent} is made anew"),
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub resource: ResourceId,
    pub action: Action,
    pub reason: Reason,
    /// What differs; for a create, everything desired.
    pub changes: Vec<Change>,
    pub disruption: Disruption,
    /// What the disruption means here: "restarts the engine, 3 containers stop".
    pub detail: Vec<String>,
}

/// A resource that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub resource: ResourceId,
    pub why: String,
}

/// A resource that can be seen only once another has been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    pub resource: ResourceId,
    pub until: ResourceId,
}

/// Counts of steps by action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
}

impl Summary {
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut summary = Self::default();
        for step in steps {
            match step.action {
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Replace => summary.replace += 1,
                Action::Delete => summary.delete += 1,
            }
        }
        summary
    }
}
