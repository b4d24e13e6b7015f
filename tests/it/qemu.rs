//! The qemu driver: what it makes of a machine, its files, its downloads and its switch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libmachine::attributes;
use libmachine::desired::{self, Disk, Image, Machine, Timeouts};
use libmachine::dirs::Dirs;
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::provider::qemu::DRIVER;
use libmachine::provider::{Provider, Site};
use libmachine::resource::{
    Change, Context, Disruption, Impact, Limits, Observation, Outputs, Parent, Progress, Resource, diff,
};
use libmachine::value::{self, Value, json};
use tempfile::TempDir;

mod cut;
mod disks;
mod downloads;
mod impostor;
mod rename;
mod switch;
mod texts;

struct World {
    home: TempDir,
    dirs: Dirs,
    owner: Owner,
    key: ResourceId,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl World {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let dir = |name: &str| home.path().join(name);
        let dirs = Dirs {
            global: std::path::PathBuf::new(),
            config: dir("config"),
            state: dir("state"),
            data: dir("data"),
            cache: dir("cache"),
            runtime: dir("run"),
        };
        Self { home, dirs, owner: Owner { project: name("shop"), id: None }, key: ResourceId::new("ssh.key", "shop") }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.open([]).unwrap()
    }

    fn open<const N: usize>(
        &self,
        settings: [(&str, Value); N],
    ) -> Result<Arc<dyn Provider>, Vec<libmachine::note::Note>> {
        let provider = desired::Provider {
            name: name("local"),
            driver: "qemu".into(),
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            base: self.home.path().to_owned(),
            at: value::Path::parse("providers.local"),
        };
        (DRIVER.open)(&Site { owner: &self.owner, dirs: &self.dirs, provider: &provider, key: &self.key, idle: false })
    }

    fn context(&self) -> Context {
        let outputs = Outputs::default();
        outputs.set(self.key.clone(), attributes! { "public-key": "ssh-ed25519 AAAA shop" });
        Context {
            owner: self.owner.clone(),
            outputs,
            progress: Progress::silent(),
            limits: Limits::default(),
            cancel: tokio_util::sync::CancellationToken::new(),
            token: "first".into(),
        }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.dirs.data.join("shop/local/web")
    }

    fn resource(&self, machine: &Machine, id: &str) -> Arc<dyn Resource> {
        let expansion = self.provider().expand(machine).unwrap();
        expansion.resources.into_iter().find(|resource| resource.id().as_str() == id).unwrap()
    }
}

fn machine(image: Image) -> Machine {
    Machine {
        timeouts: Timeouts::default(),
        protect: None,
        former: Vec::new(),
        ignore: Vec::new(),
        tags: BTreeMap::new(),
        name: name("web"),
        provider: name("local"),
        image,
        resources: desired::Resources {
            ram: 1 << 30,
            cpus: 2,
            disks: BTreeMap::from([(name("root"), disk(8))]),
            cards: BTreeMap::new(),
        }
        .into(),
        engine: None,
        registries: Vec::new(),
        ports: Vec::new(),
        ssh: desired::Ssh {
            user: name("machine"),
            authorized_keys: Vec::new(),
            identity: None,
            agent: false,
            wait: Duration::from_mins(3),
        },
        user_data: Vec::new(),
        address: [10, 85, 0, 2].into(),
        depends_on: Vec::new(),
        at: value::Path::parse("machines.web"),
    }
}

fn disk(gibibytes: u64) -> Disk {
    Disk::blank(gibibytes << 30)
}

/// The network cards that the machine is to have.
fn cards(world: &World) -> Value {
    let vm = world.resource(&debian(), "qemu.vm/web");
    let card = |name: &str| {
        let (model, mac) = vm.desired()["nic"][name].as_str().unwrap().split_once(' ').unwrap();
        json!({ "model": model, "mac": mac })
    };
    json!([card("world"), card("segment")])
}

fn debian() -> Machine {
    machine(Image::Catalogue("debian-13".into()))
}

fn resized(path: &str, before: u64, after: u64) -> Change {
    Change { path: value::Path::parse(path), before: Some(json!(before)), after: Some(json!(after)) }
}

#[test]
fn a_machine_is_an_image_disks_a_seed_a_segment_and_a_vm() {
    let mut web = debian();
    Arc::make_mut(&mut web.resources).disks.insert(name("data"), disk(1));
    let expansion = World::new().provider().expand(&web).unwrap();
    let lines: Vec<_> = expansion.resources.iter().map(|resource| line(resource.as_ref())).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    qemu.image/debian-13
    qemu.disk/web.data
    qemu.disk/web.root: Uses qemu.image/debian-13
    qemu.seed/web: After ssh.key/shop
    qemu.segment/local
    qemu.vm/web: After qemu.disk/web.data, Uses qemu.disk/web.root, After qemu.seed/web, After qemu.segment/local
    ");
    assert_eq!(expansion.machine.as_str(), "qemu.vm/web");
}

