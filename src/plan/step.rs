//! The words of a plan.

use std::collections::BTreeMap;
use std::fmt;

use crate::graph::Node;
use crate::id::ResourceId;
use crate::resource::{Change, Disruption, Text};
use crate::value::{Path, Value};

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
    /// Some of it changed in the Machinefile, some without us.
    Mixed,
    /// Not as the Machinefile asks; without a record nobody can tell who changed.
    Differs,
    /// Only its name changes; it is there under this id.
    Moved(ResourceId),
    /// Found with our label, wanted no more.
    NotDesired,
    /// The whole project goes.
    Destroying,
    /// What it is built upon, or lives in, is made anew.
    ParentReplaced(ResourceId),
}

impl Reason {
    /// One word for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Missing => "missing",
            Self::Unfinished => "unfinished",
            Self::Changed => "changed",
            Self::Drifted => "drifted",
            Self::Mixed => "mixed",
            Self::Differs => "differs",
            Self::Moved(_) => "moved",
            Self::NotDesired => "not-desired",
            Self::Destroying => "destroying",
            Self::ParentReplaced(_) => "parent-replaced",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Missing => f.write_str("gone without us"),
            Self::Unfinished => f.write_str("an earlier run was cut off here"),
            Self::Changed => f.write_str("changed in the Machinefile"),
            Self::Drifted => f.write_str("changed without us"),
            Self::Mixed => f.write_str("changed in the Machinefile and without us"),
            Self::Differs => f.write_str("not as the Machinefile asks"),
            Self::Moved(from) => write!(f, "moved from {from}"),
            Self::NotDesired => f.write_str("no longer in the Machinefile"),
            Self::Destroying => f.write_str("the project is destroyed"),
            Self::ParentReplaced(parent) => write!(f, "{parent} is made anew"),
        }
    }
}

/// Who made the difference between what is desired and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It is as we left it; the Machinefile asks for something else now.
    File,
    /// The Machinefile asks for what we left; it was changed since.
    Outside,
    /// Neither is what we left.
    Both,
}

impl Cause {
    /// One word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Outside => "outside",
            Self::Both => "both",
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
    /// The texts behind changes that are only digests; none until they are asked for.
    pub texts: Vec<Text>,
    pub disruption: Disruption,
    /// What the disruption means here: "restarts the engine, 3 containers stop".
    pub detail: Vec<String>,
    /// What we left of the attributes that change; `None` when there is no record of it.
    pub left: Option<BTreeMap<Path, Value>>,
    /// Attributes that only the world decides, known once the step is done.
    pub unknown: &'static [&'static str],
    /// Whether the resource stands for a machine.
    pub machine: bool,
    /// The id under which it is there until this step renames it.
    pub moved: Option<ResourceId>,
}

impl Step {
    /// A step without changes.
    pub(super) fn new(node: &Node, action: Action, reason: Reason, disruption: Disruption) -> Self {
        Self {
            resource: node.resource.id().clone(),
            action,
            reason,
            changes: Vec::new(),
            texts: Vec::new(),
            disruption,
            detail: Vec::new(),
            left: None,
            unknown: &[],
            machine: node.resource.is_machine(),
            moved: None,
        }
    }

    /// A mark for the eye.
    #[must_use]
    pub fn symbol(&self) -> &'static str {
        if matches!(self.reason, Reason::Moved(_)) { "→" } else { self.action.symbol() }
    }

    /// Who made one of this step's changes necessary; `None` where nobody can tell.
    #[must_use]
    pub fn cause(&self, change: &Change) -> Option<Cause> {
        let left = self.left.as_ref()?.get(&change.path);
        Some(match (left == change.before.as_ref(), left == change.after.as_ref()) {
            (true, _) => Cause::File,
            (_, true) => Cause::Outside,
            (false, false) => Cause::Both,
        })
    }

    /// What we left of a value that is neither as we left it nor asked to be so again.
    #[must_use]
    pub fn left_aside(&self, change: &Change) -> Option<&Value> {
        self.left.as_ref()?.get(&change.path).filter(|_| self.cause(change) == Some(Cause::Both))
    }
}

/// A resource that is not as desired and has no step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub resource: ResourceId,
    pub why: Hold,
}

/// Why a resource that is not as desired is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It cannot be seen; the provider or machine says why.
    Unreadable(String),
    /// The change cannot be carried out; the resource says why.
    Refused(String),
    /// Something it needs is blocked itself.
    Waits(ResourceId),
    /// Something built upon it is blocked itself.
    Carries(ResourceId),
    /// It would lose data or a machine, and nobody gave this flag.
    Consent(String),
    /// It would be deleted or made anew and is protected; who says so and what to do.
    Protected(String),
    /// Something protected needs it.
    Needed(ResourceId),
    /// It lives in something protected.
    Inside(ResourceId),
    /// Something built upon it was not selected.
    Unselected(ResourceId),
    /// It would take what something else has and keeps.
    Taken { what: String, by: ResourceId },
    /// It would take what something else has that waits for it in turn.
    Swap { what: String, with: ResourceId },
}

impl Hold {
    /// One word for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Refused(_) => "refused",
            Self::Waits(_) => "waits",
            Self::Carries(_) => "carries",
            Self::Consent(_) => "consent",
            Self::Protected(_) => "protected",
            Self::Needed(_) => "needed",
            Self::Inside(_) => "inside",
            Self::Unselected(_) => "unselected",
            Self::Taken { .. } => "taken",
            Self::Swap { .. } => "swap",
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) | Self::Refused(why) | Self::Protected(why) => f.write_str(why),
            Self::Waits(parent) => write!(f, "{parent} comes first and is blocked"),
            Self::Carries(child) => write!(f, "{child} is built upon it and cannot follow now"),
            Self::Consent(flag) => write!(f, "it needs {flag}"),
            Self::Needed(child) => write!(f, "{child} needs it and is protected"),
            Self::Inside(parent) => write!(f, "it lives in {parent}, which is protected"),
            Self::Unselected(child) => write!(f, "{child} is built upon it and is not selected"),
            Self::Taken { what, by } => write!(f, "{by} has {what} and does not give it up in this plan"),
            Self::Swap { what, with } => {
                write!(f, "it takes {what} from {with}, which waits for it: give one of them something free first")
            }
        }
    }
}

/// A resource that goes with what it lives in, without a step of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanishing {
    pub resource: ResourceId,
    /// The resource whose step takes it along.
    pub with: ResourceId,
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
