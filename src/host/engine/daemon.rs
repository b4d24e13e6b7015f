//! The running engine and what it goes by.
//!
//! Options are merged by key between what the Machinefile says, what we wrote last (kept on the machine itself) and what is
//! there, so that keys made by hand survive and keys that left the Machinefile go. What is read is what the engine goes by, not
//! what its files say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::cover;
use crate::desired;
use crate::host::engine::merge::{Merge, Options};
use crate::host::engine::options;
use crate::host::engine::swap::{How, Swap};
use crate::host::facts::Facts;
use crate::host::reach::Reach;
use crate::id::{Kind, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, made};
use crate::value::{Attributes, Value, plain};

pub(crate) const KIND: Kind = "engine.daemon";

const OPTIONS: &str = "options";
const VARIABLES: &str = "env";
const ENABLED: &str = "enabled";
/// What waits to be confirmed, by what undoing it takes.
const PENDING: &str = "pending";

type Variables = BTreeMap<String, String>;

#[derive(Debug)]
pub(crate) struct Daemon {
    id: ResourceId,
    reach: Arc<Reach>,
    /// The version asked for.
    version: Option<String>,
    options: Options,
    variables: Variables,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Daemon {
    pub(crate) fn new(reach: &Arc<Reach>, engine: &desired::Engine) -> Self {
        let options: Options = engine.options.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let variables = engine.variables();
        Self {
            id: ResourceId::new(KIND, &reach.name),
            version: engine.version.clone(),
            parents: vec![Parent::within(ResourceId::new(super::package::KIND, &reach.name))],
            desired: crate::attributes! {
                OPTIONS: shown(&options), VARIABLES: shown_variables(&variables), "running": true, ENABLED: true,
            },
            options,
            variables,
            reach: Arc::clone(reach),
        }
    }

    /// An engine with options of ours that the Machinefile no longer speaks of.
    pub(crate) fn left(reach: &Arc<Reach>, parent: Parent) -> Self {
        Self {
            id: ResourceId::new(KIND, &reach.name),
            reach: Arc::clone(reach),
            version: None,
            options: Options::new(),
            variables: Variables::new(),
            parents: vec![parent],
            desired: Attributes::new(),
        }
    }

    /// An engine that runs and is silent is not restarted: its containers may be well.
    async fn facts(&self, cx: &Context) -> Result<Arc<Facts>, String> {
        let facts = self.reach.facts(cx).await?;
        facts.engine_silent().map_or(Ok(facts), Err)
    }

    async fn look(&self, cx: &Context) -> Result<Attributes, String> {
        let facts = self.facts(cx).await?;
        let found = found(&facts, &self.reach)?;
        let sight = Sight { facts: &facts, found: &found };
        let merge = Merge { ours: &self.options, applied: &facts.applied, found: &found };
        let info = facts.info.as_ref();
        let count = |key: &str| info.and_then(|info| info[key].as_u64()).unwrap_or(0);
        let mut seen = crate::attributes! {
            OPTIONS: shown(&sight.options(&merge)),
            VARIABLES: shown_variables(&sight.variables(&self.variables)),
            "running": info.is_some(),
            ENABLED: facts.force.is_enabled,
            "containers": count("ContainersRunning"),
            "live-restore": info.is_some_and(|info| info["LiveRestoreEnabled"] == true),
        };
        if let Some(version) = facts.engine_version() {
            seen.insert("version".to_owned(), version.into());
        }
        let by_hand = merge.by_hand();
        if !by_hand.is_empty() {
            seen.insert(BY_HAND.to_owned(), shown(&by_hand));
        }
        if let Some(pending) = facts.force.pending {
            seen.insert(PENDING.to_owned(), pending.as_str().into());
        }
        Ok(seen)
    }

    async fn apply(&self, cx: &Context, target: Target<'_>) -> Result<(), Failure> {
        self.reach.forget();
        let facts = self.facts(cx).await.map_err(Failure::new)?;
        let found = found(&facts, &self.reach).map_err(Failure::new)?;
        let declared = Merge { ours: &self.options, applied: &facts.applied, found: &found };
        let (ours, variables) = target.of(&declared, &self.variables, &facts.force.variables);
        let merge = Merge { ours: &ours, ..declared };
        fits(&facts, &ours)?;
        let sight = Sight { facts: &facts, found: &found };
        let Some(how) = sight.how(&merge, &variables, target) else { return Ok(()) };
        Swap { merge, variables: &variables, how }.carry_out(&self.reach, cx).await?;
        self.verify(cx, target).await
    }

    /// An engine may go by something else than its files say: then it is not restarted over and over.
    async fn verify(&self, cx: &Context, target: Target<'_>) -> Result<(), Failure> {
        let Target::Changed(changes) = target else { return Ok(()) };
        let seen = self.look(cx).await.map_err(Failure::new)?;
        let is_met = |change: &&Change| at(&seen, change) == at(&self.desired, change);
        let Some(change) = changes.iter().find(|change| !is_met(change)) else { return Ok(()) };
        let goes_by = at(&seen, change).map_or_else(|| "nothing of it".to_owned(), plain);
        Err(Failure::new(format!("the engine does not go by `{}`: it says {goes_by}", change.path))
            .hint("another file of the machine's, or the engine itself, decides it: see `systemctl cat docker` there"))
    }

    /// The version that options are for: the one asked for, where the one that is there is going to change.
    fn judging_version(&self, observed: &Attributes) -> Option<String> {
        let there = observed.get("version").and_then(Value::as_str);
        let begins = |wanted: &String| there.is_some_and(|there| there.starts_with(wanted.as_str()));
        let wanted = self.version.as_ref().filter(|wanted| !begins(wanted));
        wanted.cloned().or_else(|| there.map(str::to_owned))
    }
}

/// Keys of `daemon.json` that are none of ours.
const BY_HAND: &str = "by-hand";

/// What a machine says of its engine.
#[derive(Clone, Copy)]
struct Sight<'a> {
    facts: &'a Facts,
    /// The file.
    found: &'a Options,
}