fn line(resource: &dyn Resource) -> String {
    let parents: Vec<_> = resource.parents().iter().map(|Parent { id, link }| format!("{link:?} {id}")).collect();
    let colon = if parents.is_empty() { "" } else { ": " };
    format!("{}{colon}{}", resource.id(), parents.join(", "))
}

#[test]
fn what_a_change_disrupts() {
    let expansion = World::new().provider().expand(&debian()).unwrap();
    let impact = |id: &str, change: Change, power: &str| {
        let resource = expansion.resources.iter().find(|resource| resource.id().as_str() == id).unwrap();
        resource.impact(&change, &attributes! { "power": power })
    };
    let gib = 1 << 30;
    assert!(matches!(
        impact("qemu.vm/web", resized("cpus", 2, 4), "running"),
        Impact::InPlace(Disruption::Reboot, Some(text)) if text.contains("cpus")
    ));
    assert_eq!(impact("qemu.vm/web", resized("cpus", 2, 4), "stopped"), Impact::InPlace(Disruption::None, None));
    assert_eq!(impact("qemu.vm/web", resized("ports", 1, 2), "running"), Impact::InPlace(Disruption::None, None));
    assert_eq!(impact("qemu.disk/web.root", resized("image", 1, 2), "running"), Impact::Replace(Disruption::DataLoss));
    assert!(matches!(
        impact("qemu.disk/web.root", resized("size", 8 * gib, 16 * gib), "running"),
        Impact::InPlace(Disruption::None, _)
    ));
}

#[test]
fn a_disk_cannot_shrink() {
    let root = World::new().resource(&debian(), "qemu.disk/web.root");
    let Impact::Refused(why) = root.impact(&resized("size", 16 << 30, 8 << 30), &attributes! {}) else {
        panic!("not refused");
    };
    assert!(why.contains("16.0 GiB to 8.0 GiB"), "{why}");
}

#[test]
fn all_that_a_machine_cannot_have_here_is_said_at_once() {
    let mut web = machine(Image::Catalogue("debian-31".into()));
    web.address = [192, 168, 0, 1].into();
    Arc::make_mut(&mut web.resources).ram = 1 << 20;
    Arc::make_mut(&mut web.resources).disks.insert(name("a-name-of-some-length"), disk(1));
    let notes = World::new().provider().expand(&web).unwrap_err();
    let lines: Vec<_> = notes.iter().map(|note| format!("{}: {}", note.path, note.message)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    machines.web.resources.disks.a-name-of-some-length: disk name `a-name-of-some-length` has more than 20 characters
    machines.web.resources.ram: a machine needs at least 128 MiB of memory
    machines.web.address: 192.168.0.1 is not an address of the segment 10.85.0.0/16
    machines.web.image: `debian-31` is not an image the qemu driver knows
    ");
    assert_eq!(notes.last().unwrap().hint.as_deref(), Some("did you mean `debian-13`?"));
}

#[test]
fn a_misspelt_setting_and_a_bad_value_are_both_reported() {
    let notes = World::new().open([("acelerator", json!("kvm")), ("segment", json!("10.0.0.1/8"))]).unwrap_err();
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[0].hint.as_deref(), Some("did you mean `accelerator`?"));
    assert!(notes[1].message.contains("10.0.0.1/8"));
}

#[tokio::test]
async fn a_seed_is_made_found_again_and_removed_without_a_trace() {
    let (world, cx) = (World::new(), World::new().context());
    let seed = world.resource(&debian(), "qemu.seed/web");
    assert_eq!(seed.read(&cx).await, Observation::Absent);
    let made = seed.create(&cx).await.unwrap();
    assert_eq!(seed.read(&cx).await, Observation::Present(made.clone()));
    assert!(diff(seed.desired(), &made).is_empty());

    let image = std::fs::read(world.folder().join("seed.img")).unwrap();
    let host_key = std::fs::read(world.folder().join("host_key")).unwrap();
    seed.create(&cx).await.unwrap();
    assert_eq!(std::fs::read(world.folder().join("seed.img")).unwrap(), image);
    assert_eq!(std::fs::read(world.folder().join("host_key")).unwrap(), host_key);

    let provider = world.provider();
    let found = provider.list(&cx, None).await.unwrap().found;
    let ids: Vec<_> = found.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(ids, ["qemu.seed/web"]);
    provider.revive(&found[0]).unwrap().delete(&cx).await.unwrap();
    seed.delete(&cx).await.unwrap();
    assert!(!world.dirs.data.exists());
}

