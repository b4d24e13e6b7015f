//! `machine audit`, as it is typed.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;

const MACHINEFILE: &str = "\
providers:
  sim: { driver: simulated, world: w.sqlite }
defaults: { provider: sim, engine: false }
machines:
  web:
    resources: { ram: 2, cpus: \"${CPUS:-3}\" }
  db:
";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with(&format!("name: shop\n{MACHINEFILE}"));
    sandbox.write("../etc/config.yaml", "machines: { web: { resources: { ram: 1 } } }\n");
    sandbox
}

fn told(sandbox: &Sandbox, words: &str) -> String {
    let ran = sandbox.ok(words);
    ran.stdout.replace(&sandbox.home().display().to_string(), "[HOME]")
}

#[test]
fn the_dump_shows_where_every_value_is_from() {
    assert_snapshot!(told(&sandbox(), "audit --dump-config --origins --set machines.web.resources.ram=3.5"), @r"
    defaults:
      engine: false  # project Machinefile.yaml:4:36
      provider: sim  # project Machinefile.yaml:4:23
    machines:
      db: {}  # project Machinefile.yaml:8:5
      web:
        resources:
          cpus: 3  # project Machinefile.yaml:7:32
          ram: 3.5  # command-line --set
    name: shop  # project Machinefile.yaml:1:7
    providers:
      sim:
        driver: simulated  # project Machinefile.yaml:3:18
        world: [HOME]/project/w.sqlite  # project Machinefile.yaml:3:36
    ");
}

#[test]
fn the_dump_in_toml() {
    assert_snapshot!(told(&sandbox(), "audit --origins -o toml"), @r#"
    defaults.engine = false  # project Machinefile.yaml:4:36
    defaults.provider = "sim"  # project Machinefile.yaml:4:23
    machines.db = {}  # project Machinefile.yaml:8:5
    machines.web.resources.cpus = 3  # project Machinefile.yaml:7:32
    machines.web.resources.ram = 2  # project Machinefile.yaml:7:23
    name = "shop"  # project Machinefile.yaml:1:7
    providers.sim.driver = "simulated"  # project Machinefile.yaml:3:18
    providers.sim.world = "[HOME]/project/w.sqlite"  # project Machinefile.yaml:3:36
    "#);
}

#[test]
fn the_origins_as_json_have_the_chain() {
    let sandbox = sandbox();
    let text = told(&sandbox, "audit --dump-config --origins -o json --set machines.web.resources.ram=3.5");
    let entries: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let ram = entries.iter().find(|entry| entry["path"] == "machines.web.resources.ram").expect("is there");
    let expected = json!({
        "path": "machines.web.resources.ram", "value": 3.5,
        "layer": "command-line", "source": "--set", "line": 1, "column": 28,
        "shadowed": [
            { "layer": "project", "source": "Machinefile.yaml", "line": 7, "column": 23, "value": 2 },
            { "layer": "global", "source": "[HOME]/etc/config.yaml", "line": 1, "column": 38, "value": 1 },
        ],
    });
    assert_eq!(*ram, expected);
}

#[test]
fn every_dump_is_the_same_configuration_again() {
    let sandbox = sandbox();
    let dump = |words: &str, form: &str| sandbox.ok(&format!("{words} audit --dump-config -o {form}")).stdout;
    let first = dump("--set machines.web.resources.ram=3.5", "json");
    for form in ["yaml", "json", "toml"] {
        sandbox.write(&format!("again.{form}"), &dump("--set machines.web.resources.ram=3.5", form));
        let again = dump(&format!("-f again.{form} --exclude-layer global"), "json");
        assert_eq!(again, first, "{form}");
    }
}

#[test]
fn the_chain_for_one_path() {
    let sandbox = sandbox();
    let chain = told(&sandbox, "audit --why machines.web.resources.ram --set machines.web.resources.ram=3");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_snapshot!(chain.lines().map(words).collect::<Vec<_>>().join("\n"), @r"
    machines.web.resources.ram
    command-line --set 3 (in effect)
    project Machinefile.yaml:7:23 2 (shadowed)
    global [HOME]/etc/config.yaml:1:38 1 (shadowed)
    ");
    assert_snapshot!(told(&sandbox, "audit --why machines.db.provider"), @r"
    machines.db.provider is inherited from defaults.provider
    defaults.provider
      project           Machinefile.yaml:4:23  sim  (in effect)
    ");
    assert_snapshot!(told(&sandbox, "audit --why machines.db.image"), @r"machines.db.image is written nowhere; it is debian-13 unless given");
    let ran = sandbox.run(["audit", "--why", "machines.db.imag"]);
    assert_eq!(ran.code, 64);
    assert!(ran.stderr.contains("did you mean `image`?"), "{}", ran.stderr);
}

#[test]
fn what_a_layer_changes() {
    let sandbox = sandbox();
    assert_snapshot!(told(&sandbox, "audit --diff command-line --set machines.web.resources.ram=3 --exclude-path defaults.engine --set machines.db.count=2"), @r"
    - defaults.engine: false  # --exclude-path:1:1
    + machines.db.count: 2  # --set:1:19
    ~ machines.web.resources.ram: 2 → 3  # --set:1:28
    ");
    assert_snapshot!(told(&sandbox, "audit --diff global"), @r"Layer global changes nothing.");
}

#[test]
fn the_variables_that_are_read() {
    let sandbox = sandbox();
    let mut command = sandbox.command(["audit", "--environment"]);
    let output = command.env("MACHINE__MACHINES__DB__COUNT", "2").output().expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    for line in [
        "set MACHINE__MACHINES__DB__COUNT                     machines.db.count",
        "    MACHINE__MACHINES__WEB__RESOURCES__RAM           machines.web.resources.ram",
        "    MACHINE_PROFILE                                  --profile",
        "    CPUS                                             filled in where a file says ${…}",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
}

#[test]
fn drift_and_warnings_are_findings() {
    let sandbox = sandbox();
    assert_eq!(sandbox.run(["audit"]).code, 2, "nothing is made yet");
    sandbox.ok("up -y");
    let clean = sandbox.ok("audit");
    assert!(clean.stdout.starts_with("No changes"), "{}", clean.stdout);
    assert_eq!(sandbox.run(["audit", "--exclude-path", "machines.wbe"]).code, 2, "an exclusion in vain");
    sandbox.ok("stop web");
    let ran = sandbox.run(["audit", "-o", "json"]);
    assert_eq!(ran.code, 2);
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(found["plan"]["steps"][0]["resource"], "simulated.machine/web");
    assert_eq!(sandbox.run(["audit", "--set", "machines.web.cuont=1"]).code, 1);
    sandbox.ok("up -y");
    sandbox.assert_converged();
    sandbox.ok("destroy -y");
}

#[test]
fn a_secret_is_looked_up_late_and_shown_nowhere() {
    let sandbox = sandbox();
    let with = |token: &str| {
        let text = format!("name: shop\n{MACHINEFILE}").replace("w.sqlite", &format!("w.sqlite, token: {token}"));
        sandbox.write("Machinefile.yaml", &text);
    };
    with("hunter2");
    let ran = sandbox.run(["plan", "--set", "providers.sim.token=hunter3"]);
    assert!(!format!("{ran:?}").contains("hunter") && ran.stderr.contains("a secret is written out here"), "{ran:?}");
    assert!(sandbox.ok("audit --dump-config --show-secrets").stdout.contains("hunter2"));
    with("{ env: NOT_SET }");
    sandbox.ok("validate");
    let ran = sandbox.run(["plan"]);
    assert!(ran.stderr.contains("variable `NOT_SET` is not set"), "{ran:?}");
    with("{ file: token.txt }");
    sandbox.write("token.txt", "hunter2\n");
    sandbox.ok("plan");
    with("{ command: [sh, -c, 'echo hunter2; echo why >&2; exit 3'] }");
    let ran = sandbox.run(["plan"]);
    assert!(
        ran.stderr.contains("`sh` failed (exit status: 3): why") && !format!("{ran:?}").contains("hunter"),
        "{ran:?}"
    );
    with("{ command: [echo, hunter2] }");
    assert!(!sandbox.ok("plan").stderr.contains("cannot be had"));
    with("{ fiel: token.txt }");
    let ran = sandbox.run(["plan"]);
    assert!(ran.stderr.contains("did you mean `file`?"), "{}", ran.stderr);
}
