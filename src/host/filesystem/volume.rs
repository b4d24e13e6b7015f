//! A disk beside the one the machine runs from: its filesystem, where it is mounted, and what happens to it at boot.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::seen::Disks;
use super::{DEVICE_SIZE, KIND, fills, texts};
use crate::attributes;
use crate::desired::{Disk, Filesystem, Medium, quantity};
use crate::host::facts::Facts;
use crate::host::reach::Reach;
use crate::id::{Name, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::{Command, Output, quote};
use crate::value::{Attributes, Value, json};

const APPLY: &str = concat!(include_str!("../lock.sh"), include_str!("shared.sh"), include_str!("apply.sh"));
const REMOVE: &str = concat!(include_str!("shared.sh"), include_str!("remove.sh"));

/// A kernel module may have to be compiled.
const LIMIT: Duration = Duration::from_mins(30);
const LOCK: Duration = Duration::from_mins(5);

/// Attributes.
const FILESYSTEM: &str = "filesystem";
const MOUNT: &str = "mount";
const READONLY: &str = "readonly";
const WIPES: &str = "wipe-on-boot";
const FILLS: &str = "fills-disk";
/// Whether what is on the machine about the disk is as we write it.
const LASTS: &str = "lasts";

#[derive(Debug)]
pub(crate) struct Volume {
    id: ResourceId,
    reach: Arc<Reach>,
    name: String,
    /// `None` for one that the Machinefile no longer speaks of.
    wanted: Option<Wanted>,
    parents: Vec<Parent>,
    desired: Attributes,
}

/// How an attempt to put a disk in order ended.
enum Applied {
    Done,
    /// What is on it would be lost, and the plan did not know of it.
    Unasked,
}

#[derive(Debug)]
struct Wanted {
    disk: Disk,
    /// A path that lasts.
    device: String,
}

impl Volume {
    /// `None` for a disk that nothing is done with in the machine.
    pub(crate) fn new(reach: &Arc<Reach>, name: &Name, disk: &Disk, device: &str) -> Option<Self> {
        if disk.filesystem.is_none() && disk.device_path.is_none() && disk.kernel_module.is_none() {
            return None;
        }
        let mut desired = attributes! {
            "filesystem": disk.filesystem.filter(|_| disk.medium != Medium::Empty).map(Filesystem::as_str),
            "mount": disk.mount,
            "readonly": disk.mount.as_ref().map(|_| disk.readonly),
            "wipe-on-boot": disk.wipe_on_boot,
            "device-path": disk.device_path,
            "kernel-module": disk.kernel_module,
            "fills-disk": (disk.mount.is_some() && grows(disk)).then_some(true),
            "lasts": true,
        };
        // Of what nothing is said, whatever is there is right.
        desired.retain(|_, value| !value.is_null());
        let wanted = Some(Wanted { disk: disk.clone(), device: device.to_owned() });
        Some(Self { wanted, desired, ..Self::left(reach, name.as_str()) })
    }

    /// What is left of one on the machine.
    pub(crate) fn left(reach: &Arc<Reach>, name: &str) -> Self {
        Self {
            id: ResourceId::new(KIND, format!("{}.{name}", reach.name)),
            parents: vec![Parent::within(reach.id.clone())],
            name: name.to_owned(),
            wanted: None,
            desired: Attributes::new(),
            reach: Arc::clone(reach),
        }
    }

    async fn look(&self, cx: &Context) -> Result<Option<Attributes>, String> {
        let facts = self.reach.facts(cx).await?;
        let Some(wanted) = &self.wanted else {
            return Ok(facts.disks.ours().contains(&self.name).then(|| attributes! { "left": true }));
        };
        Ok(wanted.seen(&self.name, &facts))
    }

    fn letting_go(&self) -> Command {
        Command::script(REMOVE, [&self.name, &LOCK.as_secs().to_string()]).timeout(2 * LOCK)
    }

    async fn apply(&self, cx: &Context, wanted: &Wanted, loses: bool) -> Result<Applied, Failure> {
        let doing = wanted.disk.filesystem.map_or("", Filesystem::as_str);
        cx.progress.say(format!("putting disk {} in order {doing}", self.name).trim_end());
        let output = self.reach.run(cx, wanted.command(&self.name, loses)).await?;
        match output.status {
            0 => Ok(Applied::Done),
            HOLDS if wanted.disk.overwrite && !loses => Ok(Applied::Unasked),
            _ => Err(wanted.refusal(&self.name, &output)),
        }
    }
}

fn grows(disk: &Disk) -> bool {
    !disk.readonly && disk.filesystem.is_some_and(Filesystem::grows)
}

impl Wanted {
    /// `None` for a disk that is blank and that nothing of ours is about.
    fn seen(&self, name: &str, facts: &Facts) -> Option<Attributes> {
        let disks = &facts.disks;
        let node = disks.nodes.get(&self.device);
        let kind =
            node.and_then(|node| node.kind.as_deref()).map(|kind| if kind == "zfs_member" { "zfs" } else { kind });
        if kind.is_none() && !disks.ours().contains(name) {
            return None;
        }
        let path = node.map_or("", |node| node.path.as_str());
        // A pool is mounted under its own name.
        let mounts = || {
            disks.mounts.iter().filter(|mount| mount.source == path || (kind == Some("zfs") && mount.source == name))
        };
        let mounted =
            mounts().find(|mount| Some(&mount.target) == self.disk.mount.as_ref()).or_else(|| mounts().next());
        let place = mounted.map(|mount| mount.target.clone());
        let grown = place.as_ref().and_then(|place| facts.filesystems.get(place));
        let module = self.disk.kernel_module.as_ref().filter(|module| disks.modules.contains(*module));
        let link =
            self.disk.device_path.as_ref().filter(|link| disks.links.get(*link).is_some_and(|node| node == path));
        Some(attributes! {
            "filesystem": kind,
            "mount": place,
            "readonly": mounted.map(|mount| mount.readonly),
            "wipe-on-boot": disks.enabled.contains(name),
            "device-path": link,
            "kernel-module": module,
            "fills-disk": grown.map(fills),
            DEVICE_SIZE: grown.map(|found| found.device),
            "lasts": self.lasts(name, disks, path),
        })
    }

    /// Whether the next boot finds everything as it is declared.
    fn lasts(&self, name: &str, disks: &Disks, path: &str) -> bool {
        let files = self.texts(name);
        let same = |(path, text): (&String, &Option<String>)| match (disks.files.get(path), text) {
            (Some(found), Some(text)) => found.trim() == text.trim(),
            (None, None) => true,
            _ => false,
        };
        let swaps = self.disk.filesystem != Some(Filesystem::Swap) || disks.swaps.contains(path);
        files.iter().all(|(path, text)| same((path, text)))
            && disks.lines.get(name) == self.disk.mount_line(name, &self.device).as_ref()
            && swaps
    }

    /// Every file we may have written about it, and what is to be in it.
    fn texts(&self, name: &str) -> [(String, Option<String>); 3] {
        [
            (texts::unit_path(name), texts::wipe_unit(name, &self.disk, &self.device)),
            (texts::rule_path(name), texts::rule(&self.disk, &self.device)),
            (texts::module_path(name), texts::module(&self.disk)),
        ]
    }

    /// What holds something is written over when that `loses` with somebody's consent.
    fn command(&self, name: &str, loses: bool) -> Command {
        let disk = &self.disk;
        let text = |text: Option<String>| quote::quote(text.as_deref().unwrap_or_default().trim_end());
        let texts = format!(
            "line={}\nunit={}\nrule={}\nmake={}\n",
            text(disk.mount_line(name, &self.device)),
            text(texts::wipe_unit(name, disk, &self.device)),
            text(texts::rule(disk, &self.device)),
            text(disk.filesystem.and_then(|filesystem| texts::make(filesystem, &self.device))),
        );
        // A file of the user's may hold what nothing recognises.
        let over = match (disk.overwrite, &disk.medium) {
            (true, _) if loses => "any",
            (true, _) | (false, Medium::New(_)) => "blank",
            (false, Medium::File(_) | Medium::Empty) => "none",
        };
        let filesystem = disk.filesystem.filter(|_| disk.medium != Medium::Empty).map_or("", Filesystem::as_str);
        let arguments = [
            name,
            &self.device,
            filesystem,
            disk.mount.as_deref().unwrap_or_default(),
            if disk.readonly { "ro" } else { "rw" },
            over,
            disk.kernel_module.as_deref().unwrap_or_default(),
            disk.device_path.as_deref().unwrap_or_default(),
            &LOCK.as_secs().to_string(),
            &disk.filesystem.map_or(0, Filesystem::least).to_string(),
        ];
        Command::script(&format!("{texts}{APPLY}"), arguments).timeout(LIMIT)
    }

    /// In words, by the script's exit status.
    fn refusal(&self, name: &str, output: &Output) -> Failure {
        let said = |key: &str| output.stdout.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("something");
        let want = self.disk.filesystem.map_or("", Filesystem::as_str);
        let module = self.disk.kernel_module.as_deref().unwrap_or_default();
        let failure = match output.status {
            11 => Failure::new(format!("the machine's kernel {} has no module `{module}`", said("kernel: ")))
                .hint(package_of(module)),
            12 => Failure::new(format!(
                "{} is another disk in the machine",
                self.disk.device_path.as_deref().unwrap_or_default()
            ))
            .hint("choose a `devicepath` that the machine's kernel gives to no disk"),
            HOLDS => Failure::new(format!("disk `{name}` holds {}, and {want} is to be made there", said("found: ")))
                .hint(OVERWRITE),
            14 => Failure::new(format!("disk `{name}` holds {} and no iso9660 filesystem", said("found: ")))
                .hint("name another file with `path`"),
            15 => Failure::new(format!("disk `{name}` is read-only and holds no {want}"))
                .hint("leave `readonly` out until something is on it"),
            16 => Failure::new(format!("the machine lacks what makes {want}, and it cannot be installed"))
                .hint("let the machine reach its distribution's archive, or choose an image that has it"),
            17 => Failure::new(format!("disk `{name}` does not appear in the machine"))
                .hint("`machine restart` attaches it anew"),
            18 => {
                let least = self.disk.filesystem.map_or(0, Filesystem::least);
                let message = format!("disk `{name}` is too small for {want}, which needs {}", quantity::shown(least));
                Failure::new(message).hint("make it larger, or choose `ext4`")
            }
            _ => Failure::new(format!("disk `{name}` could not be put in order")),
        };
        failure.detail(&output.stdout)
    }
}

/// The script's exit status for a disk that holds something else.
const HOLDS: i32 = 13;
const AGAIN: &str = "run the same command again: what would be lost is asked about";
const OVERWRITE: &str = "`overwrite: true` lets the new filesystem take the place of what is there, which is then lost";

fn package_of(module: &str) -> &'static str {
    match module {
        "zfs" => "the package zfs-dkms has it, in Debian's `contrib`; the kernel's headers must be installable too",
        _ => "cloud kernels leave many out: on Debian linux-image-amd64 has it, on Ubuntu linux-modules-extra",
    }
}

