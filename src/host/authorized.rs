//! `host.authorized-keys`: the keys that the Machinefile lets in, on a machine that is there.
//!
//! cloud-init lets them in at the first boot and never again. The machine keeps a list of those that are ours, so that one
//! that leaves the Machinefile is no longer let in and one that somebody else put there stays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::host::facts::Facts;
use crate::host::reach::Reach;
use crate::id::{Kind, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::Command;
use crate::value::Attributes;

pub(crate) const KIND: Kind = "host.authorized-keys";

const SCRIPT: &str = include_str!("authorized.sh");
/// Characters of a key that tell it from others.
const TAIL: usize = 12;

#[derive(Debug)]
pub(crate) struct Authorized {
    id: ResourceId,
    reach: Arc<Reach>,
    parents: Vec<Parent>,
    lines: Vec<String>,
    desired: Attributes,
}

impl Authorized {
    pub(crate) fn new(reach: &Arc<Reach>, lines: &[String]) -> Self {
        Self {
            id: ResourceId::new(KIND, &reach.name),
            parents: vec![Parent::within(reach.id.clone()), Parent::after(reach.key().clone())],
            reach: Arc::clone(reach),
            lines: lines.to_vec(),
            desired: attributes(lines.iter().map(String::as_str)),
        }
    }

    /// A handle to keys that the Machinefile no longer speaks of.
    pub(crate) fn left(reach: &Arc<Reach>, parent: Parent) -> Self {
        Self { parents: vec![parent], ..Self::new(reach, &[]) }
    }

    async fn write(&self, cx: &Context, lines: &[String]) -> Result<(), Failure> {
        // The project's own key stays whatever the Machinefile says of it.
        let own = cx.output(self.reach.key(), "public-key").and_then(|key| key.as_str().map(str::to_owned));
        let arguments = std::iter::once(own.unwrap_or_default()).chain(lines.iter().cloned());
        let command = Command::script(SCRIPT, arguments).timeout(Duration::from_secs(30));
        let output = self.reach.run_quietly(cx, command).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new("`authorized_keys` could not be written").detail(&output.stderr))
    }
}

/// Type and key of a line; the comment after them does not count.
fn body(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?))
}

/// What a plan calls a key.
fn label(line: &str) -> Option<String> {
    let (kind, key) = body(line)?;
    let tail = key.trim_end_matches('=');
    Some(format!("{kind} …{}", &tail[tail.len().saturating_sub(TAIL)..]))
}

fn attributes<'a>(lines: impl Iterator<Item = &'a str>) -> Attributes {
    let keys: BTreeMap<_, _> = lines.filter_map(|line| Some((label(line)?, "let in"))).collect();
    attributes! { "keys": keys }
}

/// Those of ours that are let in; `None` where none ever was.
pub(crate) fn observed(facts: &Facts) -> Option<Attributes> {
    let is_in = |line: &&String| facts.authorized.iter().any(|other| body(other) == body(line));
    let ours = facts.granted.iter().filter(is_in).map(String::as_str);
    (!facts.granted.is_empty()).then(|| attributes(ours))
}

#[async_trait]
impl Resource for Authorized {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.reach.facts(cx).await {
            Ok(facts) => observed(&facts).map_or(Observation::Absent, Observation::Present),
            Err(why) => Observation::Unreadable(why),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.write(cx, &self.lines).await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.write(cx, &[]).await
    }
}