impl Sight<'_> {
    /// Whether what the files say is all there is to know: no engine runs, or the machine goes back to them by itself.
    fn goes_by_files(&self) -> bool {
        self.facts.info.is_none() || self.facts.force.pending.is_some()
    }

    /// What an option is in force as.
    fn option(&self, name: &str) -> Option<Value> {
        match &self.facts.info {
            Some(info) if !self.goes_by_files() => self.facts.force.option(name, self.found, info),
            _ => self.found.get(name).cloned(),
        }
    }

    /// Those that are or were ours: what the file says, and where that is as wanted, what the engine goes by.
    fn options(&self, merge: &Merge<'_>) -> Options {
        let seen = |name: &str| match (self.found.get(name), merge.ours.get(name)) {
            (file, Some(wanted)) if file != Some(wanted) => file.cloned(),
            (Some(file), None) => Some(file.clone()),
            _ => self.option(name),
        };
        merge.names().into_iter().filter_map(|name| Some((name.to_owned(), seen(name)?))).collect()
    }

    /// The same for variables; those of our own file are all ours.
    fn variables(&self, wanted: &Variables) -> Variables {
        let file = &self.facts.force.variables;
        let seen = |name: &str| match (file.get(name), wanted.get(name)) {
            (said, wanted) if said != wanted || self.goes_by_files() => said.cloned(),
            _ => self.facts.force.variable(name).cloned(),
        };
        let names: BTreeSet<_> = file.keys().chain(wanted.keys()).map(String::as_str).collect();
        names.into_iter().filter_map(|name| Some((name.to_owned(), seen(name)?))).collect()
    }

    /// What it takes to get there; `None` when nothing does.
    fn how(&self, merge: &Merge<'_>, variables: &Variables, target: Target<'_>) -> Option<How> {
        let mut names = merge.changed();
        let is_asleep = |name: &&str| target.is_about(name) && self.option(name).as_ref() != merge.ours.get(*name);
        names.extend(merge.names().into_iter().filter(is_asleep).map(str::to_owned));
        let disruption = |name: &String| options::disruption(name, !merge.ours.contains_key(name)).0;
        let strongest = names.iter().map(disruption).max().max(self.facts.force.pending).unwrap_or_default();
        let is_changed = self.variables(variables) != *variables;
        match strongest {
            _ if self.facts.info.is_none() || is_changed => Some(How::Restart),
            Disruption::None if self.facts.applied != *merge.ours => Some(How::Reload),
            Disruption::None => (!self.facts.force.is_enabled).then_some(How::Enable),
            Disruption::Reload => Some(How::Reload),
            _ => Some(How::Restart),
        }
    }
}

/// Which options and variables are to be ours.
#[derive(Clone, Copy, Debug)]
enum Target<'a> {
    Declared,
    /// Those that are there with these changes.
    Changed(&'a [Change]),
    Nothing,
}

