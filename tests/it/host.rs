//! What is kept on a machine, against a machine that answers from a script.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use libmachine::attributes;
use libmachine::desired::{ComposeProject, Disk, Engine, Image, Machine, Resources, Ssh, Timeouts};
use libmachine::dirs::Dirs;
use libmachine::host::{Hosts, expand};
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::keyring::{Cipher, Keyring};
use libmachine::resource::{
    Context, Disruption, Failure, Impact, Limits, Observation, Outputs, Progress, Resource, diff,
};
use libmachine::store::Files;
use libmachine::transport::{Command, Error, Lines, Output, Transport};
use libmachine::value::{Attributes, Path, Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

mod disks;
mod engine;
mod images;
mod keys;
mod registries;
mod texts;
mod updates;

type Answer = Result<Output, Error>;

/// Answers each command by what its script or arguments contain, and remembers what was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<(&'static str, Answer)>>,
    asked: Mutex<Vec<String>>,
    /// Once a command has been asked, another is answered otherwise.
    after: Mutex<Option<(&'static str, &'static str, Output)>>,
    /// A command whose answer waits until it is let go.
    held: Mutex<Option<(&'static str, Arc<Notify>)>>,
}

impl Script {
    fn answer(&self, to: &'static str, with: Output) {
        self.answers.lock().unwrap().insert(0, (to, Ok(with)));
    }

    fn refuse(&self, to: &'static str, with: Error) {
        self.answers.lock().unwrap().insert(0, (to, Err(with)));
    }

    fn asked_for(&self, part: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|command| command.contains(part)).cloned().collect()
    }
}

#[async_trait]
impl Transport for Script {
    async fn run(&self, command: &Command) -> Answer {
        let text = format!("{}\n{}", command.argv.join(" "), String::from_utf8_lossy(&command.stdin));
        let answer =
            self.answers.lock().unwrap().iter().find(|(part, _)| text.contains(part)).map(|(_, with)| with.clone());
        let held = self.held.lock().unwrap().clone().filter(|(part, _)| text.contains(part));
        let then = self.after.lock().unwrap().take_if(|(part, ..)| text.contains(*part));
        self.asked.lock().unwrap().push(text);
        if let Some((_, to, with)) = then {
            self.answer(to, with);
        }
        if let Some((_, let_go)) = held {
            let_go.notified().await;
        }
        answer.unwrap_or_else(|| Ok(said(1, "nobody told me")))
    }

    async fn stream(&self, command: &Command, line: &mut Lines<'_>) -> Answer {
        let output = self.run(command).await?;
        output.stdout.lines().for_each(&mut *line);
        Ok(output)
    }

    async fn put(&self, _path: &str, _content: &[u8], _mode: u32) -> Result<(), Error> {
        Ok(())
    }
}

fn said(status: i32, stdout: &str) -> Output {
    Output { status, stdout: stdout.to_owned(), stderr: String::new() }
}

const FACTS: &str = "Looks at everything";
const READY: &str = "cloud-init >/dev/null";
const APPLY: &str = "Puts a daemon.json and the engine's variables in force";
const CONFIRM: &str = "Confirms a change over";
const INSTALL: &str = "Installs packages";
const DOWN: &str = "Takes a project down";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A Debian 13 machine with an engine, one hand-made option and one option of ours.
fn facts(more: &str) -> Output {
    with_options("{\"mtu\":1400,\"labels\":[\"a=b\"]}", more)
}

fn with_options(options: &str, more: &str) -> Output {
    let options = format!("\n\x1edaemon.json\n{options}\n");
    let text = [
        "\n\x1eos\nID=debian\nVERSION_ID=\"13\"\n",
        "\n\x1ehosts\n127.0.0.1 localhost\n",
        "\n\x1epackages\ndocker.io installed hold 26.1.5+dfsg1-9\ndocker-compose installed install 2.26.1-4\n",
        "\n\x1ecompose-version\n2.26.1-4\n",
        "\n\x1einfo\n{\"ServerVersion\":\"26.1.5\",\"ContainersRunning\":3,\"Labels\":[\"a=b\"]}\n",
        &options,
        "\n\x1eapplied.json\n{\"labels\":[\"a=b\"]}\n",
        more,
        "\n\x1eend\n",
    ];
    said(0, &text.concat())
}

