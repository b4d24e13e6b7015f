//! The running engine and its options.
//!
//! Options are merged by key between what the Machinefile says, what we wrote last (kept on the machine itself) and what is
//! there, so that keys made by hand survive and keys that left the Machinefile go.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Map;

use crate::cover;
use crate::desired;
use crate::host::engine::options::{self, Merge};
use crate::host::facts::Facts;
use crate::host::reach::Reach;
use crate::id::{Kind, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, made};
use crate::transport::{Command, Output, quote};
use crate::value::{Attributes, Value};

pub(crate) const KIND: Kind = "engine.daemon";

const APPLY: &str = concat!(include_str!("../lock.sh"), include_str!("apply.sh"));

const OPTIONS: &str = "options";

/// How long an engine may take to answer, on hardware.
const ANSWER: Duration = Duration::from_mins(1);

/// Exit statuses of the script.
const REFUSED: i32 = 10;
const ROLLED_BACK: i32 = 11;

#[derive(Debug)]
pub(crate) struct Daemon {
    id: ResourceId,
    reach: Arc<Reach>,
    options: Map<String, Value>,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Daemon {
    pub(crate) fn new(reach: &Arc<Reach>, engine: &desired::Engine) -> Self {
        let options: Map<_, _> = engine.options.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self {
            id: ResourceId::new(KIND, &reach.name),
            parents: vec![Parent::within(ResourceId::new(super::package::KIND, &reach.name))],
            desired: crate::attributes! { OPTIONS: shown(&options), "running": true },
            options,
            reach: Arc::clone(reach),
        }
    }

    /// An engine with options of ours that the Machinefile no longer speaks of.
    pub(crate) fn left(reach: &Arc<Reach>, parent: Parent) -> Self {
        Self {
            id: ResourceId::new(KIND, &reach.name),
            reach: Arc::clone(reach),
            options: Map::new(),
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
        let merge = Merge { ours: &self.options, applied: &facts.applied, found: &found };
        let info = facts.info.as_ref();
        let count = |key: &str| info.and_then(|info| info[key].as_u64()).unwrap_or(0);
        let mut seen = crate::attributes! {
            OPTIONS: shown(&merge.owned()),
            "running": info.is_some(),
            "containers": count("ContainersRunning"),
            "live-restore": info.is_some_and(|info| info["LiveRestoreEnabled"] == true),
        };
        if let Some(version) = facts.engine_version() {
            seen.insert("version".to_owned(), version.into());
        }
        Ok(seen)
    }

    async fn apply(&self, cx: &Context, target: Target<'_>) -> Result<(), Failure> {
        self.reach.forget();
        let facts = self.facts(cx).await.map_err(Failure::new)?;
        let found = found(&facts, &self.reach).map_err(Failure::new)?;
        let merge = Merge { ours: &self.options, applied: &facts.applied, found: &found };
        let ours = target.of(&merge);
        let merge = Merge { ours: &ours, ..merge };
        let running = facts.info.is_some();
        let changed = merge.merged() != found || facts.applied != ours;
        if running && !changed {
            return Ok(());
        }
        let how = if running && merge.disruption() <= Disruption::Reload { "reload" } else { "restart" };
        cx.progress.say(if how == "reload" { "reloading the engine" } else { "restarting the engine" });
        let limit = self.reach.patiently(cx, ANSWER);
        let command = script(&merge, how, limit).timeout(7 * ANSWER);
        let output = self.reach.run_quietly(cx, command).await?;
        if output.success() { Ok(()) } else { Err(refusal(&merge, &output)) }
    }
}

/// Which options are to be ours.
#[derive(Clone, Copy, Debug)]
enum Target<'a> {
    Declared,
    /// Those that are there with these changes.
    Changed(&'a [Change]),
    Nothing,
}

impl Target<'_> {
    fn of(self, declared: &Merge<'_>) -> Map<String, Value> {
        match self {
            Self::Declared => declared.ours.clone(),
            Self::Nothing => Map::new(),
            Self::Changed(changes) => {
                let declare = |change: &Change| Change { after: declared_at(declared.ours, change), ..change.clone() };
                let changes: Vec<_> = changes.iter().map(declare).collect();
                let mut all = made(&crate::attributes! { OPTIONS: declared.owned() }, &changes);
                match all.remove(OPTIONS) {
                    Some(Value::Object(options)) => options,
                    _ => Map::new(),
                }
            }
        }
    }
}

/// Options as attributes: secrets among them are covered.
pub(crate) fn shown(options: &Map<String, Value>) -> Value {
    cover::sealed(&Value::Object(options.clone()))
}

/// What the Machinefile says at the place of a change, secrets included.
fn declared_at(options: &Map<String, Value>, change: &Change) -> Option<Value> {
    let [_, name, inner @ ..] = change.path.keys() else { return None };
    inner.iter().try_fold(options.get(name)?, |value, key| value.get(key)).cloned()
}

/// The script with its three texts in front.
fn script(merge: &Merge<'_>, how: &str, limit: Duration) -> Command {
    let json =
        |options: &Map<String, Value>| quote::quote(&serde_json::to_string_pretty(options).expect("a map is JSON"));
    let texts = format!("new={}\neither={}\nours={}\n", json(&merge.merged()), json(&merge.either()), json(merge.ours));
    Command::script(&format!("{texts}{APPLY}"), [how.to_owned(), limit.as_secs().to_string()])
}

fn refusal(merge: &Merge<'_>, output: &Output) -> Failure {
    let said = output.stdout.as_str();
    let changed = merge.changed();
    let named: Vec<_> = changed.iter().filter(|name| said.contains(name.as_str())).collect();
    let guilty = if named.is_empty() { changed.iter().collect() } else { named };
    let options = guilty.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let failure = match output.status {
        REFUSED => Failure::new(format!("the engine refuses option {options}; nothing was changed")),
        ROLLED_BACK => {
            Failure::new(format!("the engine does not start with option {options}; the old options are back in force"))
        }
        _ => Failure::new("the engine's options could not be put in force"),
    };
    failure
        .detail(&said.lines().map(readable).collect::<Vec<_>>().join("\n"))
        .hint("correct `engine.options` in the Machinefile")
}

/// A line of the daemon's log without what only machines read.
fn readable(line: &str) -> &str {
    match line.split_once("msg=\"") {
        Some((_, message)) => message.strip_suffix('"').unwrap_or(message),
        None => line,
    }
}

fn found(facts: &Facts, reach: &Reach) -> Result<Map<String, Value>, String> {
    match &facts.options {
        Some(Ok(found)) => Ok(found.clone().unwrap_or_default()),
        Some(Err(why)) => {
            Err(format!("/etc/docker/daemon.json on {} is not JSON ({why}); correct or remove it there", reach.name))
        }
        None => Ok(Map::new()),
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
        let [kind, name, inner @ ..] = change.path.keys() else {
            return Impact::InPlace(Disruption::None, Some("starts the engine".to_owned()));
        };
        debug_assert_eq!(kind, OPTIONS);
        let removed = inner.is_empty() && change.after.is_none();
        let text = match options::disruption(name, removed) {
            (Disruption::Reload, _) => {
                return Impact::InPlace(Disruption::Reload, Some("reloads the engine".to_owned()));
            }
            (Disruption::DataLoss, what) => return Impact::InPlace(Disruption::DataLoss, what.map(str::to_owned)),
            _ if observed.get("live-restore") == Some(&Value::Bool(true)) => "containers keep running".to_owned(),
            _ => stops(observed.get("containers").and_then(Value::as_u64).unwrap_or(0)),
        };
        Impact::InPlace(Disruption::Restart, Some(format!("restarts the engine, {text}")))
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
