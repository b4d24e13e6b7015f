//! `docker.container/<machine>`: the running machine.

use async_trait::async_trait;
use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::ListContainersOptionsBuilder;

use crate::desired;
use crate::id::ResourceId;
use crate::provider::docker::create::{Blueprint, Limits, start};
use crate::provider::docker::engine::{Engine, failure};
use crate::provider::docker::found::{Found, PERIOD, find, names};
use crate::provider::docker::image::Recipe;
use crate::provider::docker::isolation::{self, Isolation};
use crate::provider::docker::plan::Plan;
use crate::provider::docker::seed::{self, Record};
use crate::provider::docker::{CONTAINER, Docker, execute, label, network, power, rebuild, volume};
use crate::provider::qemu::access;
use crate::provider::{claims, output};
use crate::resource::{
    Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Source, Text, concerns, diff, mark,
};
use crate::value::{Attributes, Value, json};

#[derive(Debug)]
pub(super) struct Container {
    id: ResourceId,
    parents: Vec<Parent>,
    place: Docker,
    /// `None` for a machine that is only there to be deleted.
    wanted: Option<Wanted>,
    desired: Attributes,
}

#[derive(Debug)]
struct Wanted {
    machine: desired::Machine,
    recipe: Recipe,
    plan: Plan,
    limits: Limits,
}

impl Container {
    pub(super) fn new(place: &Docker, machine: &desired::Machine, recipe: Recipe) -> Self {
        let plan = Plan::of(&place.setup, machine, &recipe);
        let ram = i64::try_from(machine.resources.ram).unwrap_or(i64::MAX);
        let limits = Limits { ram, cpus: i64::from(machine.resources.cpus) };
        let mut desired = plan.attributes();
        desired.extend(crate::attributes! {
            "ram": limits.ram,
            "cpus": limits.cpus,
            "seed": seed::inputs(machine),
            "hostname": machine.name.as_str(),
            "joined": network::name(place),
        });
        desired.extend(mark::attributes(machine.protect.is_some(), &machine.tags));
        desired.insert(output::POWER.into(), json!("running"));
        // Who logs in with another key has ours let in over SSH.
        if machine.ssh.identity.is_none() && !machine.ssh.agent {
            desired.insert(access::ATTRIBUTE.into(), json!(access::LET_IN));
        }
        if let Some(privileged) = place.setup.settings.privileged {
            desired.insert("privileged".into(), json!(privileged));
        }
        let name = machine.name.as_str();
        let mut parents = parents(place, name, plan.disks.keys().map(String::as_str));
        parents.extend([Parent::uses(recipe.id()), Parent::after(place.setup.key.clone())]);
        let wanted = Some(Wanted { machine: machine.clone(), recipe, plan, limits });
        Self { id: ResourceId::new(CONTAINER, name), parents, place: place.clone(), wanted, desired }
    }

    /// The disks among `attributes` say what is to be deleted after it.
    pub(super) fn revived(place: &Docker, machine: &str, attributes: &Attributes) -> Self {
        let disks = attributes.get("disks").and_then(Value::as_object);
        let disks = disks.into_iter().flat_map(|disks| disks.keys().map(String::as_str));
        Self {
            id: ResourceId::new(CONTAINER, machine),
            parents: parents(place, machine, disks),
            place: place.clone(),
            wanted: None,
            desired: Attributes::new(),
        }
    }

    async fn find(&self) -> Result<Option<Found>, Failure> {
        Box::pin(find(&self.place.setup, self.place.setup.engine().await?, &self.id)).await
    }

    /// What is there, after what was cut short has been finished or taken back.
    async fn recover(&self, engine: &Engine) -> Result<Option<Found>, Failure> {
        let [name, _] = names(&self.place.setup, self.id.name());
        let Some(found) = self.find().await? else { return Ok(None) };
        // It was to take the place of another that is gone, or its machine has another name now.
        if found.name != name {
            rebuild::take_over(engine, &found.name, &name).await?;
            return self.find().await;
        }
        if found.seed.is_none() && found.power == "stopped" {
            isolation::remove(engine, &name).await?;
            return Ok(None);
        }
        Ok(Some(found))
    }

    /// Brings the machine to what it should be from wherever it is.
    async fn converge(&self, changes: Option<&[Change]>, cx: &Context) -> Result<Attributes, Failure> {
        let wanted = self.wanted.as_ref().ok_or_else(|| Failure::new("nothing says what it should be"))?;
        let engine = self.place.setup.engine().await?;
        match (self.recover(engine).await?, changes) {
            (None, _) => self.make(wanted, engine, cx).await?,
            (Some(found), None) => {
                let changes = diff(&self.desired, &self.seen(&found, cx));
                self.change(wanted, &changes, found, engine, cx).await?;
            }
            (Some(found), Some(changes)) => self.change(wanted, changes, found, engine, cx).await?,
        }
        let found = self.find().await?.ok_or_else(|| Failure::new(format!("{} vanished", self.id)))?;
        Ok(self.seen(&found, cx))
    }

