//! `qemu.disk/<machine>.<name>`: a qcow2 file in the machine's folder; `root` is made from an image.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::attributes;
use crate::id::ResourceId;
use crate::provider::qemu::binary::tool;
use crate::provider::qemu::folder::{Folder, problem, remove_file};
use crate::provider::qemu::image::Recipe;
use crate::provider::qemu::power::{self, Applied, monitor_of};
use crate::provider::qemu::store::{self, BASE};
use crate::provider::qemu::{DISK, Setup, qcow2};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, concerns, mark};
use crate::value::{Attributes, json};

/// The disk a machine boots from.
pub(super) const ROOT: &str = "root";
const LIMIT: Duration = Duration::from_mins(5);

/// What a disk is to be; missing for a disk that is only there to be deleted.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Bytes.
    pub(super) size: u64,
    /// Of the root disk.
    pub(super) image: Option<Recipe>,
    pub(super) protect: bool,
}

/// What is written on a disk; its `disk-<name>.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Marks {
    protect: bool,
}

#[derive(Debug)]
pub(super) struct Disk {
    id: ResourceId,
    parents: Vec<Parent>,
    setup: Arc<Setup>,
    folder: Folder,
    name: String,
    plan: Option<Plan>,
    desired: Attributes,
}

pub(super) fn id(machine: &str, name: &str) -> ResourceId {
    ResourceId::new(DISK, format_args!("{machine}.{name}"))
}

impl Disk {
    pub(super) fn new(setup: &Arc<Setup>, machine: &str, name: &str, plan: Option<Plan>) -> Self {
        let image = plan.as_ref().and_then(|plan| plan.image.as_ref());
        let mut desired = Attributes::new();
        if let Some(plan) = &plan {
            desired.insert("size".into(), json!(plan.size));
            desired.insert(mark::PROTECT.into(), json!(plan.protect.then_some(true)));
        }
        if let Some(image) = image {
            desired.insert("image".into(), json!(image.name));
        }
        Self {
            id: id(machine, name),
            parents: image.map(|image| Parent::uses(image.id())).into_iter().collect(),
            folder: setup.folder(machine),
            setup: setup.clone(),
            name: name.to_owned(),
            plan,
            desired,
        }
    }

    fn file(&self) -> String {
        file(&self.name)
    }

    fn observe(&self) -> Result<Option<Attributes>, Failure> {
        observe(&self.folder, &self.name)
    }

    fn write_marks(&self, plan: &Plan) -> Result<(), Failure> {
        self.folder.write_json(&marks(&self.name), &Marks { protect: plan.protect })
    }

    fn present(&self) -> Result<Attributes, Failure> {
        self.observe()?.ok_or_else(|| Failure::new(format!("{} vanished", self.folder.file(&self.file()).display())))
    }

    async fn make(&self, plan: &Plan, cx: &Context) -> Result<(), Failure> {
        let new = self.folder.file(&format!("{}.new", self.file()));
        remove_file(&new)?;
        let mut argv: Vec<String> = ["qemu-img", "create", "-q", "-f", "qcow2"].map(Into::into).into();
        if let Some(recipe) = &plan.image {
            let stored = recipe.obtain(&self.setup, cx).await?;
            let header = qcow2::header(&stored.disk()).map_err(problem(&stored.disk()))?;
            let least = header.map_or(0, |header| header.size);
            if least > plan.size {
                let message = format!("a root disk of {} is too small for image {}", gibibytes(plan.size), recipe.name);
                return Err(Failure::new(message).hint(format!("give it at least {}", gibibytes(least))));
            }
            stored.link_into(&self.folder)?;
            // Relative, so that the folder can be moved.
            argv.extend(["-F", "qcow2", "-b", BASE].map(Into::into));
        }
        argv.extend([new.display().to_string(), plan.size.to_string()]);
        tool(argv, LIMIT).await?;
        let file = self.folder.file(&self.file());
        fs::rename(&new, &file).map_err(problem(&file))
    }