#[async_trait]
impl Resource for Volume {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn grounds(&self) -> &'static [&'static str] {
        &[DEVICE_SIZE]
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        let attribute = change.path.keys().first().map_or("", String::as_str);
        let word = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let overwrites = self.wanted.as_ref().is_some_and(|wanted| wanted.disk.overwrite);
        let none = |text: &str| Impact::InPlace(Disruption::None, Some(text.to_owned()));
        match attribute {
            FILESYSTEM if change.before.is_none() => none("makes the filesystem on the blank disk"),
            FILESYSTEM if overwrites => {
                let text = format!("makes {} and loses the {} there", word(&change.after), word(&change.before));
                Impact::InPlace(Disruption::DataLoss, Some(text))
            }
            FILESYSTEM => {
                let (before, after) = (word(&change.before), word(&change.after));
                Impact::Refused(format!("disk `{}` holds {before}, and {after} is wanted: {OVERWRITE}", self.name))
            }
            MOUNT if change.before.is_none() => none("is mounted"),
            MOUNT => none("is mounted elsewhere"),
            READONLY | FILLS if change.before.is_none() => Impact::InPlace(Disruption::None, None),
            READONLY => none("is mounted in another mode"),
            WIPES if change.after == Some(json!(true)) => none("is wiped from the next boot on"),
            WIPES => none("is no longer wiped"),
            FILLS => none("grows online"),
            LASTS => none("what the next boot needs is written anew"),
            _ => Impact::InPlace(Disruption::None, None),
        }
    }

    /// What is on the disk stays.
    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.look(cx).await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(why) => Observation::Unreadable(why),
        }
    }

    /// What is found on a disk that was not seen before is asked about: the next plan knows of it.
    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.converge(cx, false).await
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        let loses = changes.iter().any(|change| change.path.starts_with(FILESYSTEM) && change.before.is_some());
        self.converge(cx, loses).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        let output = self.reach.run_quietly(cx, self.letting_go()).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!("disk `{}` could not be let go", self.name)).detail(&output.stderr))
    }
}

impl Volume {
    async fn converge(&self, cx: &Context, loses: bool) -> Result<Attributes, Failure> {
        let wanted = self.wanted.as_ref().ok_or_else(|| Failure::new("nothing says what it should be"))?;
        let seen = self.look(cx).await.map_err(Failure::new)?;
        if let Some(seen) = seen.filter(|seen| crate::resource::diff(&self.desired, seen).is_empty()) {
            return Ok(seen);
        }
        let applied = self.apply(cx, wanted, loses).await?;
        match (applied, self.look(cx).await.map_err(Failure::new)?) {
            (_, Some(seen)) => Ok(seen),
            (Applied::Done, None) => Err(Failure::new(format!("disk `{}` is as it was", self.name))),
            (Applied::Unasked, None) => Err(Failure::new(format!("disk `{}` holds something", self.name)).hint(AGAIN)),
        }
    }
}