/// Without a key in it.
fn keyring() -> Arc<Keyring> {
    let [config, state] = ["config", "state"].map(|name| PathBuf::from("/nowhere").join(name));
    let dirs = Dirs {
        global: config.clone(),
        config,
        state: state.clone(),
        data: state.clone(),
        cache: state.clone(),
        runtime: state,
    };
    let cipher = Cipher::new(&[], &BTreeMap::new(), &dirs).unwrap();
    Arc::new(Keyring::new(Arc::new(Files::new(PathBuf::from("/nowhere/keys"))), cipher))
}

struct World {
    script: Arc<Script>,
    hosts: Arc<Hosts>,
    resources: Vec<Arc<dyn Resource>>,
    cx: Context,
}

impl World {
    fn with(version: Option<&str>, options: &Value) -> Self {
        Self::of(&machine(version, options), &BTreeMap::new())
    }

    fn of(machine: &Machine, devices: &BTreeMap<Name, String>) -> Self {
        Self::running(machine, devices, &[])
    }

    fn running(machine: &Machine, devices: &BTreeMap<Name, String>, projects: &[&ComposeProject]) -> Self {
        let script = Arc::new(Script::default());
        script.answer(FACTS, facts(""));
        script.answer(READY, said(0, "debian 13\nx86_64\n"));
        let dial = {
            let script = Arc::clone(&script);
            move |_| Arc::clone(&script) as Arc<dyn Transport>
        };
        let hosts = Arc::new(Hosts::new(dial, ResourceId::new("ssh.key", "shop"), keyring()));
        let vm = ResourceId::new("qemu.vm", "web");
        let peers =
            BTreeMap::from([(name("web"), "10.1.0.2".parse().unwrap()), (name("db"), "10.1.0.3".parse().unwrap())]);
        let (resources, notes) = expand(machine, &vm, projects, &peers, &hosts, devices);
        assert_eq!(notes, []);
        let cx = Context {
            owner: Owner { project: name("shop"), id: None },
            outputs: Outputs::default(),
            progress: Progress::silent(),
            limits: Limits::default(),
            cancel: CancellationToken::default(),
            token: "t".into(),
        };
        let up = attributes! { "power": "running", "ssh": "127.0.0.1:1", "host-key": "ssh-ed25519 AAAA" };
        cx.outputs.set(vm, up);
        Self { script, hosts, resources, cx }
    }

    fn get(&self, kind: &str) -> &dyn Resource {
        &**self.resources.iter().find(|resource| resource.id().kind() == kind).unwrap()
    }

    /// Reads a resource after its host.
    async fn read(&self, kind: &str) -> Observation {
        let host = self.get("host");
        let seen = host.read(&self.cx).await;
        if let Observation::Present(seen) = &seen {
            self.cx.outputs.set(host.id().clone(), seen.clone());
        }
        if kind == "host" { seen } else { self.get(kind).read(&self.cx).await }
    }

    async fn present(&self, kind: &str) -> Attributes {
        match self.read(kind).await {
            Observation::Present(attributes) => attributes,
            other => panic!("{kind}: {other:?}"),
        }
    }

    /// Changes all that differs.
    async fn update(&self, kind: &str) -> Result<Attributes, Failure> {
        let seen = self.present(kind).await;
        let resource = self.get(kind);
        resource.update(&self.cx, &diff(resource.desired(), &seen)).await
    }

    /// `path before after impact`, one per change.
    async fn changes(&self, kind: &str) -> Vec<(String, Impact)> {
        let seen = self.present(kind).await;
        let resource = self.get(kind);
        let changes = diff(resource.desired(), &seen);
        changes.iter().map(|change| (change.path.to_string(), resource.impact(change, &seen))).collect()
    }
}

fn machine(version: Option<&str>, options: &Value) -> Machine {
    let (root, raw) = (Disk::blank(10 << 30), Disk::blank(1 << 30));
    Machine {
        timeouts: Timeouts::default(),
        protect: None,
        former: Vec::new(),
        ignore: Vec::new(),
        tags: BTreeMap::new(),
        name: name("web"),
        provider: name("qemu"),
        image: Image::Catalogue("debian-13".into()),
        resources: Resources {
            ram: 1 << 30,
            cpus: 1,
            disks: BTreeMap::from([(name("root"), root), (name("raw"), raw)]),
            cards: BTreeMap::new(),
        }
        .into(),
        engine: Some(Engine {
            version: version.map(str::to_owned),
            options: options.as_object().unwrap().clone().into_iter().collect(),
            at: Path::parse("machines.web.engine"),
            ..Engine::default()
        }),
        registries: Vec::new(),
        ports: Vec::new(),
        ssh: Ssh {
            user: name("ops"),
            authorized_keys: Vec::new(),
            identity: None,
            agent: false,
            wait: Duration::from_mins(3),
        },
        user_data: Vec::new(),
        address: "10.1.0.2".parse().unwrap(),
        depends_on: Vec::new(),
        at: Path::parse("machines.web"),
    }
}