    async fn make(&self, wanted: &Wanted, engine: &Engine, cx: &Context) -> Result<(), Failure> {
        let [name, _] = names(&self.place.setup, self.id.name());
        let image = wanted.recipe.obtain(&self.place.setup, engine, cx).await?;
        cx.progress.say(format!("starting {}", self.id.name()));
        let record = Record::new(cx, self.id.as_str())?;
        let record = record.marked(&wanted.machine, &diff(&self.desired, &Attributes::new()));
        let base = self.place.setup.base(engine, self.id.name()).await?;
        let blueprint = Blueprint {
            id: &self.id,
            base: &base,
            plan: &wanted.plan,
            isolation: isolation::choose(&self.place.setup, engine, &image, &self.id).await?,
            image,
            host_key: record.public_host_key()?,
            limits: wanted.limits,
        };
        blueprint.make(&self.place, engine, &name).await?;
        self.seed(record, wanted, engine, &name, cx).await?;
        start(engine, &name, self.id.name()).await
    }

    async fn seed(
        &self,
        record: Record,
        wanted: &Wanted,
        engine: &Engine,
        name: &str,
        cx: &Context,
    ) -> Result<(), Failure> {
        let public = self.project_key(cx);
        let public = public.ok_or_else(|| Failure::new(format!("{} shows no public key", self.place.setup.key)))?;
        record.write(engine, name, &wanted.machine, public).await
    }

    fn project_key(&self, cx: &Context) -> Option<String> {
        cx.output(&self.place.setup.key, "public-key")?.as_str().map(str::to_owned)
    }

    fn seen(&self, found: &Found, cx: &Context) -> Attributes {
        found.seen(self.project_key(cx).as_deref())
    }

    /// Brings the seed up to date, and lets a new key of the project in at once: cloud-init would at the next start.
    async fn reseed(&self, wanted: &Wanted, found: &Found, engine: &Engine, cx: &Context) -> Result<(), Failure> {
        let Some(record) = found.seed.clone() else { return Ok(()) };
        let key = self.project_key(cx);
        let known = record.project_key == key;
        let is_called = found.host_name() == wanted.machine.name.as_str();
        if known && is_called && record.inputs == seed::inputs(&wanted.machine) {
            return Ok(());
        }
        if let Some(key) = key.filter(|_| !known && found.power == "running") {
            let user = wanted.machine.ssh.user.as_str();
            execute::run(engine, &found.name, ["sh", "-c", access::SCRIPT, "sh", user, &key]).await?;
        }
        self.seed(record, wanted, engine, &found.name, cx).await
    }

    async fn change(
        &self,
        wanted: &Wanted,
        changes: &[Change],
        mut found: Found,
        engine: &Engine,
        cx: &Context,
    ) -> Result<(), Failure> {
        let [name, _] = names(&self.place.setup, self.id.name());
        let is_mark = |change: &&Change| [mark::PROTECT, mark::TAGS].iter().any(|mark| change.path.starts_with(mark));
        if let Some(record) = found.seed.take() {
            let marked = record.marked(&wanted.machine, changes);
            if changes.iter().any(|change| is_mark(&change)) {
                marked.keep(engine, &found.name).await?;
            }
            found.seed = Some(marked);
        }
        if !changes.is_empty() && changes.iter().all(|change| is_mark(&change)) {
            return Ok(());
        }
        if ["seed", "hostname", access::ATTRIBUTE].iter().any(|attribute| concerns(changes, attribute)) {
            self.reseed(wanted, &found, engine, cx).await?;
        }
        let asked = self.place.setup.settings.privileged.filter(|_| concerns(changes, "privileged"));
        let asked = asked.map_or(found.isolation, Isolation::of);
        let plan = found.plan.with(&wanted.plan, changes);
        let limits = Limits {
            ram: found.ram.filter(|_| !concerns(changes, "ram")).unwrap_or(wanted.limits.ram),
            cpus: found.cpus.filter(|_| !concerns(changes, "cpus")).unwrap_or(wanted.limits.cpus),
        };
        // A container keeps to the network it was made on, even when there is another one of that name.
        let stray = found.power == "stopped" && found.network != network::id(&self.place, engine).await?;
        if found.plan != plan || found.isolation != asked || stray || concerns(changes, "joined") {
            let blueprint = Blueprint {
                id: &self.id,
                base: &found.base,
                plan: &plan,
                image: String::new(),
                isolation: asked,
                host_key: found.host_key.clone(),
                limits,
            };
            rebuild::rebuild(&self.place, engine, blueprint, cx).await?;
            return start(engine, &name, self.id.name()).await;
        }
        if (found.ram, found.cpus) != (Some(limits.ram), Some(limits.cpus)) {
            limit(engine, &name, limits).await?;
        }
        power::run(engine, &found, self.id.name(), cx).await
    }

