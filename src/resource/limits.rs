//! How much a run may ask of each provider, and how long each operation may take.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Budget, Failure, Resource, Turn};

/// What is done to a resource, where it matters how long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Create,
    Read,
    Update,
    Delete,
}

impl Work {
    pub const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Update, Self::Delete];

    /// As it is called in a Machinefile.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// "creating it".
    #[must_use]
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Create => "creating it",
            Self::Read => "reading it",
            Self::Update => "changing it",
            Self::Delete => "deleting it",
        }
    }

    /// What a resource gets that asks for nothing else.
    #[must_use]
    pub const fn usual(self) -> Duration {
        match self {
            Self::Read => Duration::from_mins(5),
            Self::Create | Self::Update | Self::Delete => Duration::from_hours(1),
        }
    }
}

/// The end of an operation that took too long.
#[must_use]
pub fn overdue(resource: &dyn Resource, work: Work, time: Duration) -> Failure {
    let at = resource.machine().map_or("`defaults`".to_owned(), |machine| format!("machine `{machine}`"));
    Failure::new(format!("{} took longer than {}", work.doing(), written(time))).hint(format!(
        "give it longer with `timeouts: {{ {}: {} }}` of {at}; `machine up` goes on from what was begun",
        work.as_str(),
        written(time * 2)
    ))
}

/// As it is written in a Machinefile: `90s`, `10m`, `2h`.
fn written(time: Duration) -> String {
    match (time.as_millis(), time.as_secs()) {
        (millis, _) if millis % 1000 != 0 => format!("{millis}ms"),
        (_, seconds) if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (_, seconds) if seconds % 60 == 0 => format!("{}m", seconds / 60),
        (_, seconds) => format!("{seconds}s"),
    }
}

/// Times that were written down, by what takes them.
pub type Times = BTreeMap<Work, Duration>;

/// Of one run. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Limits(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    budgets: HashMap<String, Arc<Budget>>,
    times: HashMap<String, Times>,
    others: Times,
}

impl Limits {
    /// `budgets` by the provider's name, `times` by the machine's; `others` are for machines that are no longer declared.
    #[must_use]
    pub fn new(budgets: HashMap<String, Arc<Budget>>, times: HashMap<String, Times>, others: Times) -> Self {
        Self(Arc::new(Inner { budgets, times, others }))
    }

    /// The budget of a provider that has one.
    #[must_use]
    pub fn budget(&self, realm: Option<&str>) -> Option<&Arc<Budget>> {
        self.0.budgets.get(realm?)
    }

    /// Waits until a provider may be called, and counts the call as begun.
    pub async fn turn(&self, realm: Option<&str>) -> Option<Turn> {
        let mut turn = self.budget(realm)?.enter().await;
        turn.begin();
        Some(turn)
    }

    /// How long a resource may take over something.
    #[must_use]
    pub fn time(&self, resource: &dyn Resource, work: Work) -> Duration {
        let own = resource.machine().and_then(|machine| self.0.times.get(machine));
        let written = own.unwrap_or(&self.0.others).get(&work);
        written.copied().unwrap_or_else(|| resource.time(work))
    }

    /// With the budgets of an earlier look, where they allow the same: what was spent then still counts.
    #[must_use]
    pub fn going_on_from(&self, earlier: &Self) -> Self {
        let same = |(name, own): (&String, &Arc<Budget>)| {
            let before = earlier.0.budgets.get(name).filter(|before| before.is_like(own));
            (name.clone(), Arc::clone(before.unwrap_or(own)))
        };
        let budgets = self.0.budgets.iter().map(same).collect();
        Self::new(budgets, self.0.times.clone(), self.0.others.clone())
    }
}