#[tokio::test]
async fn a_seed_for_a_key_that_is_lost_is_rewritten_and_the_machine_restarted() {
    let (world, cx) = (World::new(), World::new().context());
    let seed = world.resource(&debian(), "qemu.seed/web");
    seed.create(&cx).await.unwrap();
    let machine_of = |world: &World| std::fs::read_to_string(world.folder().join("seed.json")).unwrap();
    let before: Value = serde_json::from_str(&machine_of(&world)).unwrap();

    cx.outputs.set(world.key.clone(), attributes! { "public-key": "ssh-ed25519 BBBB shop" });
    let Observation::Present(read) = seed.read(&cx).await else { panic!("not there") };
    let changes = diff(seed.desired(), &read);
    assert_eq!(changes.iter().map(|change| change.path.to_string()).collect::<Vec<_>>(), ["project-key"]);
    seed.update(&cx, &changes).await.unwrap();
    let after: Value = serde_json::from_str(&machine_of(&world)).unwrap();
    assert_eq!(before["instance_id"], after["instance_id"], "nothing that cloud-init runs once runs again");
    assert_eq!(after["project_key"], "ssh-ed25519 BBBB shop");

    let vm = world.resource(&debian(), "qemu.vm/web");
    let change = Change { path: value::Path::parse("project-key"), before: None, after: Some(json!("let in")) };
    let running = attributes! { "power": "running" };
    let text = "restarts the machine to let the project's new key in".to_owned();
    assert_eq!(vm.impact(&change, &running), Impact::InPlace(Disruption::Reboot, Some(text)));
    let mut own = debian();
    own.ssh.agent = true;
    assert!(!world.resource(&own, "qemu.vm/web").desired().contains_key("project-key"), "another key is let in");
}

#[cfg(unix)]
#[tokio::test]
async fn a_host_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.resource(&debian(), "qemu.seed/web").create(&world.context()).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.folder()), 0o700);
    for file in ["host_key", "seed.img", "seed.json"] {
        assert_eq!(mode(&world.folder().join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_folder_of_another_project_is_left_alone() {
    let world = World::new();
    let seed = world.resource(&debian(), "qemu.seed/web");
    seed.create(&world.context()).await.unwrap();
    let label = json!({ "project": "other", "id": null, "provider": "local", "machine": "web" });
    std::fs::write(world.folder().join("owner.json"), label.to_string()).unwrap();
    assert!(seed.create(&world.context()).await.unwrap_err().message.contains("project other"));
    assert!(world.provider().list(&world.context(), None).await.is_err());
}

#[tokio::test]
async fn a_vm_whose_process_is_gone_is_stopped_and_a_strangers_process_is_not_taken_for_it() {
    let world = World::new();
    let cx = world.context();
    world.resource(&debian(), "qemu.seed/web").create(&cx).await.unwrap();
    let applied = json!({
        "cpus": 2, "ram": 1 << 30, "ports": {}, "disks": { "root": {} }, "cards": cards(&world), "address": "10.85.0.2", "ssh": 2222, "accelerator": "tcg", "project_key": "ssh-ed25519 AAAA shop",
    });
    std::fs::write(world.folder().join("vm.json"), applied.to_string()).unwrap();
    std::fs::write(world.folder().join("vm.pid"), std::process::id().to_string()).unwrap();
    let vm = world.resource(&debian(), "qemu.vm/web");
    let Observation::Present(seen) = vm.read(&cx).await else { panic!("not there") };
    assert_eq!(
        (&seen["power"], &seen["ssh"], &seen["patience"]),
        (&json!("stopped"), &json!("127.0.0.1:2222"), &json!(6))
    );
    assert_eq!(diff(vm.desired(), &seen).len(), 1);
    vm.delete(&cx).await.unwrap();
    assert_eq!(vm.read(&cx).await, Observation::Absent);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_not_taken_for_absence() {
    let world = World::new();
    world.resource(&debian(), "qemu.seed/web").create(&world.context()).await.unwrap();
    std::fs::write(world.folder().join("vm.json"), "{").unwrap();
    let seen = world.resource(&debian(), "qemu.vm/web").read(&world.context()).await;
    assert!(matches!(seen, Observation::Unreadable(why) if why.contains("vm.json")));
}

/// A qcow2 header is all that is looked at.
fn qcow2(backing: u8) -> Vec<u8> {
    let mut bytes = vec![7; 200_000];
    bytes[..80].fill(0);
    bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
    bytes[15] = backing;
    bytes
}
