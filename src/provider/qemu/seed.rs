//! `qemu.seed/<machine>`: the drive that cloud-init in the machine reads, and the host key that it brings.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::attributes;
use crate::desired;
use crate::id::ResourceId;
use crate::provider::qemu::access;
use crate::provider::qemu::card::cards;
use crate::provider::qemu::disk::ROOT;
use crate::provider::qemu::drive::device_of;
use crate::provider::qemu::folder::{Folder, problem};
use crate::provider::qemu::network_config::network_config;
use crate::provider::qemu::user_data::{Mount, Ours, change, declared, user_data};
use crate::provider::qemu::{SEED, Setup, power, vfat};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Text, concerns};
use crate::value::{Attributes, Path as ValuePath, Value, json};

pub(super) const IMAGE: &str = "seed.img";
const RECORD: &str = "seed.json";
const USER_DATA: &str = "user-data";
const HOST_KEY: &str = "host_key";
const PUBLIC_HOST_KEY: &str = "host_key.pub";

/// What the image was made from; its `seed.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    /// To cloud-init, another one is another machine.
    instance_id: String,
    inputs: Attributes,
    /// The project's public key that it lets in.
    #[serde(default)]
    project_key: Option<String>,
}

#[derive(Debug)]
pub(super) struct Seed {
    id: ResourceId,
    parents: Vec<Parent>,
    setup: Arc<Setup>,
    folder: Folder,
    /// `None` for a seed that is only there to be deleted.
    machine: Option<desired::Machine>,
    desired: Attributes,
}

pub(super) fn id(machine: &str) -> ResourceId {
    ResourceId::new(SEED, machine)
}

impl Seed {
    pub(super) fn new(setup: &Arc<Setup>, machine: &desired::Machine) -> Self {
        Self {
            parents: vec![Parent::after(setup.key.clone())],
            machine: Some(machine.clone()),
            desired: desired(setup, machine),
            ..Self::revived(setup, machine.name.as_str())
        }
    }

    pub(super) fn revived(setup: &Arc<Setup>, machine: &str) -> Self {
        Self {
            id: id(machine),
            parents: Vec::new(),
            folder: setup.folder(machine),
            setup: setup.clone(),
            machine: None,
            desired: Attributes::new(),
        }
    }

    /// What changes in it: what is there stands on the drive itself.
    fn user_data(&self, machine: &desired::Machine) -> Text {
        let path = ValuePath::root().join(USER_DATA);
        let there = std::fs::read(self.folder.file(IMAGE)).and_then(|image| vfat::file(&image, USER_DATA));
        match there {
            Ok(there) => change(path, &there, &machine.user_data),
            Err(why) => Text::hidden(path, format!("it cannot be read: {why}")),
        }
    }

    fn write(&self, machine: &desired::Machine, cx: &Context) -> Result<(), Failure> {
        let key = access::project_key(&self.setup, cx);
        let key = key.ok_or_else(|| Failure::new(format!("{} shows no public key", self.setup.key)))?;
        self.folder.prepare()?;
        let known = self.folder.read_json::<Record>(RECORD)?;
        let instance_id = known.map_or_else(|| instance_id(cx, &self.id), |record| record.instance_id);
        let host_key = host_key(&self.folder)?;
        let private = host_key.to_openssh(LineEnding::LF).map_err(|error| unusable_key(&error))?;
        let public = public_line(&host_key)?;
        let mounts = mounts(machine);
        let ours = Ours {
            host_name: machine.name.as_str(),
            user: machine.ssh.user.as_str(),
            project_key: &key,
            authorized_keys: std::iter::once(key.clone()).chain(machine.ssh.authorized_keys.iter().cloned()).collect(),
            host_key: [&private, &public],
            mounts: &mounts,
        };
        let user_data = user_data(&machine.user_data, &ours);
        let meta_data = json!({ "instance-id": instance_id, "local-hostname": machine.name.as_str() });
        let macs = macs(&self.setup, machine);
        let network = network_config(&macs, machine.address, self.setup.settings.segment.prefix);
        let files = [
            ("meta-data", format!("{meta_data:#}\n").into_bytes()),
            ("user-data", user_data),
            ("network-config", network.into_bytes()),
            ("vendor-data", Vec::new()),
        ];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_slice())).collect();
        let image = vfat::image(&files).map_err(problem(&self.folder.file(IMAGE)))?;
        self.folder.write(IMAGE, &image, 0o600)?;
        self.folder
            .write_json(RECORD, &Record { instance_id, inputs: inputs(&self.setup, machine), project_key: Some(key) })
    }
}

fn desired(setup: &Setup, machine: &desired::Machine) -> Attributes {
    let mut desired = inputs(setup, machine);
    desired.insert(access::ATTRIBUTE.into(), json!(access::LET_IN));
    desired
}

/// Digests and plain values of what the user declared; what we generate is not compared.
fn inputs(setup: &Setup, machine: &desired::Machine) -> Attributes {
    let digest = |text: &str| format!("sha256:{}", hex::encode(Sha256::digest(text)));
    let mounts = mounts(machine).into_iter();
    let mounts = mounts.map(|mount| (mount.disk, json!({ "filesystem": mount.filesystem, "line": mount.line })));
    attributes! {
        "hostname": machine.name.as_str(),
        "user": machine.ssh.user.as_str(),
        "authorized-keys": digest(&machine.ssh.authorized_keys.join("\n")),
        "user-data": declared(&machine.user_data),
        "address": format!("{}/{}", machine.address, setup.settings.segment.prefix),
        "macs": macs(setup, machine),
        "filesystems": mounts.collect::<serde_json::Map<_, _>>(),
    }
}