    async fn grow(&self, size: u64) -> Result<(), Failure> {
        let attached = Applied::read(&self.folder)?.is_some_and(|applied| applied.disks.contains_key(&self.name));
        if attached && let Some(mut monitor) = monitor_of(&self.folder).await? {
            let arguments = json!({ "device": format!("disk-{}", self.name), "size": size });
            return monitor.execute("block_resize", arguments).await.map(drop);
        }
        let file = self.folder.file(&self.file()).display().to_string();
        tool(["qemu-img", "resize", "-q", "-f", "qcow2", &file, &size.to_string()], LIMIT).await.map(drop)
    }
}

pub(super) fn file(name: &str) -> String {
    format!("{name}.qcow2")
}

/// What a machine has of its disk, and gives up before that is deleted.
pub(super) fn claim(machine: &str, name: &str) -> String {
    format!("disk {machine}.{name}")
}

fn marks(name: &str) -> String {
    format!("disk-{name}.json")
}

/// What a disk is, from its header; `None` when it is not there.
pub(super) fn observe(folder: &Folder, name: &str) -> Result<Option<Attributes>, Failure> {
    let path = folder.file(&file(name));
    let header = match qcow2::header(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        header => header.map_err(problem(&path))?,
    };
    let header = header.ok_or_else(|| Failure::new(format!("{} is not a qcow2 file", path.display())))?;
    let mut attributes = attributes! { "size": header.size };
    if folder.read_json::<Marks>(&marks(name))?.is_some_and(|marks| marks.protect) {
        attributes.insert(mark::PROTECT.into(), json!(true));
    }
    if name == ROOT
        && let Some(meta) = store::of_machine(folder)?
    {
        attributes.insert("image".into(), json!(meta.name));
    }
    Ok(Some(attributes))
}

#[expect(clippy::cast_precision_loss, reason = "for reading")]
fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[async_trait]
impl Resource for Disk {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn realm(&self) -> Option<&str> {
        Some(self.folder.provider())
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.folder.machine())
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

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        if change.path.starts_with(mark::PROTECT) {
            return Impact::InPlace(Disruption::None, None);
        }
        if change.path.starts_with("image") {
            return Impact::Replace(Disruption::DataLoss);
        }
        let bytes = |value: &Option<_>| value.as_ref().and_then(crate::value::Value::as_u64);
        match (bytes(&change.before), bytes(&change.after)) {
            (Some(before), Some(after)) if after < before => Impact::Refused(format!(
                "a disk cannot shrink from {} to {}: declare the larger size, or make a new disk and copy",
                gibibytes(before),
                gibibytes(after)
            )),
            _ => Impact::InPlace(Disruption::None, Some("the file system grows with it".into())),
        }
    }

    fn deletion(&self) -> Disruption {
        Disruption::DataLoss
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match self.observe() {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let plan = self.plan.as_ref().ok_or_else(|| Failure::new("nothing says what it should be"))?;
        self.folder.prepare()?;
        self.write_marks(plan)?;
        if self.observe()?.is_none() {
            self.make(plan, cx).await?;
        }
        self.present()
    }

    async fn update(&self, _cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        let observed = self.present()?;
        let Some(plan) = &self.plan else { return Ok(observed) };
        if concerns(changes, mark::PROTECT) {
            self.write_marks(plan)?;
        }
        if concerns(changes, "size") && observed["size"].as_u64().is_some_and(|size| size < plan.size) {
            self.grow(plan.size).await?;
        }
        self.present()
    }

    fn awaits(&self) -> Vec<String> {
        vec![claim(self.folder.machine(), &self.name)]
    }

    async fn disown(&self, _cx: &Context) -> Result<String, Failure> {
        power::let_go(&self.folder)
    }

    async fn rename(&self, from: &ResourceId, _cx: &Context) -> Result<(), Failure> {
        self.setup.rename(from, self.folder.machine())
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        self.folder.remove(&self.file())?;
        self.folder.remove(&marks(&self.name))?;
        self.folder.remove(&format!("{}.new", self.file()))?;
        if self.name == ROOT {
            store::unlink_from(&self.folder)?;
        }
        self.folder.sweep()
    }
}