#[test]
fn a_machine_has_a_host_names_filesystems_and_an_engine() {
    let world = World::with(None, &json!({}));
    let ids: Vec<_> = world.resources.iter().map(|resource| resource.id().to_string()).collect();
    assert_eq!(
        ids,
        ["host/web", "host.names/web", "host.filesystem/web.root", "engine.package/web", "engine.daemon/web"]
    );
}

#[tokio::test]
async fn below_a_stopped_machine_nothing_is_asked_and_nothing_is_absent() {
    let world = World::with(None, &json!({}));
    world.cx.outputs.set(ResourceId::new("qemu.vm", "web"), attributes! { "power": "stopped" });
    assert_eq!(world.read("engine.package").await, Observation::Unreadable("web is stopped".into()));
    assert_eq!(world.present("host").await, attributes! { "ready": false, "why": "stopped" });
    assert!(world.script.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_machine_that_does_not_answer_yet_is_there_and_not_ready() {
    let world = World::with(None, &json!({}));
    let silence = Error::Unreachable { address: "127.0.0.1:1".into(), why: "no answer within 5 s".into() };
    world.script.refuse(READY, silence);
    let seen = world.present("host").await;
    assert_eq!(seen["why"], "127.0.0.1:1 does not answer: no answer within 5 s");
    assert_eq!(world.read("host.names").await, Observation::Unreadable("web does not answer yet".into()));
    assert_eq!(world.script.asked_for(READY).len(), 2, "one attempt per read");
}

#[tokio::test]
async fn cloud_init_at_work_is_waited_for() {
    let world = World::with(None, &json!({}));
    world
        .script
        .answer(READY, said(0, "debian 13\nx86_64\n{\"status\":{\"v1\":{\"stage\":\"init\"}},\"result\":null}\n"));
    assert_eq!(world.present("host").await["why"], "cloud-init is at work (stage init)");
    world.cx.cancel.cancel();
    let failure = world.get("host").create(&world.cx).await.unwrap_err();
    assert_eq!(failure.message, "stopped on request");
}

#[tokio::test]
async fn a_stranger_at_the_address_is_not_talked_to() {
    let world = World::with(None, &json!({}));
    let stranger = Error::HostKey { address: "127.0.0.1:1".into(), got: "SHA256:x".into() };
    world.script.refuse(READY, stranger);
    assert!(matches!(world.read("host").await, Observation::Unreadable(why) if why.contains("another host key")));
    assert!(world.get("host").create(&world.cx).await.unwrap_err().message.contains("another host key"));
}

#[tokio::test]
async fn a_machine_is_looked_at_once_per_run() {
    let world = World::with(None, &json!({}));
    world.present("host").await;
    for kind in ["host.names", "host.filesystem", "engine.package", "engine.daemon"] {
        world.get(kind).read(&world.cx).await;
    }
    assert_eq!(world.script.asked_for(FACTS).len(), 1);
    world.present("host").await;
    world.get("engine.daemon").read(&world.cx).await;
    assert_eq!(world.script.asked_for(FACTS).len(), 2, "the next run looks anew");
}

#[tokio::test]
async fn what_is_seen_in_the_middle_of_a_change_is_not_its_result() {
    let world = World::with(None, &json!({}));
    let let_go = Arc::new(Notify::new());
    *world.script.held.lock().unwrap() = Some((INSTALL, Arc::clone(&let_go)));
    world.script.answer(FACTS, said(0, "\n\x1eos\nID=debian\nVERSION_ID=13\n\n\x1eend\n"));
    world.script.answer(INSTALL, said(0, ""));
    assert_eq!(world.read("engine.package").await, Observation::Absent);
    let sibling = async {
        world.get("host.names").create(&world.cx).await.unwrap_err();
        world.get("host.names").read(&world.cx).await;
        world.script.answer(FACTS, facts(""));
        let_go.notify_one();
    };
    let (installed, ()) = tokio::join!(world.get("engine.package").create(&world.cx), sibling);
    assert_eq!(installed.unwrap()["installed"], true);
}

#[tokio::test]
async fn an_engine_that_runs_and_is_silent_is_not_taken_for_a_stopped_one() {
    let world = World::with(None, &json!({ "dns": ["9.9.9.9"] }));
    world.script.answer(FACTS, said(0, "\n\x1eunit\nactive\n\n\x1einfo\n\n\x1eend\n"));
    let silent = Observation::Unreadable("the engine does not answer".to_owned());
    assert_eq!(world.read("engine.daemon").await, silent);
    assert!(world.get("engine.daemon").update(&world.cx, &[]).await.is_err());
    assert!(world.script.asked_for(APPLY).is_empty());
    world.script.answer(FACTS, said(0, "\n\x1eunit\ninactive\n\n\x1einfo\n\n\x1eend\n"));
    assert_eq!(world.present("engine.daemon").await["running"], false);
}

#[tokio::test]
async fn names_without_their_template_do_not_last() {
    let world = World::with(None, &json!({}));
    assert_eq!(world.read("host.names").await, Observation::Absent);
    let block = "# machine: names of this project's machines\n10.1.0.3 db\n10.1.0.2 web\n# machine: end\n";
    world.script.answer(
        FACTS,
        said(0, &format!("\n\x1ehosts\n{block}\n\x1ehosts-template hosts.redhat.tmpl\n## template\n\n\x1eend\n")),
    );
    assert_eq!(world.changes("host.names").await.len(), 2);
    world.script.answer(
        FACTS,
        said(0, &format!("\n\x1ehosts\n{block}\n\x1ehosts-template hosts.redhat.tmpl\n{block}\n\x1eend\n")),
    );
    assert_eq!(world.changes("host.names").await, []);
}

#[tokio::test]
async fn a_pinned_version_is_met_by_its_beginning() {
    assert_eq!(World::with(Some("26.1"), &json!({})).changes("engine.package").await, []);
    let newer = World::with(Some("28"), &json!({})).changes("engine.package").await;
    let text = "restarts the engine, 3 containers restart".to_owned();
    assert_eq!(newer, [("version".to_owned(), Impact::InPlace(Disruption::Restart, Some(text)))]);
    let older = World::with(Some("20.10"), &json!({})).changes("engine.package").await;
    assert!(matches!(&older[0].1, Impact::Refused(why) if why.contains("downgrade")));
}

#[tokio::test]
async fn a_version_nobody_offers_is_told_with_those_that_are() {
    let world = World::with(Some("28"), &json!({}));
    world.present("engine.package").await;
    world.script.answer(INSTALL, said(10, "refreshing the package lists\noffered: 26.1.5+dfsg1-9\n"));
    let failure = world.update("engine.package").await.unwrap_err();
    assert_eq!(failure.message, "no version of docker.io is 28");
    assert_eq!(failure.hint.as_deref(), Some("offered are: 26.1.5+dfsg1-9"));
    assert!(
        world.script.asked_for(INSTALL)[0]
            .starts_with("sh -s -- 300 28 docker.io docker.io docker-cli docker-compose iptables")
    );
}

#[tokio::test]
async fn an_unknown_distribution_is_told_what_is_known() {
    let world = World::with(None, &json!({}));
    world.script.answer(FACTS, said(0, "\n\x1eos\nID=alpine\nVERSION_ID=3.22\n\n\x1eend\n"));
    assert_eq!(world.read("engine.package").await, Observation::Absent);
    let failure = world.get("engine.package").create(&world.cx).await.unwrap_err();
    assert_eq!(failure.message, "installing the engine on alpine 3.22 is not supported");
    assert!(failure.hint.unwrap().contains("debian 13"));
}

#[tokio::test]
async fn a_compose_project_that_left_the_machinefile_is_found_and_taken_down() {
    let world = World::with(None, &json!({}));
    world.script.answer(
        FACTS,
        facts(concat!(
            "\n\x1eproject old\nowner  {\"project\":\"shop\"}\nservice  web h\n",
            "\n\x1eproject theirs\nowner  {\"project\":\"other\"}\n",
        )),
    );
    world.present("host").await;
    let source = world.get("host").contents().unwrap();
    world.present("engine.daemon").await;
    let found = source.list(&world.cx, None).await.unwrap().found;
    let names: Vec<_> = found.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(names, ["compose.project/old@web", "engine.daemon/web"]);
    assert_eq!(found[0].attributes["services"], "web missing");

    let revived = source.revive(&found[0]).unwrap();
    world.script.answer(DOWN, said(0, ""));
    revived.delete(&world.cx).await.unwrap();
    assert!(world.script.asked_for(DOWN)[0].starts_with("sh -s -- old 120\n"));
    assert_eq!(revived.deletion(), Disruption::Restart, "volumes stay");
}