    /// Everything at the engine that is of this machine and is no volume.
    async fn remove(&self, engine: &Engine, cx: &Context) -> Result<(), Failure> {
        let keeps = self.find().await?.is_some_and(|found| !found.plan.disks.is_empty());
        let base = self.place.setup.base(engine, self.id.name()).await?;
        let filter = label::filter(&base.owner, &base.provider);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filter);
        let containers = engine.list_containers(Some(options.build())).await.map_err(failure)?;
        for container in containers {
            if label::base(container.labels.as_ref()).as_ref() != Some(&base) {
                continue;
            }
            let Some(id) = container.id else { continue };
            // A disk may be kept: what programs have yet to write to it must not be lost.
            if keeps {
                power::stop(engine, &id, self.id.name(), cx).await?;
            }
            isolation::remove(engine, &id).await?;
        }
        rebuild::sweep_images(engine, &base).await?;
        self.place.setup.sweep_deeds(engine, self.id.name()).await
    }
}

async fn limit(engine: &Engine, name: &str, limits: Limits) -> Result<(), Failure> {
    let body = ContainerUpdateBody {
        memory: Some(limits.ram),
        memory_swap: Some(limits.ram),
        cpu_period: Some(PERIOD),
        cpu_quota: Some(limits.quota()),
        ..ContainerUpdateBody::default()
    };
    engine.update_container(name, body).await.map_err(|error| {
        let failure = failure(error);
        if failure.message.contains("device or resource busy") {
            failure.hint("the machine uses more memory than that now: stop something in it, or restart it")
        } else {
            failure
        }
    })
}

fn parents<'a>(place: &Docker, machine: &str, disks: impl Iterator<Item = &'a str>) -> Vec<Parent> {
    let mut parents: Vec<_> = disks.map(|disk| Parent::after(volume::disk_id(machine, disk))).collect();
    parents.extend([Parent::after(volume::store_id(machine)), Parent::after(place.setup.network_id())]);
    parents
}

#[async_trait]
impl Resource for Container {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.id.name())
    }

    fn claims(&self, attributes: &Attributes) -> Vec<String> {
        claims(attributes)
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn renaming(&self) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn moves_together(&self) -> bool {
        true
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        let is = |state: &str| observed.get(output::POWER).is_some_and(|power| power == state);
        let text = match change.path.keys().first().map_or("", String::as_str) {
            "image" => return Impact::Replace(Disruption::DataLoss),
            "ram" | "cpus" | mark::PROTECT | mark::TAGS => return Impact::InPlace(Disruption::None, None),
            access::ATTRIBUTE => "lets the project's new key in",
            "seed" if change.path.starts_with("seed.user") => {
                let was = change.before.as_ref().and_then(Value::as_str).unwrap_or_default();
                return Impact::Refused(format!(
                    "the account of a machine that exists stays as it is: put `ssh.user: {was}` back, or make the machine anew"
                ));
            }
            "hostname" => "a machine that runs is told over SSH",
            "seed" => "cloud-init reads it at a machine's first boot: replace the machine to run it",
            output::POWER if is("paused") => "lets the machine go on",
            output::POWER => "starts the machine",
            _ if is("stopped") => "makes the container anew, with all that is in it",
            other => {
                let other = if other == "joined" { "network" } else { other };
                let text = format!("restarts the machine in a new container with other {other} and all that was in it");
                return Impact::InPlace(Disruption::Reboot, Some(text));
            }
        };
        Impact::InPlace(Disruption::None, Some(text.to_owned()))
    }

    /// The root file system is the container's own.
    fn deletion(&self) -> Disruption {
        Disruption::DataLoss
    }

    /// Not by the listing alone: whether the project's key is let in shows once that has been read.
    fn realm(&self) -> Option<&str> {
        Some(self.place.name())
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.find().await {
            Ok(Some(found)) => Observation::Present(self.seen(&found, cx)),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn texts(&self, changes: &[Change], _cx: &Context) -> Vec<Text> {
        let is_meant = |change: &Change| change.path.starts_with("seed.user-data");
        match (&self.wanted, self.place.setup.engine().await) {
            (Some(wanted), Ok(engine)) if changes.iter().any(is_meant) => {
                let [name, _] = names(&self.place.setup, self.id.name());
                vec![seed::text(engine, &name, &wanted.machine).await]
            }
            _ => Vec::new(),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.converge(None, cx).await
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        self.converge(Some(changes), cx).await
    }

    async fn disown(&self, _cx: &Context) -> Result<String, Failure> {
        self.place.setup.let_go(self.id.name()).await
    }

    async fn rename(&self, from: &ResourceId, _cx: &Context) -> Result<(), Failure> {
        self.place.setup.rename(from, self.id.name()).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.remove(self.place.setup.engine().await?, cx).await
    }
}