fn macs(setup: &Setup, machine: &desired::Machine) -> [String; 2] {
    cards(setup, machine).map(|card| card.mac)
}

fn mounts(machine: &desired::Machine) -> Vec<Mount> {
    let disks = machine.resources.disks.iter().filter(|(name, _)| name.as_str() != ROOT);
    let mount = |(name, disk): (&crate::id::Name, &desired::Disk)| {
        // What needs more than a mount comes later, as does what may fail.
        let plain = disk.size().is_some() && !disk.readonly && disk.kernel_module.is_none();
        // A pool is not mounted by the mount table.
        let filesystem = disk.filesystem.filter(|filesystem| plain && *filesystem != desired::Filesystem::Zfs)?;
        let line = disk.mount_line(name.as_str(), &device_of(name.as_str(), disk)).unwrap_or_default();
        Some(Mount {
            disk: name.to_string(),
            filesystem: filesystem.as_str().to_owned(),
            path: disk.mount.clone(),
            line,
        })
    };
    disks.filter_map(mount).collect()
}

/// What the seed in a folder was made from; `None` when it is not there or was not finished.
pub(super) fn observe(folder: &Folder) -> Result<Option<Attributes>, Failure> {
    if !folder.file(IMAGE).exists() {
        return Ok(None);
    }
    let Some(mut inputs) = folder.read_json::<Record>(RECORD)?.map(|record| record.inputs) else { return Ok(None) };
    // The first builds did not write it down, and renamed nothing.
    inputs.entry("hostname".into()).or_insert_with(|| json!(folder.base()));
    Ok(Some(inputs))
}

/// The project's key that a start with this seed lets in.
pub(super) fn project_key(folder: &Folder) -> Result<Option<String>, Failure> {
    Ok(folder.read_json::<Record>(RECORD)?.and_then(|record| record.project_key))
}

/// The same for every attempt at one incarnation, another for the next.
fn instance_id(cx: &Context, id: &ResourceId) -> String {
    let hash = Sha256::digest(format!("{}/{id}/{}", cx.owner.slug(), cx.token));
    format!("i-{}", &hex::encode(hash)[..16])
}

/// The machine's host key, made when it is not there.
fn host_key(folder: &Folder) -> Result<PrivateKey, Failure> {
    let path = folder.file(HOST_KEY);
    let key = if path.exists() {
        PrivateKey::read_openssh_file(Path::new(&path)).map_err(|error| unusable_key(&error))?
    } else {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        let key = key.map_err(|error| unusable_key(&error))?;
        let text = key.to_openssh(LineEnding::LF).map_err(|error| unusable_key(&error))?;
        folder.write(HOST_KEY, text.as_bytes(), 0o600)?;
        key
    };
    folder.write(PUBLIC_HOST_KEY, format!("{}\n", public_line(&key)?).as_bytes(), 0o644)?;
    Ok(key)
}

fn public_line(key: &PrivateKey) -> Result<String, Failure> {
    key.public_key().to_openssh().map_err(|error| unusable_key(&error))
}

fn unusable_key(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("the machine's host key cannot be used: {error}"))
}

/// The public host key of a machine, `ssh-ed25519 AAAA…`.
pub(super) fn public_host_key(folder: &Folder) -> Option<String> {
    let text = std::fs::read_to_string(folder.file(PUBLIC_HOST_KEY)).ok()?;
    Some(text.trim().to_owned())
}

#[async_trait]
impl Resource for Seed {
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
        if change.path.starts_with("user") {
            return Impact::Refused(format!(
                "the account of a machine that exists stays as it is: put `ssh.user: {}` back, or make the machine anew",
                change.before.as_ref().and_then(Value::as_str).unwrap_or_default(),
            ));
        }
        let every_boot = ["address", "macs", "filesystems", "user-data.every-boot"];
        let every_boot = every_boot.iter().any(|path| change.path.starts_with(path));
        // Its size says nothing of its own.
        if change.path.starts_with("user-data.size") {
            return Impact::InPlace(Disruption::None, None);
        }
        let text = if change.path.starts_with(access::ATTRIBUTE) {
            "the machine lets it in at its next start"
        } else if change.path.starts_with("hostname") {
            "a machine that runs is told over SSH"
        } else if change.path.starts_with("authorized-keys") {
            "for a machine made anew; one that is there is told over SSH"
        } else if every_boot {
            "takes effect at the next boot"
        } else {
            "cloud-init does it at a machine's first boot only: this one stays as it is until it is made anew"
        };
        Impact::InPlace(Disruption::None, Some(text.into()))
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    async fn read(&self, cx: &Context) -> Observation {
        match observe(&self.folder).and_then(|seen| Ok((seen, project_key(&self.folder)?))) {
            Ok((Some(mut attributes), key)) => {
                attributes.insert(access::ATTRIBUTE.into(), access::observed(&self.setup, key.as_deref(), cx));
                Observation::Present(attributes)
            }
            Ok((None, _)) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn texts(&self, changes: &[Change], _cx: &Context) -> Vec<Text> {
        let machine = self.machine.as_ref().filter(|_| concerns(changes, USER_DATA));
        machine.map(|machine| self.user_data(machine)).into_iter().collect()
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let machine = self.machine.as_ref().ok_or_else(|| Failure::new("nothing says what it should be"))?;
        self.write(machine, cx)?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn disown(&self, _cx: &Context) -> Result<String, Failure> {
        power::let_go(&self.folder)
    }

    async fn rename(&self, from: &ResourceId, _cx: &Context) -> Result<(), Failure> {
        self.setup.rename(from, self.folder.machine())
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        [IMAGE, RECORD, HOST_KEY, PUBLIC_HOST_KEY].iter().try_for_each(|file| self.folder.remove(file))?;
        self.folder.sweep()
    }
}
