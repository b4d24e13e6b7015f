//! The engine's packages.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::desired;
use crate::host::engine::release::{ENGINES, Release};
use crate::host::engine::variables;
use crate::host::facts::{Facts, Package};
use crate::host::reach::Reach;
use crate::id::{Kind, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, concerns};
use crate::transport::{Command, Output};
use crate::value::{Attributes, Value, plain};

pub(crate) const KIND: Kind = "engine.package";

const INSTALL: &str = concat!(include_str!("../lock.sh"), include_str!("install.sh"));

/// Downloads included; other package managers may be at work first.
const LIMIT: Duration = Duration::from_mins(20);
const LOCK: Duration = Duration::from_mins(5);

/// No version that begins as wanted is offered.
const NOT_OFFERED: i32 = 10;

const VERSION: &str = "version";
/// Whether other package managers leave the engine in its version.
const HELD: &str = "held";

const HOLD: &str = r#"apt-mark hold "$@" </dev/null 2>&1"#;

const REMOVE: &str = r#"
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
apt-mark unhold "$@" >/dev/null 2>&1
exec apt-get -q -o DPkg::Lock::Timeout=300 remove -y "$@" </dev/null 2>&1
"#;

#[derive(Debug)]
pub(crate) struct Packages {
    id: ResourceId,
    reach: Arc<Reach>,
    version: Option<String>,
    proxy: desired::Proxy,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Packages {
    /// `compose` says whether `docker compose` has to be there too. What the engine keeps may lie on the disks it is `after`.
    pub(crate) fn new(reach: &Arc<Reach>, engine: &desired::Engine, compose: bool, after: &[ResourceId]) -> Self {
        let mut desired = attributes! { "installed": true };
        let disks = after.iter().map(|disk| Parent::after(disk.clone()));
        if compose {
            desired.insert("compose".to_owned(), true.into());
        }
        if let Some(version) = &engine.version {
            desired.insert(VERSION.to_owned(), version.as_str().into());
            desired.insert(HELD.to_owned(), true.into());
        }
        Self {
            id: ResourceId::new(KIND, &reach.name),
            parents: std::iter::once(Parent::within(reach.id.clone())).chain(disks).collect(),
            version: engine.version.clone(),
            proxy: engine.proxy.clone(),
            desired,
            reach: Arc::clone(reach),
        }
    }

    /// `None` when there is no engine at all.
    fn seen(&self, facts: &Facts) -> Option<Attributes> {
        let package = installed(facts);
        let exact = package.map(|package| package.version.clone()).or_else(|| facts.engine_version())?;
        let wanted = self.version.as_deref().filter(|wanted| is_version(&exact, wanted));
        let mut seen = attributes! {
            "installed": true,
            "compose": facts.compose.is_some(),
            VERSION: wanted.unwrap_or(&exact),
            "exact-version": exact.as_str(),
            "containers": running(facts),
            // What no package brought is in no package manager's hands.
            HELD: package.is_none_or(|package| package.held),
        };
        if let Some(package) = package {
            seen.insert("package".to_owned(), package.name.as_str().into());
        }
        Some(seen)
    }

    async fn result(&self, cx: &Context) -> Result<Attributes, Failure> {
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        self.seen(&facts).ok_or_else(|| Failure::new("the packages are installed and there is still no engine"))
    }

    /// An engine that is there keeps its version unless that is to be `moved`.
    async fn install(&self, cx: &Context, moved: bool) -> Result<(), Failure> {
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        let Some(release) = Release::of(&facts) else {
            let system = facts.system();
            return Err(Failure::new(format!("installing the engine on {system} is not supported"))
                .hint(format!("supported: {}; or use an image that has the engine", Release::supported())));
        };
        let there = installed(&facts);
        let engine = there.map_or(release.packages[0], |package| package.name.as_str());
        let version = self.version.as_deref().filter(|_| moved);
        let stays = there.is_some() && !moved;
        let packages = release.packages.iter().filter(|name| **name != release.packages[0] || **name == engine);
        let packages = packages.filter(|name| !stays || **name != engine);
        let wait = self.reach.patiently(cx, LOCK).as_secs().to_string();
        let arguments = [wait.as_str(), version.unwrap_or_default(), engine];
        let arguments: Vec<&str> = arguments.into_iter().chain(packages.copied()).collect();
        cx.progress.say(format!("installing {}", release.packages.join(", ")));
        let output = self
            .reach
            .run(
                cx,
                Command::script(&format!("{}{INSTALL}", variables::exports(&self.proxy)), arguments).timeout(LIMIT),
            )
            .await?;
        if output.success() { Ok(()) } else { Err(self.refusal(engine, &output)) }
    }

    async fn hold(&self, cx: &Context) -> Result<(), Failure> {
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        let Some(package) = installed(&facts) else { return Ok(()) };
        let output = self.reach.run(cx, Command::script(HOLD, [package.name.as_str()])).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!("{} cannot be held in its version", package.name)).detail(&output.stdout))
    }

    fn refusal(&self, engine: &str, output: &Output) -> Failure {
        if output.status != NOT_OFFERED {
            return Failure::new(format!("installing {engine} failed")).detail(&output.stdout);
        }
        let offered: Vec<_> = output.stdout.lines().filter_map(|line| line.strip_prefix("offered: ")).collect();
        let wanted = self.version.as_deref().unwrap_or_default();
        Failure::new(format!("no version of {engine} is {wanted}")).hint(match &offered[..] {
            [] => "the machine's package sources offer none at all".to_owned(),
            offered => format!("offered are: {}", offered.join(", ")),
        })
    }
}

