//! A compose project on one machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::desired::ComposeProject;
use crate::host::compose::archive::Archive;
use crate::host::compose::bundle::{Bundle, Error};
use crate::host::compose::failure::failure;
use crate::host::compose::state::{self, ALL_UP, Container};
use crate::host::compose::texts::texts;
use crate::host::facts::Facts;
use crate::host::reach::Reach;
use crate::host::registries;
use crate::id::{Kind, Name, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Text};
use crate::transport::{Attachment, Command};
use crate::value::{Attributes, json, plain};

pub(crate) const KIND: Kind = "compose.project";

const UP: &str = concat!(include_str!("../lock.sh"), include_str!("folders.sh"), include_str!("up.sh"));
const LOAD: &str = concat!(include_str!("../lock.sh"), include_str!("load.sh"));
const DOWN: &str = concat!(include_str!("../lock.sh"), include_str!("folders.sh"), include_str!("down.sh"));

/// Builds and pulls included.
const LIMIT: Duration = Duration::from_mins(30);
/// Bytes of an archive a second that a connection carries at least.
const SLOWEST: u64 = 64 << 10;
/// For what an earlier run still does, before a project is taken down.
const EARLIER: Duration = Duration::from_mins(2);

/// The project's folder on a machine; always the same, because containers mount from it.
fn folder(name: &str) -> String {
    format!("/var/lib/machine/compose/{name}/current")
}

/// What the Machinefile wants of it; nothing for a project that is only there to be taken down.
#[derive(Debug)]
struct Wanted {
    bundle: Bundle,
    archives: Vec<Archive>,
    arguments: Vec<String>,
    wait: Duration,
}

