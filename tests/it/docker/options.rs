//! What engines go by, for real: Debian 13's engine and Debian 12's, in containers with systemd. Whatever a change does to a
//! machine, the machine itself puts back what was before.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::engine::Engine;
use super::live::{hand_over_the_image, on, steps};
use crate::support::sandbox::{Ran, Sandbox};

/// Running, with all that the first Machinefile says.
async fn machines(engine: &Engine) -> Sandbox {
    hand_over_the_image(engine, "debian-13", &["busybox-static"]).await;
    hand_over_the_image(engine, "debian-12", &["docker-compose"]).await;
    let sandbox = sandbox(engine);
    sandbox.ok("up -y");
    sandbox
}

/// `new` is Debian 13 (engine 26.1), `old` is Debian 12 (engine 20.10).
fn sandbox(engine: &Engine) -> Sandbox {
    let host = engine.host();
    Sandbox::with(&format!(
        "name: pair
id: x7k2
providers: {{ here: {{ driver: docker, host: \"{host}\", network: 10.77.0.0/24 }} }}
defaults:
  provider: here
  resources: {{ ram: 1, cpus: 2 }}
  engine:
    labels: {{ tier: data }}
    registry-mirrors: [\"https://mirror.example\"]
    insecure-registries: [\"registry.example:5000\", 10.85.0.0/16]
    options: {{ mtu: 1400, log-opts: {{ max-file: \"3\" }} }}
    env: {{ GODEBUG: \"a$$b \\\"c\\\" \\\\\" }}
    proxy: {{ http: \"http://u:hunter2@127.0.0.1:9\", no-proxy: [.example, localhost] }}
machines:
  new: {{ image: {{ build: debian-13, packages: [busybox-static] }} }}
  old: {{ image: {{ build: debian-12, packages: [docker-compose] }} }}
"
    ))
    .sharing_images()
    .in_network_of(engine.pid())
}

const MACHINES: [&str; 2] = ["new", "old"];

/// What the engine says of itself.
fn info(sandbox: &Sandbox, machine: &str) -> Value {
    serde_json::from_str(&on(sandbox, machine, &["sudo", "docker", "info", "-f", "{{json .}}"])).expect("JSON")
}

/// One run of the engine.
fn run(sandbox: &Sandbox, machine: &str) -> String {
    on(sandbox, machine, &["systemctl", "show", "-p", "InvocationID", "docker"])
}

fn variables(sandbox: &Sandbox, machine: &str) -> String {
    let script = "tr '\\0' '\\n' </proc/$(pgrep -x dockerd)/environ";
    on(sandbox, machine, &["sudo", "sh", "-c", script])
}

fn fails(sandbox: &Sandbox, words: &str) -> Ran {
    let ran = sandbox.run(words.split(' '));
    assert_eq!(ran.code, 1, "machine {words}\n{}{}", ran.stdout, ran.stderr);
    ran
}

#[tokio::test]
async fn engines_go_by_what_the_machinefile_says() {
    let engine = Engine::start();
    let sandbox = machines(&engine).await;
    everything_is_in_force(&sandbox);
    sandbox.assert_converged();

    a_reload_does_where_it_suffices(&sandbox);
    what_left_the_machinefile_is_no_longer_in_force(&sandbox);
    what_was_changed_by_hand_is_put_right(&sandbox);
    what_an_engine_does_not_take_is_refused_before_anything_restarts(&sandbox);
    an_engine_that_does_not_start_is_put_back_without_us(&sandbox);
    sandbox.ok("destroy -y");
}

fn everything_is_in_force(sandbox: &Sandbox) {
    for machine in MACHINES {
        let info = info(sandbox, machine);
        assert_eq!(info["Labels"], serde_json::json!(["tier=data"]));
        assert_eq!(info["RegistryConfig"]["Mirrors"], serde_json::json!(["https://mirror.example/"]));
        assert_eq!(info["RegistryConfig"]["IndexConfigs"]["registry.example:5000"]["Secure"], false);
        assert!(info["RegistryConfig"]["InsecureRegistryCIDRs"].to_string().contains("10.85.0.0/16"));
        let mtu = ["sudo", "docker", "network", "inspect", "bridge", "-f", "{{json .Options}}"];
        assert!(on(sandbox, machine, &mtu).contains("\"com.docker.network.driver.mtu\":\"1400\""));
        let variables = variables(sandbox, machine);
        assert!(variables.lines().any(|line| line == "GODEBUG=a$b \"c\" \\"), "{variables}");
        assert!(variables.contains("HTTP_PROXY=http://u:hunter2@127.0.0.1:9\n"), "{variables}");
        assert!(info["NoProxy"] == ".example,localhost", "{info}");
        let shown = on(sandbox, machine, &["systemctl", "show", "docker"]);
        assert!(!shown.contains("hunter2"), "what anybody on the machine may see: {shown}");
    }
}

fn a_reload_does_where_it_suffices(sandbox: &Sandbox) {
    let before = MACHINES.map(|machine| run(sandbox, machine));
    sandbox.edit("Machinefile.yaml", "tier: data", "tier: web");
    sandbox.edit("Machinefile.yaml", "mtu: 1400", "mtu: 1400, max-concurrent-downloads: 5, debug: true");
    assert_eq!(steps(sandbox), MACHINES.map(|machine| format!("engine.daemon/{machine} update reload")));
    sandbox.ok("up -y");
    for machine in MACHINES {
        let info = info(sandbox, machine);
        assert_eq!((&info["Labels"], &info["Debug"]), (&serde_json::json!(["tier=web"]), &Value::Bool(true)));
    }
    sandbox.assert_converged();
    sandbox.edit("Machinefile.yaml", ", max-concurrent-downloads: 5", "");
    assert_eq!(steps(sandbox), MACHINES.map(|machine| format!("engine.daemon/{machine} update reload")));
    sandbox.ok("up -y");
    sandbox.assert_converged();
    assert_eq!(MACHINES.map(|machine| run(sandbox, machine)), before, "nothing was restarted");
}

/// A reload would leave them in force.
fn what_left_the_machinefile_is_no_longer_in_force(sandbox: &Sandbox) {
    sandbox.edit("Machinefile.yaml", "    labels: { tier: web }\n", "");
    sandbox.edit("Machinefile.yaml", ", debug: true", "");
    let machinefile = std::fs::read_to_string(sandbox.project().join("Machinefile.yaml")).expect("a file");
    let kept = machinefile.lines().filter(|line| !line.contains("env:") && !line.contains("mirrors"));
    sandbox.write("Machinefile.yaml", &(kept.collect::<Vec<_>>().join("\n") + "\n"));
    assert_eq!(steps(sandbox), MACHINES.map(|machine| format!("engine.daemon/{machine} update restart")));
    sandbox.ok("up -y");
    for machine in MACHINES {
        let info = info(sandbox, machine);
        assert!(matches!(&info["Labels"], Value::Null | Value::Array(_)) && !info["Labels"].to_string().contains('='));
        assert_eq!(info["Debug"], false);
        assert!(!info["RegistryConfig"]["Mirrors"].to_string().contains("mirror"), "{info}");
        assert!(!variables(sandbox, machine).contains("GODEBUG"));
    }
    sandbox.assert_converged();
}

fn what_was_changed_by_hand_is_put_right(sandbox: &Sandbox) {
    let edit = "sed -i 's/1400/1300/; s/^{/{ \"shutdown-timeout\": 20,/' /etc/docker/daemon.json";
    on(sandbox, "new", &["sudo", "sh", "-c", edit]);
    on(sandbox, "old", &["sudo", "systemctl", "disable", "--now", "docker.service", "docker.socket"]);
    let plan = sandbox.ok("plan").stdout;
    for told in ["changed without us", "options.mtu  1300 → 1400", "running  false → true", "enabled  false → true"]
    {
        assert!(plan.contains(told), "{plan}");
    }
    let seen = sandbox.ok("plan --refresh-only").stdout;
    assert!(seen.contains("by-hand") && seen.contains("shutdown-timeout"), "{seen}");
    sandbox.ok("up -y");
    sandbox.assert_converged();
    let file = on(sandbox, "new", &["sudo", "cat", "/etc/docker/daemon.json"]);
    assert!(file.contains("\"mtu\": 1400") && file.contains("\"shutdown-timeout\": 20"), "{file}");
    // Edited and read by nobody: the engine goes by something else than its file says.
    let insecure = "sed -i 's/5000/6000/' /etc/docker/daemon.json && systemctl reload docker && sleep 1 && \
                    sed -i 's/6000/5000/' /etc/docker/daemon.json";
    on(sandbox, "new", &["sudo", "sh", "-c", insecure]);
    assert_eq!(steps(sandbox), ["engine.daemon/new update reload"]);
    sandbox.ok("up -y");
    assert!(info(sandbox, "new")["RegistryConfig"]["IndexConfigs"]["registry.example:5000"].is_object());
    sandbox.assert_converged();
}

fn what_an_engine_does_not_take_is_refused_before_anything_restarts(sandbox: &Sandbox) {
    let before = MACHINES.map(|machine| run(sandbox, machine));
    sandbox.edit("Machinefile.yaml", "mtu: 1400", "mtu: 1400, cdi-spec-dirs: [/etc/cdi]");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("engine 20.10.24+dfsg1: engines before 25.0 have no option `cdi-spec-dirs`"), "{plan}");
    sandbox.edit("Machinefile.yaml", "cdi-spec-dirs: [/etc/cdi]", "dns: [9.9.9]");
    let refused = fails(sandbox, "up -y --target new").stderr;
    assert!(refused.contains("the engine refuses option `dns`; nothing was changed"), "{refused}");
    assert_eq!(MACHINES.map(|machine| run(sandbox, machine)), before, "nothing was restarted");
    sandbox.edit("Machinefile.yaml", ", dns: [9.9.9]", "");
    sandbox.assert_converged();
}

/// `machine` in a process of its own, until it says this.
fn until(sandbox: &Sandbox, words: &str, said: &str) -> Child {
    use std::io::{BufRead as _, BufReader};
    let mut command = sandbox.command(words.split(' ').chain(["--progress", "plain"]));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let heard = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut all = Vec::new();
    for line in heard {
        if line.contains(said) {
            return child;
        }
        all.push(line);
    }
    panic!("`{said}` was not said before {:?}: {all:#?}", child.wait());
}

/// Accepted by the engine's own check, and it does not start with it.
fn an_engine_that_does_not_start_is_put_back_without_us(sandbox: &Sandbox) {
    sandbox.edit("Machinefile.yaml", "mtu: 1400", "mtu: 1400, log-driver: nosuch");
    let mut child = until(sandbox, "up -y --target new", "restarting the engine");
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    let failed = fails(sandbox, "up -y --target old").stderr;
    assert!(failed.contains("the engine does not start with option `log-driver`; what was before is back"), "{failed}");
    sandbox.edit("Machinefile.yaml", ", log-driver: nosuch", "");
    let settled = "until [ ! -e /var/lib/machine/engine/undo ] && docker info >/dev/null 2>&1; do sleep 0.5; done";
    on(sandbox, "new", &["sudo", "timeout", "100", "sh", "-c", settled]);
    sandbox.assert_converged();
    for machine in MACHINES {
        let file = on(sandbox, machine, &["sudo", "cat", "/etc/docker/daemon.json"]);
        assert!(!file.contains("nosuch"), "{file}");
    }
}

/// One is cut off from us by its own engine, on the other the script itself is killed in the middle of the change.
#[tokio::test]
async fn a_machine_that_nobody_confirms_goes_back_by_itself() {
    let engine = Engine::start();
    let sandbox = machines(&engine).await;
    let sandbox = &sandbox;
    sandbox.edit("Machinefile.yaml", "mtu: 1400", "mtu: 1400, bip: 10.77.0.1/24");
    let began = Instant::now();
    let mut child = until(sandbox, "up -y --target new", "restarting the engine");
    let killer = "until pid=$(pgrep -f '^sh -s -- restart') && [ -e /var/lib/machine/engine/undo/token ] && ! cmp -s \
                  /etc/docker/daemon.json /var/lib/machine/engine/undo/daemon.json; do :; done; kill -9 $pid";
    engine.says(&["exec", "pair-x7k2.new", "timeout", "60", "sh", "-c", killer]);
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    let mut cut = until(sandbox, "up -y --target old", "restarting the engine");
    let inside = |machine: &str, script: &str| {
        engine.says(&["exec", &format!("pair-x7k2.{machine}"), "timeout", "200", "sh", "-c", script])
    };
    assert!(inside("new", "cat /etc/docker/daemon.json").contains("10.77.0.1"), "swapped before the script was killed");
    inside("old", "until ip -4 address show docker0 | grep -q 10.77.0.1; do sleep 0.1; done");
    assert!(!cut.wait().expect("it ends").success());
    sandbox.edit("Machinefile.yaml", ", bip: 10.77.0.1/24", "");
    for machine in MACHINES {
        inside(
            machine,
            "while [ -e /var/lib/machine/engine/undo ] || [ -e /etc/systemd/system/machine-engine-undo.timer ]; do sleep 0.2; done",
        );
        assert!(!inside(machine, "cat /etc/docker/daemon.json").contains("10.77.0.1"));
        assert!(began.elapsed() < Duration::from_mins(4), "{machine} took its time");
        on(sandbox, machine, &["sudo", "docker", "info"]);
    }
    sandbox.assert_converged();
    sandbox.ok("destroy -y");
}

/// The second of three does not start with what the first has taken.
#[tokio::test]
async fn engines_are_restarted_one_after_the_other_until_one_fails() {
    let engine = Engine::start();
    hand_over_the_image(&engine, "debian-13", &["busybox-static"]).await;
    let host = engine.host();
    let sandbox = Sandbox::with(&format!(
        "name: pair
id: x7k2
providers: {{ here: {{ driver: docker, host: \"{host}\" }} }}
defaults:
  provider: here
  image: {{ build: debian-13, packages: [busybox-static] }}
  resources: {{ ram: 1, cpus: 2 }}
  engine: {{ options: {{ debug: false }} }}
machines:
  w: {{ count: 3, rollout: {{ max-unavailable: 1 }} }}
"
    ))
    .sharing_images()
    .in_network_of(engine.pid());
    sandbox.ok("up -y");
    let before = ["w-1", "w-2", "w-3"].map(|machine| run(&sandbox, machine));
    // What is said twice, in the file and by a flag, the engine does not start with.
    let dropin = "mkdir -p /etc/systemd/system/docker.service.d && printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd \
                  -H fd:// --mtu 1450\\n' >/etc/systemd/system/docker.service.d/by-hand.conf";
    on(&sandbox, "w-2", &["sudo", "sh", "-c", dropin]);
    sandbox.edit("Machinefile.yaml", "debug: false", "debug: false, mtu: 1400");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("w one after the other: w-1, then w-2, then w-3"), "{plan}");

    let failed = fails(&sandbox, "up -y").stderr;
    assert!(failed.contains("skipped engine.daemon/w-3, because engine.daemon/w-2 failed"), "{failed}");
    let now = ["w-1", "w-2", "w-3"].map(|machine| run(&sandbox, machine));
    assert!(now[0] != before[0] && now[1] != before[1] && now[2] == before[2], "{now:?} {before:?}");
    let mtu = ["sudo", "docker", "network", "inspect", "bridge", "-f", "{{json .Options}}"];
    for (machine, expected) in [("w-1", "1400"), ("w-2", "1450"), ("w-3", "1500")] {
        assert!(on(&sandbox, machine, &mtu).contains(&format!("mtu\":\"{expected}\"")), "{machine}");
    }

    on(&sandbox, "w-2", &["sudo", "rm", "/etc/systemd/system/docker.service.d/by-hand.conf"]);
    sandbox.ok("up -y");
    for machine in ["w-1", "w-2", "w-3"] {
        assert!(on(&sandbox, machine, &mtu).contains("mtu\":\"1400\""), "{machine}");
    }
    sandbox.assert_converged();
    sandbox.ok("destroy -y");
}
