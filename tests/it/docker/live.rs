//! Containers as machines for real, on an engine that the test starts. They are made and deleted by runs that are killed at
//! every turn.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use libmachine::desired::{Build, Image};
use libmachine::dirs::Dirs;
use libmachine::value::json;
use serde_json::Value;

use super::engine::Engine;
use super::{World, machine};
use crate::support::hail::hail;
use crate::support::sandbox::Sandbox;

/// Tells one start of a machine from another.
const BOOTED: &[&str] = &["systemctl", "show", "-p", "UserspaceTimestampMonotonic"];

/// What the computer's network has cannot be reached from where the machines are: the image is handed to the engine
/// from outside.
pub(super) async fn hand_over_the_image(engine: &Engine, release: &str, packages: &[&str]) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache/machine");
    let mut world = World::new();
    world.dirs = Dirs { cache, ..world.dirs };
    let provider = world.open([("host", json!(engine.host()))], false).unwrap();
    let build =
        Build { release: release.into(), packages: packages.iter().map(|&name| name.into()).collect(), mirror: None };
    let image = provider.expand(&machine(Image::Build(build))).unwrap().resources.remove(0);
    assert_eq!(image.id().kind(), "docker.image");
    image.create(&world.context()).await.unwrap();
}

fn sandbox(engine: &Engine) -> Sandbox {
    let host = engine.host();
    let sandbox = Sandbox::with(&format!(
        "name: pair
id: x7k2
providers: {{ here: {{ driver: docker, host: \"{host}\" }} }}
defaults:
  provider: here
  image: {{ build: debian-13, packages: [busybox-static] }}
  resources: {{ ram: 1, cpus: 2 }}
machines:
  web:
    address: 10.85.1.9
    ports: [\"8080:80\"]
    engine: {{ options: {{ log-driver: local, debug: true }} }}
    resources: {{ disks: {{ data: {{ allocation: 1GB, filesystem: ext4, mount: /data }} }} }}
  db: {{ engine: false }}
compose:
  site: {{ on: web, files: [site/compose.yaml] }}
"
    ))
    .sharing_images()
    .in_network_of(engine.pid());
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    for name in ["site/compose.yaml", "site/Dockerfile", "site/passwd", "site/www/index.html"] {
        sandbox.write(name, &std::fs::read_to_string(example.join(name)).expect("an example"));
    }
    sandbox
}

fn page(sandbox: &Sandbox, port: u16) -> Option<String> {
    let address = format!("http://127.0.0.1:{port}/");
    let output = sandbox.program("curl").args(["-sS", "--max-time", "20", &address]).output().expect("curl runs");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(super) fn on(sandbox: &Sandbox, machine: &str, command: &[&str]) -> String {
    let mut words = vec!["ssh", machine, "--"];
    words.extend_from_slice(command);
    let ran = sandbox.run(words);
    assert_eq!(ran.code, 0, "{command:?} on {machine}:\n{}{}", ran.stdout, ran.stderr);
    ran.stdout.trim().to_owned()
}

/// Resource, action and disruption of each step.
pub(super) fn steps(sandbox: &Sandbox) -> Vec<String> {
    let plan: Value = serde_json::from_str(&sandbox.ok("plan -o json").stdout).expect("JSON");
    let text = |step: &Value, key: &str| step[key].as_str().expect("a text").to_owned();
    let steps = plan["steps"].as_array().expect("a list");
    steps.iter().map(|step| ["resource", "action", "disruption"].map(|key| text(step, key)).join(" ")).collect()
}

/// Everything at the engine that carries the project's label, by kind.
fn labelled(engine: &Engine) -> BTreeMap<&'static str, String> {
    let filter = "label=machine.owner=pair-x7k2";
    let of =
        |kind: &'static str, command: &[&str]| (kind, engine.says(&[command, &["-q", "--filter", filter]].concat()));
    BTreeMap::from([
        of("containers", &["ps", "-a"]),
        of("networks", &["network", "ls"]),
        of("volumes", &["volume", "ls"]),
        of("images", &["image", "ls", "-a"]),
    ])
}

#[tokio::test]
async fn containers_are_machines_that_follow_every_edit() {
    let engine = Engine::start();
    hand_over_the_image(&engine, "debian-13", &["busybox-static"]).await;
    let sandbox = sandbox(&engine);

    let up = hail(&sandbox, "up -y");
    assert!(up.moments.len() > 20, "{:#?}", up.moments);
    assert!(up.last.stdout.contains("http://127.0.0.1:8080"), "{}", up.last.stdout);
    assert_eq!(engine.says(&["ps", "-aq"]).lines().count(), 2, "two machines and no twin");
    assert!(page(&sandbox, 8080).expect("a page").contains("Hello from a machine"));
    sandbox.assert_converged();
    assert_machines_are_of_their_own(&sandbox);

    contexts_lead_to_the_engine_as_long_as_they_are_wanted(&sandbox);
    options_and_limits_change_in_place(&engine, &sandbox);
    protection_is_written_at_once_and_outlives_the_container(&sandbox);
    a_killed_machine_is_started_again(&engine, &sandbox);
    a_port_changes_in_a_new_container_that_has_everything(&sandbox);
    a_machine_is_renamed_while_it_runs_and_back_again(&engine, &sandbox);
    a_machine_is_let_go_and_taken_over(&engine, &sandbox);
    a_container_that_was_removed_is_made_again(&engine, &sandbox);
    a_lost_key_is_replaced_while_the_machines_run(&sandbox);

    assert!(hail(&sandbox, "destroy -y").moments.len() > 4);
    for (kind, left) in labelled(&engine) {
        assert_eq!(left, "", "{kind} are left");
    }
    assert!(page(&sandbox, 8081).is_none(), "the port is free again");
}

fn assert_machines_are_of_their_own(sandbox: &Sandbox) {
    for machine in ["web", "db"] {
        assert_eq!(on(sandbox, machine, &["hostname"]), machine);
        assert_eq!(on(sandbox, machine, &["sudo", "systemctl", "--failed", "--no-legend"]), "");
        let other = if machine == "web" { "db" } else { "web" };
        on(sandbox, machine, &["sudo", "busybox", "ping", "-c", "1", "-W", "10", other]);
    }
    assert_ne!(on(sandbox, "web", &["cat", "/etc/machine-id"]), on(sandbox, "db", &["cat", "/etc/machine-id"]));
    assert_eq!(on(sandbox, "web", &["sudo", "docker", "info", "-f", "{{.Driver}}"]), "overlay2");
    let engine = sandbox.run(["ssh", "db", "--", "systemctl", "is-active", "docker"]);
    assert_eq!(engine.stdout.trim(), "inactive", "no engine was asked for");
}

fn contexts_lead_to_the_engine_as_long_as_they_are_wanted(sandbox: &Sandbox) {
    let docker = |words: &str| {
        let mut command = std::process::Command::new("docker");
        command.args(words.split(' ')).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", sandbox.home()).output().expect("docker runs")
    };
    let name = "--context pair.web info -f {{.Name}}";
    sandbox.edit("Machinefile.yaml", "machines:", "contexts: true\nmachines:");
    assert_eq!(steps(sandbox), ["docker.context/web create none"]);
    assert!(hail(sandbox, "up -y").moments.contains("docker.context/web started"));
    sandbox.assert_converged();
    let many: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20).map(|_| scope.spawn(|| docker(name))).collect();
        all.into_iter().map(|one| one.join().expect("it ends")).collect()
    });
    for ran in many {
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "web\n", "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let tunnel = |(_, line): &(String, String)| line.contains("docker-tunnel");
    let tunnels = || sandbox.processes().into_iter().filter(tunnel).collect::<Vec<_>>();
    let [(pid, _)] = &tunnels()[..] else { panic!("not one tunnel") };
    assert!(std::process::Command::new("kill").args(["-9", pid]).status().expect("kill runs").success());
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("tunnel  stopped → running"), "{plan}");
    sandbox.ok("up -y");
    assert_eq!(String::from_utf8_lossy(&docker(name).stdout), "web\n");
    sandbox.assert_converged();

    sandbox.edit("Machinefile.yaml", "contexts: true\n", "");
    assert_eq!(steps(sandbox), ["docker.context/web delete none"]);
    hail(sandbox, "up -y");
    sandbox.assert_converged();
    assert_eq!(tunnels(), []);
    assert!(!docker(name).status.success(), "the context is gone");
    assert_eq!(sandbox.files(".docker/contexts/meta"), Vec::<String>::new());

    let machine = sandbox.command(["env", "web"]);
    let script = "eval $(\"$@\") && echo $DOCKER_MACHINE_NAME $(docker info -f '{{.Name}}')";
    let mut session = std::process::Command::new("setsid");
    session.args(["--wait", "sh", "-c", script, "sh"]).arg(machine.get_program()).args(machine.get_args());
    session.env_clear().envs(machine.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(sandbox.project());
    let ran = session.output().expect("setsid runs");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "web web\n", "{}", String::from_utf8_lossy(&ran.stderr));
    let end = Instant::now() + Duration::from_secs(20);
    while !tunnels().is_empty() {
        assert!(Instant::now() < end, "the tunnel outlives its session: {:?}", tunnels());
        std::thread::yield_now();
    }
    sandbox.assert_converged();
}

fn options_and_limits_change_in_place(engine: &Engine, sandbox: &Sandbox) {
    let booted = on(sandbox, "web", BOOTED);
    sandbox.edit("Machinefile.yaml", ", debug: true", ", debug: false");
    sandbox.edit("Machinefile.yaml", "ram: 1,", "ram: 0.75,");
    assert_eq!(
        steps(sandbox),
        ["docker.container/db update none", "docker.container/web update none", "engine.daemon/web update reload",]
    );
    sandbox.ok("up -y");
    assert_eq!(engine.says(&["inspect", "-f", "{{.HostConfig.Memory}}", "pair-x7k2.web"]), (768 << 20).to_string());
    assert_eq!(on(sandbox, "web", BOOTED), booted, "nothing was restarted");
    sandbox.assert_converged();
}

fn protection_is_written_at_once_and_outlives_the_container(sandbox: &Sandbox) {
    let booted = on(sandbox, "db", BOOTED);
    sandbox.edit(
        "Machinefile.yaml",
        "db: { engine: false }",
        "db: { engine: false, protect: true, tags: { tier: data } }",
    );
    assert_eq!(steps(sandbox), ["docker.container/db update none"]);
    sandbox.ok("up -y");
    sandbox.assert_converged();
    assert_eq!(on(sandbox, "db", BOOTED), booted, "nothing was restarted");
    sandbox.edit("Machinefile.yaml", "tags: { tier: data }", "ports: ['8099:99']");
    sandbox.ok("up -y");
    sandbox.assert_converged();
    let refused = sandbox.run(["destroy", "-y", "--target", "db"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("docker.container/db: it is protected"), "{}", refused.stderr);
    sandbox.edit("Machinefile.yaml", "protect: true, ports: ['8099:99']", "protect: false");
    sandbox.ok("up -y");
    sandbox.assert_converged();
}

fn a_killed_machine_is_started_again(engine: &Engine, sandbox: &Sandbox) {
    let id = on(sandbox, "web", &["cat", "/etc/machine-id"]);
    engine.says(&["kill", "pair-x7k2.web"]);
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("power  stopped → running"), "{plan}");
    sandbox.ok("up -y");
    assert!(page(sandbox, 8080).expect("a page").contains("Hello from a machine"));
    assert_eq!(on(sandbox, "web", &["cat", "/etc/machine-id"]), id);
    sandbox.assert_converged();
}

fn a_port_changes_in_a_new_container_that_has_everything(sandbox: &Sandbox) {
    on(sandbox, "web", &["sudo", "sh", "-c", "echo kept | tee /data/note /root/note"]);
    let id = on(sandbox, "web", &["cat", "/etc/machine-id"]);
    sandbox.edit("Machinefile.yaml", "8080:80", "8081:80");
    assert_eq!(steps(sandbox)[0], "docker.container/web update reboot");
    sandbox.ok("up -y");
    assert!(page(sandbox, 8081).expect("a page").contains("Hello from a machine"));
    assert!(page(sandbox, 8080).is_none());
    assert_eq!(on(sandbox, "web", &["sudo", "cat", "/data/note", "/root/note"]), "kept\nkept");
    assert_eq!(on(sandbox, "web", &["cat", "/etc/machine-id"]), id);
    sandbox.assert_converged();
}

/// Without a restart, and back to where it came from.
fn a_machine_is_renamed_while_it_runs_and_back_again(engine: &Engine, sandbox: &Sandbox) {
    let machinefile = std::fs::read_to_string(sandbox.project().join("Machinefile.yaml")).expect("a file");
    let facts = |machine: &str| {
        let booted = on(sandbox, machine, BOOTED);
        let site = on(sandbox, machine, &["sudo", "docker", "ps", "-q"]);
        [booted, site, on(sandbox, machine, &["cat", "/etc/machine-id", "/data/note"])]
    };
    let before = facts("web");
    for (was, now) in [("web", "www"), ("www", "app"), ("app", "web")] {
        let text = machinefile.replace("  web:\n", &format!("  {now}:\n")).replace("on: web", &format!("on: {now}"));
        sandbox.write("Machinefile.yaml", &format!("{text}moved: [{{ from: machines.{was}, to: machines.{now} }}]\n"));
        let all = steps(sandbox);
        assert!(all.contains(&format!("docker.container/{now} update none")), "{all:?}");
        assert!(all.iter().all(|step| step.ends_with(" update none")), "{all:?}");
        sandbox.ok("up -y");
        sandbox.assert_converged();
        assert_eq!(facts(now), before);
        assert_eq!(on(sandbox, now, &["hostname"]), now);
        on(sandbox, "db", &["sudo", "busybox", "ping", "-c", "1", "-W", "10", now]);
        let names = engine.says(&["ps", "-a", "--format", "{{.Names}}"]);
        let mut names: Vec<_> = names.lines().collect();
        names.sort_unstable();
        let mut expected = [format!("pair-x7k2.{now}"), "pair-x7k2.db".to_owned()];
        expected.sort();
        assert_eq!(names, expected);
    }
    assert!(!engine.says(&["volume", "ls", "-q"]).contains("_deed"), "it is what it was made as");
    sandbox.write("Machinefile.yaml", &machinefile);
    sandbox.ok("restart web");
    sandbox.ok("up -y");
    sandbox.assert_converged();
    assert_eq!(on(sandbox, "web", &["sed", "-n", "s/^127.0.1.1 //p", "/etc/hosts"]), "web web");
}

/// It runs on, the project makes no other one of it, and it comes back with all that it has.
fn a_machine_is_let_go_and_taken_over(engine: &Engine, sandbox: &Sandbox) {
    let booted = on(sandbox, "db", BOOTED);
    let machinefile = std::fs::read_to_string(sandbox.project().join("Machinefile.yaml")).expect("a file");
    let (without, _) = machinefile.split_once("  db:").expect("the last machine");
    let compose = machinefile.split_once("compose:").expect("a project").1;
    sandbox.write("Machinefile.yaml", &format!("{without}compose:{compose}"));
    let forgotten = sandbox.ok("forget -y db").stderr;
    for line in ["rm -f pair-x7k2.db", "volume rm pair-x7k2.db._engine", "volume rm pair-x7k2.here.db._deed.1"] {
        assert!(forgotten.contains(line), "{forgotten}");
    }
    assert!(steps(sandbox).iter().all(|step| !step.contains("docker.")), "{:?}", steps(sandbox));
    sandbox.ok("up -y");
    sandbox.assert_converged();

    sandbox.write("Machinefile.yaml", &machinefile.replace("  db:", "  base:"));
    let plan = steps(sandbox);
    assert!(plan.contains(&"docker.container/base create none".to_owned()), "{plan:?}");
    let adopted = sandbox.ok("import -y base pair-x7k2.db");
    assert!(adopted.stdout.contains("Found pair-x7k2.db at here, nobody's"), "{}", adopted.stdout);
    let plan = steps(sandbox);
    assert!(!plan.iter().any(|step| step.contains(" create ") || step.contains(" delete ")), "{plan:?}");
    let twice = sandbox.run(["import", "-y", "base", "pair-x7k2.db"]);
    assert!(twice.stderr.contains("is there already"), "{}", twice.stderr);
    sandbox.write("Machinefile.yaml", &machinefile.replace("  db:", "  base:\n    address: 10.85.1.8\n  no:"));
    engine.says(&["run", "-d", "--name", "stray", "--entrypoint", "sleep", &image(engine), "600"]);
    let unfit = sandbox.run(["import", "-y", "no", "stray"]);
    assert!(unfit.stderr.contains("container stray cannot be a machine of a project: it lacks"), "{}", unfit.stderr);
    assert!(unfit.stderr.contains("a port 22 that is published at 127.0.0.1"), "{}", unfit.stderr);
    engine.says(&["rm", "-f", "stray"]);

    sandbox.write("Machinefile.yaml", &format!("{machinefile}moved: [{{ from: machines.base, to: machines.db }}]\n"));
    sandbox.ok("up -y");
    sandbox.assert_converged();
    sandbox.write("Machinefile.yaml", &machinefile);
    assert_eq!(on(sandbox, "db", BOOTED), booted, "nothing was restarted");
    assert!(!engine.says(&["volume", "ls", "-q"]).contains("_deed"), "it is what it was made as");
}

fn image(engine: &Engine) -> String {
    engine.says(&["inspect", "-f", "{{.Image}}", "pair-x7k2.db"])
}

/// The root file system is gone with it; disks and what the engine kept are not.
fn a_container_that_was_removed_is_made_again(engine: &Engine, sandbox: &Sandbox) {
    engine.says(&["rm", "-f", "pair-x7k2.web"]);
    let plan = steps(sandbox);
    assert!(plan.contains(&"docker.container/web create none".to_owned()), "{plan:?}");
    sandbox.ok("up -y");
    assert_eq!(on(sandbox, "web", &["cat", "/data/note"]), "kept");
    assert!(page(sandbox, 8081).expect("a page").contains("Hello from a machine"));
    sandbox.assert_converged();
}

fn a_lost_key_is_replaced_while_the_machines_run(sandbox: &Sandbox) {
    let booted = on(sandbox, "db", BOOTED);
    std::fs::remove_dir_all(sandbox.home().join("state")).expect("a folder");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("lets the project's new key in"), "{plan}");
    sandbox.ok("up -y");
    assert_eq!(on(sandbox, "db", BOOTED), booted);
    sandbox.assert_converged();
}
