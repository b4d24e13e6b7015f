//! The docker driver: what it makes of a machine, and what it says where there is no engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use libmachine::attributes;
use libmachine::desired::{self, Digest, Disk, Image, Machine, Timeouts};
use libmachine::dirs::Dirs;
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::note::Note;
use libmachine::provider::docker::DRIVER;
use libmachine::provider::{Provider, Site};
use libmachine::resource::{
    Change, Context, Disruption, Impact, Limits, Observation, Outputs, Parent, Progress, Resource,
};
use libmachine::value::{self, Value, json};
use tempfile::TempDir;

mod compose;
mod engine;
mod live;
mod options;

struct World {
    dirs: Dirs,
    owner: Owner,
    key: ResourceId,
    _home: TempDir,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl World {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let dir = |name: &str| home.path().join(name);
        let dirs = Dirs {
            config: dir("config"),
            global: dir("global"),
            state: dir("state"),
            data: dir("data"),
            cache: dir("cache"),
            runtime: dir("run"),
        };
        let owner = Owner { project: name("shop"), id: None };
        Self { dirs, owner, key: ResourceId::new("ssh.key", "shop"), _home: home }
    }

    fn open<const N: usize>(&self, settings: [(&str, Value); N], idle: bool) -> Result<Arc<dyn Provider>, Vec<Note>> {
        let provider = desired::Provider {
            name: name("local"),
            driver: "docker".into(),
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            base: "/".into(),
            at: value::Path::parse("providers.local"),
        };
        (DRIVER.open)(&Site { owner: &self.owner, dirs: &self.dirs, provider: &provider, key: &self.key, idle })
    }

    /// With an engine that is not there.
    fn provider(&self, idle: bool) -> Arc<dyn Provider> {
        self.open([("host", json!("unix:///nowhere/docker.sock"))], idle).unwrap()
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

    fn findings(&self, machine: &Machine) -> String {
        let notes = self.provider(false).expand(machine).unwrap_err();
        notes.iter().map(|note| format!("{}: {}", note.path, note.message)).collect::<Vec<_>>().join("\n")
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
            disks: BTreeMap::from([(name("root"), Disk::blank(20 << 30))]),
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

fn debian() -> Machine {
    machine(Image::Catalogue("debian-13".into()))
}

fn with_disk(mount: Option<&str>) -> Machine {
    let mut web = debian();
    Arc::make_mut(&mut web.resources)
        .disks
        .insert(name("data"), Disk { mount: mount.map(str::to_owned), ..Disk::blank(1 << 30) });
    web
}

fn line(resource: &dyn Resource) -> String {
    let parents: Vec<_> = resource.parents().iter().map(|Parent { id, link }| format!("{link:?} {id}")).collect();
    let colon = if parents.is_empty() { "" } else { ": " };
    format!("{}{colon}{}", resource.id(), parents.join(", "))
}

#[test]
fn a_machine_is_an_image_a_network_volumes_and_a_container() {
    let expansion = World::new().provider(false).expand(&with_disk(Some("/data"))).unwrap();
    let lines: Vec<_> = expansion.resources.iter().map(|resource| line(resource.as_ref())).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    docker.image/debian-13
    docker.network/local
    docker.store/web
    docker.volume/web.data
    docker.container/web: After docker.volume/web.data, After docker.store/web, After docker.network/local, Uses docker.image/debian-13, After ssh.key/shop
    ");
    assert_eq!(expansion.machine.as_str(), "docker.container/web");
}

#[test]
fn what_a_container_cannot_have_is_said_where_it_is_written() {
    let world = World::new();
    let mut small = with_disk(None);
    Arc::make_mut(&mut small.resources).ram = 64 << 20;
    small.address = [192, 168, 0, 1].into();
    insta::assert_snapshot!(world.findings(&small), @r"
    machines.web.resources.disks.data: disk `data` has no mount point, and a container has no device to show it as
    machines.web.resources.ram: a machine needs at least 128 MiB of memory
    machines.web.address: 192.168.0.1 is not an address of the segment 10.85.0.0/16
    ");
    insta::assert_snapshot!(world.findings(&with_disk(Some("/var/lib/docker"))), @"machines.web.resources.disks.data.mount: disk `data` cannot be mounted at `/var/lib/docker` in a container");
    let url = Image::Url { url: "https://example.org/disk.qcow2".into(), digest: Digest::Sha256("00".into()) };
    insta::assert_snapshot!(world.findings(&machine(url)), @"machines.web.image: the docker driver does not download https://example.org/disk.qcow2");
}

#[test]
fn an_engine_elsewhere_is_refused() {
    let notes = World::new().open([("host", json!("tcp://10.0.0.2:2375"))], false).unwrap_err();
    assert_eq!(notes[0].path, value::Path::parse("providers.local.host"));
    assert_eq!(notes[0].message, "`tcp://10.0.0.2:2375` is not an engine on this computer");
}

#[test]
fn what_a_change_disturbs_is_told() {
    let expansion = World::new().provider(false).expand(&debian()).unwrap();
    let container = expansion.resources.last().unwrap();
    let of = |path: &str, power: &str| {
        let change = Change { path: value::Path::parse(path), before: None, after: Some(json!(1)) };
        container.impact(&change, &attributes! { "power": power })
    };
    assert_eq!(of("ram", "running"), Impact::InPlace(Disruption::None, None));
    assert_eq!(of("protect", "running"), Impact::InPlace(Disruption::None, None));
    assert_eq!(of("tags.tier", "stopped"), Impact::InPlace(Disruption::None, None));
    assert_eq!(of("image", "running"), Impact::Replace(Disruption::DataLoss));
    assert!(matches!(of("ports", "running"), Impact::InPlace(Disruption::Reboot, Some(_))));
    assert!(matches!(of("ports", "stopped"), Impact::InPlace(Disruption::None, Some(_))));
    assert_eq!(container.deletion(), Disruption::DataLoss);
}

#[tokio::test]
async fn without_an_engine_nothing_is_read_or_made_and_the_reason_is_told() {
    let world = World::new();
    let (provider, cx) = (world.provider(false), world.context());
    let failure = provider.list(&cx, None).await.unwrap_err();
    let message = "the Docker Engine at unix:///nowhere/docker.sock cannot be reached: No such file or directory";
    assert!(failure.message.starts_with(message), "{}", failure.message);
    assert_eq!(failure.hint.unwrap(), "install and start it, or say where it is with the provider's `host`");
    for resource in provider.expand(&debian()).unwrap().resources {
        assert!(matches!(resource.read(&cx).await, Observation::Unreadable(why) if why.starts_with(message)));
        assert!(resource.create(&cx).await.unwrap_err().message.starts_with(message));
    }
}

#[tokio::test]
async fn where_no_machine_asks_for_an_engine_none_is_missed() {
    let world = World::new();
    assert!(world.provider(true).list(&world.context(), None).await.unwrap().found.is_empty());
}