fn installed(facts: &Facts) -> Option<&Package> {
    facts.packages.iter().find(|package| ENGINES.contains(&package.name.as_str()))
}

fn running(facts: &Facts) -> u64 {
    facts.info.as_ref().and_then(|info| info["ContainersRunning"].as_u64()).unwrap_or(0)
}

/// Whether a package version (`5:26.1.5+dfsg1-9`) is the wanted one or begins with it at a whole number: `26.1` is, `26.10` is not.
fn is_version(exact: &str, wanted: &str) -> bool {
    let bare = exact.split_once(':').map_or(exact, |(_, rest)| rest);
    bare.strip_prefix(wanted).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The leading numbers of a version, for ordering: an epoch and what follows the numbers do not count.
fn numbers(version: &str) -> Vec<u64> {
    let bare = version.split_once(':').map_or(version, |(_, rest)| rest);
    let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
    bare[..end].split('.').filter_map(|n| n.parse().ok()).collect()
}

#[async_trait]
impl Resource for Packages {
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

    fn outputs(&self) -> &'static [&'static str] {
        &["exact-version"]
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        if change.path.starts_with(HELD) {
            return Impact::InPlace(Disruption::None, Some("the package is held in its version".to_owned()));
        }
        if change.path.keys().first().is_none_or(|key| key != VERSION) {
            return Impact::InPlace(Disruption::None, None);
        }
        let text = |value: &Option<Value>| value.as_ref().map(plain).unwrap_or_default();
        let (before, after) = (text(&change.before), text(&change.after));
        if numbers(&before) > numbers(&after) {
            return Impact::Refused(format!(
                "a downgrade from {before} to {after}: the engine cannot read newer data; replace the machine, or ask for {before}"
            ));
        }
        let containers = observed.get("containers").and_then(Value::as_u64).unwrap_or(0);
        Impact::InPlace(Disruption::Restart, Some(format!("restarts the engine, {}", super::daemon::stops(containers))))
    }

    fn deletion(&self) -> Disruption {
        Disruption::Restart
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.reach.facts(cx).await {
            Ok(facts) => self.seen(&facts).map_or(Observation::Absent, Observation::Present),
            Err(why) => Observation::Unreadable(why),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.install(cx, true).await?;
        self.result(cx).await
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        if changes.is_empty() || changes.iter().any(|change| !change.path.starts_with(HELD)) {
            self.install(cx, concerns(changes, VERSION)).await?;
        }
        if concerns(changes, HELD) {
            self.hold(cx).await?;
        }
        self.result(cx).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        let Some(package) = installed(&facts) else { return Ok(()) };
        let output = self.reach.run(cx, Command::script(REMOVE, [package.name.as_str()])).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!("removing {} failed", package.name)).detail(&output.stdout))
    }
}

#[cfg(test)]
mod tests {
    use super::{is_version, numbers};

    #[test]
    fn a_pin_is_the_beginning_of_a_version_up_to_a_whole_number() {
        assert!(is_version("26.1.5+dfsg1-9+deb13u1", "26.1"));
        assert!(is_version("5:28.2.2-1~debian.13~trixie", "28.2.2"));
        assert!(is_version("26.1.5+dfsg1-9", "26.1.5+dfsg1-9"));
        assert!(!is_version("26.10.1-1", "26.1"));
        assert!(!is_version("20.10.24+dfsg1-1", "26"));
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        assert!(numbers("26.1.5+dfsg1-9") > numbers("20.10"));
        assert!(numbers("26.1") < numbers("28"));
        assert_eq!(numbers("5:28.2.2-1~debian"), [28, 2, 2]);
    }
}
