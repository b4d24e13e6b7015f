//! `host.registries`: the logins at registries that the machine pulls images with.
//!
//! They are where `docker login` puts them for root, who runs what is ours: `~/.docker/config.json`, which only root reads.
//! Logins that somebody else put there stay. What a password is is compared and never told: attributes say who logs in, and
//! whether with the password that is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::Map;

use crate::attributes;
use crate::desired::Registry;
use crate::host::facts::{Facts, JsonFile};
use crate::host::reach::Reach;
use crate::id::{Kind, Name, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::Command;
use crate::value::{Attributes, Value, json};

pub(crate) const KIND: Kind = "host.registries";

const SCRIPT: &str = include_str!("registries.sh");

/// What Docker's own registry is called in the file.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// Root's `~/.docker/config.json`, and which registries in it are ours.
#[derive(Clone, Default)]
pub(crate) struct Logins {
    file: Map<String, Value>,
    /// Why the file cannot be read.
    broken: Option<String>,
    ours: BTreeSet<String>,
}

/// Nothing of what it holds.
impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("ours", &self.ours).finish_non_exhaustive()
    }
}

impl Logins {
    pub(crate) fn new(file: JsonFile, ours: &str) -> Self {
        let (file, broken) = match file {
            Ok(file) => (file.unwrap_or_default(), None),
            Err(why) => (Map::new(), Some(why)),
        };
        Self { file, broken, ours: ours.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect() }
    }

    fn login(&self, address: &str) -> Option<&str> {
        self.file.get("auths")?.get(key(address))?.get("auth")?.as_str()
    }

    /// The program that logins at this registry are asked from instead of the file.
    fn helper(&self, address: &str) -> Option<&str> {
        let own = self.file.get("credHelpers").and_then(|helpers| helpers[key(address)].as_str());
        own.or_else(|| self.file.get("credsStore")?.as_str())
    }

    /// The file without what is ours, and with these.
    fn with(&self, logins: &BTreeMap<String, String>) -> Map<String, Value> {
        let mut file = self.file.clone();
        let mut auths = file.remove("auths").and_then(|auths| auths.as_object().cloned()).unwrap_or_default();
        auths.retain(|address, _| !self.ours.iter().any(|ours| key(ours) == address));
        auths.extend(logins.iter().map(|(address, login)| (key(address).to_owned(), json!({ "auth": login }))));
        if !auths.is_empty() {
            file.insert("auths".to_owned(), auths.into());
        }
        file
    }
}

fn key(address: &str) -> &str {
    if address == HUB.0 { HUB.1 } else { address }
}

/// Who logs in, of a login as the file holds it.
fn username(login: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(login).ok()?).ok()?;
    Some(text.split_once(':')?.0.to_owned())
}

#[derive(Debug)]
pub(crate) struct Registries {
    id: ResourceId,
    reach: Arc<Reach>,
    parents: Vec<Parent>,
    wanted: Vec<Registry>,
    desired: Attributes,
}

/// The resource that logs a machine in.
pub(crate) fn id(machine: &Name) -> ResourceId {
    ResourceId::new(KIND, machine)
}

impl Registries {
    pub(crate) fn new(reach: &Arc<Reach>, wanted: &[Registry]) -> Self {
        let logins: BTreeMap<_, _> = wanted.iter().map(|r| (r.address.as_str(), r.username.as_str())).collect();
        Self {
            id: id(&reach.name),
            parents: vec![Parent::within(reach.id.clone())],
            reach: Arc::clone(reach),
            wanted: wanted.to_vec(),
            desired: attributes! { "logins": logins },
        }
    }

    /// A handle to logins that the Machinefile no longer speaks of.
    pub(crate) fn left(reach: &Arc<Reach>, parent: Parent) -> Self {
        Self { parents: vec![parent], ..Self::new(reach, &[]) }
    }

    /// Each login as the file holds it.
    async fn reveal(&self) -> Result<BTreeMap<String, String>, String> {
        let mut logins = BTreeMap::new();
        for registry in &self.wanted {
            let password = self.reach.password(&registry.password).await;
            let password = password.map_err(|why| format!("the password of registry {}: {why}", registry.address))?;
            let login = STANDARD.encode(format!("{}:{}", registry.username, password.expose_secret()));
            logins.insert(registry.address.clone(), login);
        }
        Ok(logins)
    }

    async fn seen(&self, cx: &Context) -> Result<Option<Attributes>, String> {
        let facts = self.reach.facts(cx).await?;
        if let Some(why) = &facts.logins.broken {
            return Err(format!("~/.docker/config.json of root on {} is not JSON: {why}", self.reach.name));
        }
        Ok(observed(&facts, &self.reveal().await?))
    }

    async fn write(&self, cx: &Context, logins: &BTreeMap<String, String>) -> Result<(), Failure> {
        // Somebody may have logged in since the plan was made.
        self.reach.forget();
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        if let Some(why) = &facts.logins.broken {
            let why = format!("~/.docker/config.json of root on {} is not JSON: {why}", self.reach.name);
            return Err(Failure::new(why).hint("correct or remove it there"));
        }
        if let Some((address, helper)) = logins.keys().find_map(|a| Some((a, facts.logins.helper(a)?))) {
            let why = format!("logins at {address} are asked from `docker-credential-{helper}` on {}", self.reach.name);
            return Err(Failure::new(why).hint(
                "take `credsStore` or `credHelpers` out of ~/.docker/config.json of root there, or the registry out of the Machinefile",
            ));
        }
        let file = Value::from(facts.logins.with(logins)).to_string();
        let length = file.len().to_string();
        let words = ["sh", "-c", SCRIPT, "machine", &length].into_iter().chain(logins.keys().map(String::as_str));
        let command = Command::new(words).stdin(file).timeout(Duration::from_secs(30));
        let output = self.reach.run_quietly(cx, command).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new("the logins could not be written").detail(&output.stderr))
    }
}

/// Those of ours that are there; `None` where none ever was.
pub(crate) fn observed(facts: &Facts, wanted: &BTreeMap<String, String>) -> Option<Attributes> {
    let ours = &facts.logins.ours;
    let login = |address: &String| {
        let there = facts.logins.login(address)?;
        let who = username(there).unwrap_or_else(|| "nobody".to_owned());
        let is_other = wanted.get(address).is_some_and(|wanted| wanted != there);
        // Another user with another password is told as such; of the same user only that the password differs.
        let is_same_user = wanted.get(address).and_then(|wanted| username(wanted)) == Some(who.clone());
        let told = if is_other && is_same_user { format!("{who} with another password") } else { who };
        Some((address.clone(), told))
    };
    let logins: BTreeMap<_, _> = ours.iter().filter_map(login).collect();
    (!ours.is_empty()).then(|| attributes! { "logins": logins })
}

#[async_trait]
impl Resource for Registries {
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

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.seen(cx).await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(why) => Observation::Unreadable(why),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let logins = self.reveal().await.map_err(Failure::new)?;
        self.write(cx, &logins).await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.write(cx, &BTreeMap::new()).await
    }
}