impl Wanted {
    /// Names of the images that come in archives.
    fn images(&self) -> Vec<String> {
        self.archives.iter().flat_map(|archive| archive.images.keys().cloned()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Project {
    id: ResourceId,
    reach: Arc<Reach>,
    name: String,
    wanted: Option<Wanted>,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Project {
    /// Reads the project's files on this computer. Where the machine `logs_in` at registries, it does so first.
    pub(crate) fn new(reach: &Arc<Reach>, project: &ComposeProject, logs_in: bool) -> Result<Self, Error> {
        let bundle = Bundle::collect(project)?;
        let arguments = arguments(project, &bundle)?;
        let archives = project.images.iter().map(|path| Archive::read(path)).collect::<Result<Vec<_>, _>>()?;
        let images: BTreeMap<_, _> = archives.iter().flat_map(|archive| archive.images.clone()).collect();
        let desired = attributes! {
            "files": bundle.digests.clone(),
            "arguments": settings(project.name.as_str(), &arguments),
            "images": images,
            "services": ALL_UP,
        };
        let parent = Parent::within(ResourceId::new(crate::host::engine::daemon::KIND, &reach.name));
        let logins = logs_in.then(|| Parent::after(registries::id(&reach.name)));
        let earlier = project.after.iter().map(|name| Parent::after(everywhere(name)));
        Ok(Self {
            wanted: Some(Wanted { bundle, archives, arguments, wait: project.wait }),
            parents: std::iter::once(parent.clone()).chain(logins).chain(earlier).collect(),
            desired,
            ..Self::left(reach, project.name.as_str(), parent)
        })
    }

    /// What will not be on the machine as it is here, with what to do about it.
    pub(crate) fn warnings(&self) -> &[(String, &'static str)] {
        self.wanted.as_ref().map_or(&[], |wanted| &wanted.bundle.warnings)
    }

    /// A project that is on the machine and in no Machinefile.
    pub(crate) fn left(reach: &Arc<Reach>, name: &str, parent: Parent) -> Self {
        Self {
            id: id(name, reach),
            reach: Arc::clone(reach),
            name: name.to_owned(),
            wanted: None,
            parents: vec![parent],
            desired: Attributes::new(),
        }
    }

    fn seen(&self, facts: &Facts, cx: &Context) -> Result<Option<Attributes>, String> {
        let Some(found) = facts.projects.get(&self.name) else { return Ok(None) };
        if let Some(why) = facts.engine_silent() {
            return Err(why);
        }
        if found.owner != cx.owner.slug() {
            return Err(format!(
                "compose project `{}` on {} belongs to project {}",
                self.name, self.reach.name, found.owner
            ));
        }
        let archives = self.wanted.iter().flat_map(|wanted| &wanted.archives);
        Ok(Some(attributes(&self.name, found, facts, archives.flat_map(|archive| archive.images.keys()))))
    }

    async fn look(&self, cx: &Context) -> Result<Option<Attributes>, String> {
        let facts = self.reach.facts(cx).await?;
        self.seen(&facts, cx)
    }

    /// Sends each archive of which the machine lacks an image.
    async fn load(&self, cx: &Context, wanted: &Wanted, seen: Option<&Attributes>) -> Result<(), Failure> {
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        let there = |name: &String, digest: &String| match seen {
            Some(seen) => seen.get("images").is_some_and(|images| images[name.as_str()] == digest.as_str()),
            None => facts.images.get(name) == Some(digest),
        };
        for archive in &wanted.archives {
            if archive.images.iter().any(|(name, digest)| !there(name, digest)) {
                self.send(cx, archive).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, cx: &Context, archive: &Archive) -> Result<(), Failure> {
        let wait = self.reach.patiently(cx, EARLIER).as_secs().to_string();
        let images = archive.images.iter().flat_map(|(name, digest)| [name.as_str(), digest.as_str()]);
        let words = ["sh", "-c", LOAD, "machine", self.name.as_str(), wait.as_str()].into_iter().chain(images);
        let attachment = Attachment::new(archive.path.clone());
        let sent = Arc::clone(&attachment.sent);
        let limit = LIMIT + Duration::from_secs(archive.bytes / SLOWEST);
        let command = Command::new(words).attach(attachment).timeout(limit);
        let running = self.reach.run_quietly(cx, command);
        tokio::pin!(running);
        let output = loop {
            tokio::select! {
                output = &mut running => break output?,
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    let percent = 100 * sent.load(Ordering::Relaxed) / archive.bytes.max(1);
                    cx.progress.say(format!("sending {}, {} %", archive.name(), percent.min(100)));
                }
            }
        };
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!("the images of {} could not be loaded", archive.name())).detail(&output.stdout))
    }

    async fn up(&self, cx: &Context, wanted: &Wanted) -> Result<(), Failure> {
        let lines = |lines: Vec<String>| lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        let mounts = wanted.bundle.mounts.iter().map(|(service, file)| format!("{service}\t{file}")).collect();
        let owner = json!({ "project": cx.owner.slug(), "id": self.id.as_str() });
        let content = wanted.bundle.pack(&[
            ("owner.json", owner.to_string()),
            ("arguments", lines(wanted.arguments.clone())),
            ("manifest", lines(wanted.bundle.digests.keys().cloned().collect())),
            ("mounts", lines(mounts)),
            ("images", lines(wanted.images())),
            ("folders", lines(wanted.bundle.folders.iter().cloned().collect())),
        ]);
        let content = content.map_err(refused)?;
        cx.progress.say("sending the project's files");
        let healthy = self.reach.patiently(cx, wanted.wait).as_secs().to_string();
        let build = if wanted.bundle.builds { "build" } else { "" };
        let command = Command::new(["sh", "-c", UP, "machine", &self.name, &healthy, build])
            .stdin(content)
            .timeout(LIMIT + wanted.wait);
        let output = self.reach.run(cx, command).await?;
        if output.success() { Ok(()) } else { Err(failure(&self.name, &output.stdout)) }
    }
}

/// The vertex that stands for a project on all its machines.
pub(crate) fn everywhere(name: &Name) -> ResourceId {
    ResourceId::new("compose", name)
}

/// A project on one machine.
pub(crate) fn on(name: &str, machine: &Name) -> ResourceId {
    ResourceId::new(KIND, format!("{name}@{machine}"))
}

fn id(name: &str, reach: &Reach) -> ResourceId {
    on(name, &reach.name)
}

pub(super) fn refused(error: Error) -> Failure {
    Failure { hint: error.hint, ..Failure::new(error.message) }
}

/// What is on a machine of a project, as attributes.
pub(crate) fn attributes<'a>(
    name: &str,
    found: &'a state::Project,
    facts: &Facts,
    images: impl Iterator<Item = &'a String>,
) -> Attributes {
    let containers: Vec<&Container> = facts.containers.iter().filter(|container| container.project == name).collect();
    attributes! {
        "files": found.files,
        "arguments": settings(name, &found.arguments),
        "images": found.images(images, &facts.images),
        "services": found.services(containers.iter().copied(), &facts.images),
        "containers": containers.len(),
    }
}

/// `-p site --project-directory … -f … --env-file … --profile …`, all paths as the machine knows them.
fn arguments(project: &ComposeProject, bundle: &Bundle) -> Result<Vec<String>, Error> {
    let folder = folder(project.name.as_str());
    let directory = Path::new(&folder).join(&bundle.directory).display().to_string();
    let mut arguments = vec!["-p".to_owned(), project.name.to_string(), "--project-directory".to_owned(), directory];
    let files = project.files.iter().map(|file| ("-f", file));
    for (flag, file) in files.chain(project.env_files.iter().map(|file| ("--env-file", file))) {
        arguments.extend([flag.to_owned(), format!("{folder}/{}", bundle.relative(file)?)]);
    }
    arguments.extend(project.profiles.iter().flat_map(|profile| ["--profile".to_owned(), profile.clone()]));
    Ok(arguments)
}

/// The part of the arguments that a user has a say in: `-f compose.yaml --profile debug`.
fn settings(name: &str, arguments: &[String]) -> String {
    let folder = format!("{}/", folder(name));
    let words = arguments.iter().skip(4).map(|word| word.strip_prefix(&folder).unwrap_or(word));
    words.collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl Resource for Project {
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

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        let text = match change.path.keys().first().map(String::as_str) {
            Some("services") => {
                let before = change.before.as_ref().map(plain).unwrap_or_default();
                return Impact::InPlace(Disruption::None, Some(format!("brings it up: {before}")));
            }
            Some("images") => "restarts services that run the image",
            Some("arguments") => "restarts services that are configured otherwise",
            _ => "restarts services that use the file",
        };
        Impact::InPlace(Disruption::Restart, Some(text.to_owned()))
    }

    /// Containers go; volumes stay.
    fn deletion(&self) -> Disruption {
        Disruption::Restart
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.look(cx).await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(why) => Observation::Unreadable(why),
        }
    }

    async fn texts(&self, changes: &[Change], cx: &Context) -> Vec<Text> {
        match &self.wanted {
            Some(wanted) => texts(&self.name, &wanted.bundle, changes, &self.reach, cx).await,
            None => Vec::new(),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let Some(wanted) = &self.wanted else {
            return Err(Failure::new("the Machinefile does not say what is in it"));
        };
        let seen = self.look(cx).await.map_err(Failure::new)?;
        self.load(cx, wanted, seen.as_ref()).await?;
        self.up(cx, wanted).await?;
        let seen = self.look(cx).await.map_err(Failure::new)?;
        seen.ok_or_else(|| Failure::new("its folder is gone again"))
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    /// Volumes stay.
    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        if self.look(cx).await.map_err(Failure::new)?.is_none() {
            return Ok(());
        }
        let wait = self.reach.patiently(cx, EARLIER).as_secs().to_string();
        let command = Command::script(DOWN, [self.name.clone(), wait]).timeout(Duration::from_mins(7));
        let output = self.reach.run(cx, command).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!("`docker compose down` of {} failed", self.name)).detail(&output.stdout))
    }
}