impl Target<'_> {
    fn of(self, declared: &Merge<'_>, variables: &Variables, there: &Variables) -> (Options, Variables) {
        match self {
            Self::Declared => (declared.ours.clone(), variables.clone()),
            Self::Nothing => (Options::new(), Variables::new()),
            Self::Changed(changes) => {
                let names = declared.names();
                let owned = declared.found.iter().filter(|(name, _)| names.contains(name.as_str()));
                let owned: Options = owned.map(|(name, value)| (name.clone(), value.clone())).collect();
                let plainly = crate::attributes! { OPTIONS: declared.ours.clone(), VARIABLES: variables };
                let declare = |change: &Change| Change { after: at(&plainly, change).cloned(), ..change.clone() };
                let changes: Vec<_> = changes.iter().map(declare).collect();
                let mut all = made(&crate::attributes! { OPTIONS: owned, VARIABLES: there }, &changes);
                let mut take = |name: &str| match all.remove(name) {
                    Some(Value::Object(map)) => map,
                    _ => Options::new(),
                };
                let options = take(OPTIONS);
                let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
                (options, take(VARIABLES).into_iter().filter_map(text).collect())
            }
        }
    }

    /// Whether it changes an option.
    fn is_about(self, option: &str) -> bool {
        let is_it = |change: &Change| change.path.keys().get(1).is_none_or(|key| key == option);
        match self {
            Self::Declared | Self::Nothing => true,
            Self::Changed(changes) => changes.iter().any(|change| change.path.starts_with(OPTIONS) && is_it(change)),
        }
    }
}

/// Options as attributes: secrets among them are covered.
pub(crate) fn shown(options: &Options) -> Value {
    cover::sealed(&Value::Object(options.clone()))
}

fn shown_variables(variables: &Variables) -> Value {
    cover::sealed(&crate::value::json!(variables))
}

/// What attributes say at the place of a change.
fn at<'a>(attributes: &'a Attributes, change: &Change) -> Option<&'a Value> {
    let (first, inner) = change.path.keys().split_first()?;
    inner.iter().try_fold(attributes.get(first)?, |value, key| value.get(key))
}

/// Options that the engine there does not know are found before anything is changed.
fn fits(facts: &Facts, ours: &Options) -> Result<(), Failure> {
    let Some(version) = facts.engine_version() else { return Ok(()) };
    let refusals = ours.keys().filter_map(|name| options::refusal(name, &version));
    match refusals.collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        all => Err(Failure::new(format!("engine {version}: {}; nothing was changed", all.join("; ")))),
    }
}

fn found(facts: &Facts, reach: &Reach) -> Result<Options, String> {
    match &facts.options {
        Some(Ok(found)) => Ok(found.clone().unwrap_or_default()),
        Some(Err(why)) => {
            Err(format!("/etc/docker/daemon.json on {} is not JSON ({why}); correct or remove it there", reach.name))
        }
        None => Ok(Options::new()),
    }
}

/// `3 containers restart`.
pub(super) fn stops(containers: u64) -> String {
    match containers {
        0 => "no container runs".to_owned(),
        1 => "1 container restarts".to_owned(),
        n => format!("{n} containers restart"),
    }
}

fn restarts(observed: &Attributes) -> Impact {
    let text = match observed.get("live-restore") {
        Some(Value::Bool(true)) => "containers keep running".to_owned(),
        _ => stops(observed.get("containers").and_then(Value::as_u64).unwrap_or(0)),
    };
    Impact::InPlace(Disruption::Restart, Some(format!("restarts the engine, {text}")))
}

#[async_trait]
impl Resource for Daemon {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.reach.name.as_str())
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        let (name, inner) = match change.path.keys() {
            [kind, name, inner @ ..] if kind == OPTIONS => (name, inner),
            [kind, ..] if kind == VARIABLES => return restarts(observed),
            [kind] if kind == ENABLED => {
                return Impact::InPlace(Disruption::None, Some("starts the engine with the machine".to_owned()));
            }
            _ => return Impact::InPlace(Disruption::None, Some("starts the engine".to_owned())),
        };
        let removed = inner.is_empty() && change.after.is_none();
        if let Some(version) = self.judging_version(observed).filter(|_| !removed)
            && let Some(why) = options::refusal(name, &version)
        {
            return Impact::Refused(format!("engine {version}: {why}"));
        }
        let cut_short = observed.get(PENDING).is_some_and(|how| how == Disruption::Restart.as_str());
        match options::disruption(name, removed) {
            (Disruption::Reload, _) if !cut_short => {
                Impact::InPlace(Disruption::Reload, Some("reloads the engine".to_owned()))
            }
            (Disruption::DataLoss, what) => Impact::InPlace(Disruption::DataLoss, what.map(str::to_owned)),
            _ => restarts(observed),
        }
    }

    fn deletion(&self) -> Disruption {
        Disruption::Restart
    }

    async fn read(&self, cx: &Context) -> Observation {
        self.look(cx).await.map_or_else(Observation::Unreadable, Observation::Present)
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.apply(cx, Target::Declared).await?;
        self.look(cx).await.map_err(Failure::new)
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        self.apply(cx, Target::Changed(changes)).await?;
        self.look(cx).await.map_err(Failure::new)
    }

    /// Takes our options back; the engine itself belongs to its packages.
    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.apply(cx, Target::Nothing).await
    }
}
