//! The real thing: virtual machines, SSH, a Docker Engine, compose. One at a time, since each wants the whole computer.
//!
//! The first machine is made and deleted by runs that are killed at every turn.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use crate::support::hail::hail;
use crate::support::sandbox::Sandbox;

static COMPUTER: Mutex<()> = Mutex::new(());

fn computer() -> MutexGuard<'static, ()> {
    COMPUTER.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const IMAGE: &str = "{ build: debian-13, packages: [docker.io, docker-cli, docker-compose, iptables, busybox-static, \
                     xfsprogs, btrfs-progs, dosfstools] }";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

fn page(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn plan_of(sandbox: &Sandbox) -> Value {
    let plan = sandbox.ok("plan -o json");
    serde_json::from_str(&plan.stdout).expect("JSON")
}

fn steps(plan: &Value) -> Vec<(String, String, String)> {
    let text = |step: &Value, key: &str| step[key].as_str().expect("a text").to_owned();
    let steps = plan["steps"].as_array().expect("a list");
    steps.iter().map(|step| (text(step, "resource"), text(step, "action"), text(step, "disruption"))).collect()
}

fn on(sandbox: &Sandbox, machine: &str, command: &[&str]) -> String {
    let mut words = vec!["ssh", machine, "--"];
    words.extend(command);
    let ran = sandbox.run(words);
    assert_eq!(ran.code, 0, "{command:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout.trim().to_owned()
}

/// The processes that are machines.
fn machines(sandbox: &Sandbox) -> Vec<(String, String)> {
    let is_one = |(_, line): &(String, String)| line.starts_with("qemu-system") || line.contains("/qemu-system");
    sandbox.processes().into_iter().filter(is_one).collect()
}

fn quickstart(port: u16) -> Sandbox {
    let sandbox = Sandbox::with(&format!(
        "name: quickstart
machines:
  web:
    image: {IMAGE}
    resources: {{ ram: 1, cpus: 2 }}
    ports: [\"{port}:80\"]
    engine: {{ options: {{ log-driver: local, dns: [9.9.9.9] }} }}
compose:
  site: {{ on: web, files: [site/compose.yaml] }}
"
    ))
    .sharing_images();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    for name in ["site/compose.yaml", "site/Dockerfile", "site/passwd", "site/www/index.html"] {
        sandbox.write(name, &std::fs::read_to_string(example.join(name)).expect("an example"));
    }
    sandbox
}

#[test]
fn one_file_makes_a_docker_host_and_follows_every_edit() {
    let _computer = computer();
    let port = free_port();
    let sandbox = quickstart(port);

    assert_eq!(sandbox.run(["plan", "--detailed-exitcode"]).code, 2);
    let up = hail(&sandbox, "up -y");
    assert!(up.last.stdout.contains(&format!("http://127.0.0.1:{port}")), "{}", up.last.stdout);
    for moment in
        ["qemu.vm/web started", "host/web started", "engine.daemon/web started", "compose.project/site@web started"]
    {
        assert!(up.moments.contains(moment), "{moment} is not among {:#?}", up.moments);
    }
    assert!(page(port).expect("a page").contains("Hello from a machine"));
    assert_eq!(machines(&sandbox).len(), 1);
    sandbox.assert_converged();
    let id = on(&sandbox, "web", &["cat", "/etc/machine-id"]);
    let container = on(&sandbox, "web", &["sudo", "docker", "ps", "-q", "--no-trunc"]);
    assert!(on(&sandbox, "web", &["sudo", "cat", "/etc/docker/daemon.json"]).contains("9.9.9.9"));

    engine_option_goes_away(&sandbox, port, &id, &container);
    compose_edit_is_an_update(&sandbox, port);
    a_stopped_machine_is_seen_and_started(&sandbox, port, &id);
    a_lost_state_folder_costs_a_restart(&sandbox, port, &id);

    assert!(hail(&sandbox, "destroy -y").moments.contains("qemu.vm/web started"));
    sandbox.assert_nothing_left();
    assert!(page(port).is_none(), "the port is free again");
}

fn engine_option_goes_away(sandbox: &Sandbox, port: u16, id: &str, container: &str) {
    sandbox.edit("Machinefile.yaml", ", dns: [9.9.9.9]", "");
    let plan = plan_of(sandbox);
    assert_eq!(steps(&plan), [("engine.daemon/web".into(), "update".into(), "restart".into())]);
    assert_eq!(plan["steps"][0]["changes"][0]["path"], "options.dns");
    sandbox.ok("up -y");
    let file = on(sandbox, "web", &["sudo", "cat", "/etc/docker/daemon.json"]);
    assert!(!file.contains("dns"), "{file}");
    let resolver =
        on(sandbox, "web", &["sudo", "docker", "exec", container, "/bin/busybox", "cat", "/etc/resolv.conf"]);
    assert!(!resolver.contains("9.9.9.9"), "the running container's resolver follows the daemon: {resolver}");
    assert_eq!(on(sandbox, "web", &["cat", "/etc/machine-id"]), id);
    assert_eq!(on(sandbox, "web", &["sudo", "docker", "ps", "-q", "--no-trunc"]), container);
    assert!(page(port).expect("a page").contains("Hello from a machine"));
    sandbox.assert_converged();
}

fn compose_edit_is_an_update(sandbox: &Sandbox, port: u16) {
    sandbox.edit("site/www/index.html", "Hello from", "Greetings from");
    sandbox.edit("site/compose.yaml", "restart: unless-stopped", "restart: always");
    let plan = plan_of(sandbox);
    assert_eq!(steps(&plan).len(), 1);
    assert_eq!(plan["steps"][0]["resource"], "compose.project/site@web");
    assert_eq!(plan["steps"][0]["action"], "update");
    sandbox.ok("up -y");
    assert!(page(port).expect("a page").contains("Greetings from a machine"));
    sandbox.assert_converged();
}

fn a_stopped_machine_is_seen_and_started(sandbox: &Sandbox, port: u16, id: &str) {
    let [(pid, _)] = &machines(sandbox)[..] else { panic!("not one machine") };
    let killed = std::process::Command::new("kill").args(["-9", pid]).status().expect("kill runs");
    assert!(killed.success());
    assert!(page(port).is_none(), "it is off");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("power  stopped → running"), "{plan}");
    sandbox.ok("up -y");
    assert!(page(port).expect("a page").contains("Greetings from a machine"));
    assert_eq!(on(sandbox, "web", &["cat", "/etc/machine-id"]), id);
    sandbox.assert_converged();
}

/// With the project's key gone, the machine is let in by a new one and keeps everything.
fn a_lost_state_folder_costs_a_restart(sandbox: &Sandbox, port: u16, id: &str) {
    let kept = ["sudo", "sha256sum", "/etc/ssh/ssh_host_ed25519_key", "/var/lib/machine/engine/applied.json"];
    let before = on(sandbox, "web", &kept);
    std::fs::remove_dir_all(sandbox.home().join("state")).expect("a state folder");
    let plan = steps(&plan_of(sandbox));
    let step = |id: &str, action: &str, disruption: &str| (id.to_owned(), action.to_owned(), disruption.to_owned());
    assert_eq!(
        plan,
        [
            step("ssh.key/quickstart", "create", "none"),
            step("qemu.seed/web", "update", "none"),
            step("qemu.vm/web", "update", "reboot"),
        ]
    );
    sandbox.ok("up -y");
    assert_eq!(on(sandbox, "web", &["cat", "/etc/machine-id"]), id);
    assert_eq!(on(sandbox, "web", &kept), before);
    assert_eq!(on(sandbox, "web", &["hostname"]), "web");
    assert!(page(port).expect("a page").contains("Greetings from a machine"));
    sandbox.assert_converged();
}

/// A vfat image labelled CLOUD-INIT that asks for a disk, and its bytes.
fn settings_drive(sandbox: &Sandbox) -> Vec<u8> {
    let text = "#cloud-config\ncloud-machine:\n  resources:\n    disks:\n      \
                data: { allocation: 64MiB, filesystem: ext4, mount: /data }\n";
    let image = sandbox.project().join("settings.img");
    let made = std::fs::File::options().read(true).write(true).create_new(true).open(&image).expect("a file");
    made.set_len(8 << 20).expect("room");
    let label = fatfs::FormatVolumeOptions::new().volume_label(*b"CLOUD-INIT ");
    fatfs::format_volume(&made, label).expect("FAT");
    let system = fatfs::FileSystem::new(&made, fatfs::FsOptions::new()).expect("FAT");
    system.root_dir().create_file("user-data").expect("made").write_all(text.as_bytes()).expect("written");
    system.unmount().expect("written");
    std::fs::read(image).expect("a file")
}

#[test]
fn two_machines_come_up_together_and_reach_each_other_by_name() {
    let _computer = computer();
    let sandbox = Sandbox::with(&format!(
        "name: pair
defaults:
  image: {IMAGE}
  engine: false
  resources: {{ ram: 0.75, cpus: 1, disks: {{ settings: {{ path: ./settings.img, readonly: true }} }} }}
machines:
  node-1:
    resources:
      disks:
        x: {{ allocation: 320MiB, filesystem: xfs, mount: /x }}
        b: {{ allocation: 128MiB, filesystem: btrfs, mount: /b }}
  node-2:
    cloud-init: |
      #cloud-config
      write_files: [{{ path: /etc/greeting, content: \"the user's own\" }}]
    resources:
      disks:
        system: {{ allocation: 4GB, boot-partition: true }}
        v: {{ allocation: 64MiB, filesystem: vfat, mount: /v }}
        s: {{ allocation: 64MiB, filesystem: swap }}
"
    ))
    .sharing_images();
    let before = settings_drive(&sandbox);
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("settings on its CLOUD-INIT drive `settings` (known after apply)"), "{plan}");
    let up = sandbox.ok("up -y --progress json");
    let at = |event: &str, machine: &str| {
        let part = format!("\"event\":\"{event}\",\"resource\":\"host/{machine}\"");
        let line =
            |line: &str| line.contains(&part) || (line.contains(event) && line.contains(&format!("host/{machine}\"")));
        up.stderr.lines().position(line).unwrap_or_else(|| panic!("{part} is missing from:\n{}", up.stderr))
    };
    assert!(at("started", "node-1") < at("finished", "node-2") && at("started", "node-2") < at("finished", "node-1"));
    sandbox.assert_converged();
    assert_eq!(on(&sandbox, "node-1", &["hostname"]), "node-1");
    for node in ["node-1", "node-2"] {
        let data = on(&sandbox, node, &["findmnt", "-no", "SOURCE,FSTYPE", "/data"]);
        assert!(data.ends_with("ext4"), "{node} has what its drive asks for: {data}");
    }
    assert!(up.stderr.contains("\"resource\":\"qemu.disk/node-2.data\""), "{}", up.stderr);
    let verdict = on(&sandbox, "node-2", &["sudo", "cloud-init", "schema", "--system"]);
    assert!(verdict.contains("Valid schema user-data"), "{verdict}");
    assert_eq!(on(&sandbox, "node-2", &["cat", "/etc/greeting"]), "the user's own");
    every_filesystem_is_what_its_own_tools_made(&sandbox);
    disks_change_under_a_running_machine(&sandbox);
    let image = std::fs::read(sandbox.project().join("settings.img")).expect("a file");
    assert!(image == before, "a drive is read and not written to");
    on(&sandbox, "node-1", &["sudo", "busybox", "ping", "-c", "1", "-W", "10", "node-2"]);
    on(&sandbox, "node-2", &["sudo", "busybox", "ping", "-c", "1", "-W", "10", "node-1"]);
    let list: Value = serde_json::from_str(&sandbox.ok("ls -o json").stdout).expect("JSON");
    assert_eq!(list[0]["state"], "running");
    assert_ne!(list[0]["address"], list[1]["address"]);
    sandbox.ok("destroy -y");
    sandbox.assert_nothing_left();
}

/// Type and size in MiB of what is mounted there.
fn mounted(sandbox: &Sandbox, machine: &str, at: &str) -> (String, u64) {
    let said = on(sandbox, machine, &["findmnt", "-bno", "FSTYPE,SIZE", at]);
    let (kind, size) = said.split_once(' ').expect("two words");
    (kind.to_owned(), size.trim().parse::<u64>().expect("a number") >> 20)
}

fn every_filesystem_is_what_its_own_tools_made(sandbox: &Sandbox) {
    for (machine, at, kind) in [("node-1", "/x", "xfs"), ("node-1", "/b", "btrfs"), ("node-2", "/v", "vfat")] {
        assert_eq!(mounted(sandbox, machine, at).0, kind, "{machine}: {at}");
    }
    let name = "/dev/disk/by-id/virtio-s";
    let swap = on(sandbox, "node-2", &["sudo", "swapon", "--show=NAME", "--noheadings"]);
    assert_eq!(swap, on(sandbox, "node-2", &["readlink", "-f", name]));
    let root = on(sandbox, "node-2", &["findmnt", "-no", "SOURCE", "/"]);
    let size = on(sandbox, "node-2", &["lsblk", "-bndo", "SIZE", &root]);
    assert_eq!(size, (4_u64 << 30).to_string(), "it starts from the disk that is marked");
}

/// Two grow and one is new; nobody starts again.
fn disks_change_under_a_running_machine(sandbox: &Sandbox) {
    let id = on(sandbox, "node-1", &["cat", "/proc/sys/kernel/random/boot_id"]);
    sandbox.edit("Machinefile.yaml", "320MiB", "416MiB");
    sandbox.edit("Machinefile.yaml", "128MiB", "256MiB");
    let added = "mount: /b }\n        late: { allocation: 64MiB, filesystem: ext4, mount: /late }";
    sandbox.edit("Machinefile.yaml", "mount: /b }", added);
    let plan = steps(&plan_of(sandbox));
    assert!(plan.iter().all(|(_, _, disruption)| disruption == "none"), "{plan:#?}");
    sandbox.ok("up -y");
    assert!(mounted(sandbox, "node-1", "/x").1 > 320);
    assert!(mounted(sandbox, "node-1", "/b").1 > 128);
    assert_eq!(mounted(sandbox, "node-1", "/late").0, "ext4");
    assert_eq!(on(sandbox, "node-1", &["cat", "/proc/sys/kernel/random/boot_id"]), id);
    sandbox.assert_converged();
}
