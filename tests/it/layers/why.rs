//! `machine audit --why` and its kin, where settings are inherited, add up, or are wrong.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;

const MACHINEFILE: &str = "\
defaults:
  provider: simulated
  engine: false
  ssh: { authorized-keys: [ssh-ed25519 AAAA] }
machines:
  web: { count: 2, resources: { ram: 2 } }
  db: { image: debian-12 }
";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with(MACHINEFILE);
    sandbox.write("../etc/config.yaml", "defaults: { ssh: { authorized-keys: [ssh-ed25519 BBBB] } }\n");
    sandbox
}

fn told(sandbox: &Sandbox, words: &str) -> String {
    let text = sandbox.ok(words).stdout.replace(&sandbox.home().display().to_string(), "[HOME]");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

fn json_of(sandbox: &Sandbox, words: &str) -> Value {
    serde_json::from_str(&sandbox.ok(words).stdout).expect("JSON")
}

#[test]
fn a_member_of_several_has_what_they_have() {
    let sandbox = sandbox();
    assert_snapshot!(told(&sandbox, "audit --why machines.web-2.resources.ram"), @r"
    machines.web-2.resources.ram is inherited from machines.web.resources.ram
    machines.web.resources.ram
    project Machinefile.yaml:6:38 2 (in effect)
    ");
    assert_snapshot!(told(&sandbox, "audit --why machines.web-1.provider"), @r"
    machines.web-1.provider is inherited from defaults.provider
    defaults.provider
    project Machinefile.yaml:2:13 simulated (in effect)
    ");
    assert_snapshot!(told(&sandbox, "audit --why machines.web-1"), @r#"
    machines.web-1 is inherited from machines.web
    machines.web
    project Machinefile.yaml:6:8 {"count":2,"resources":{"ram":2}} (in effect)
    "#);
}

#[test]
fn a_machine_that_is_none_has_no_settings() {
    let sandbox = sandbox();
    for (name, meant) in [("web-3", "web"), ("wbe", "web"), ("db-1", "db")] {
        let ran = sandbox.run(["audit", "--why", &format!("machines.{name}.image")]);
        assert_eq!(ran.code, 64, "{ran:?}");
        let expected = format!("there is no machine `{name}`");
        assert!(ran.stderr.contains(&expected) && ran.stderr.contains(&format!("`{meant}`")), "{ran:?}");
    }
}

#[test]
fn lists_that_add_up_shadow_nothing() {
    let sandbox = sandbox();
    assert_snapshot!(told(&sandbox, "audit --why defaults.ssh.authorized-keys"), @r#"
    defaults.ssh.authorized-keys
    project Machinefile.yaml:4:27 ["ssh-ed25519 AAAA"] (adds up)
    global [HOME]/etc/config.yaml:1:37 ["ssh-ed25519 BBBB"] (adds up)
    "#);
    assert_snapshot!(told(&sandbox, "audit --why defaults.ssh.authorized-keys.1"), @r"
    defaults.ssh.authorized-keys.1
    project Machinefile.yaml:4:28 ssh-ed25519 AAAA (in effect)
    ");
    assert_snapshot!(told(&sandbox, "audit --diff project --exclude-path machines --set machines.db.image=x"), @r#"
    + defaults.engine: false # Machinefile.yaml:3:11
    + defaults.provider: simulated # Machinefile.yaml:2:13
    ~ defaults.ssh.authorized-keys: ["ssh-ed25519 BBBB"] → ["ssh-ed25519 BBBB","ssh-ed25519 AAAA"] # Machinefile.yaml:4:27
    "#);
}

#[test]
fn the_chain_for_programs_has_what_was_dropped_and_inherited() {
    let sandbox = sandbox();
    let found = json_of(&sandbox, "audit --why machines.db.image --exclude-path machines.db.image -o json");
    let said = json!([{
        "layer": "project", "source": "Machinefile.yaml", "line": 7, "column": 16, "value": "debian-12",
        "state": "dropped", "dropped": { "source": "--exclude-path", "line": 1, "column": 1 },
    }]);
    assert_eq!(found["said"], said);
    assert_eq!((&found["inherited"], &found["default"]), (&Value::Null, &json!("debian-13")));
    let found = json_of(&sandbox, "audit --why machines.web-1.provider -o json");
    assert_eq!(found["inherited"]["path"], "defaults.provider");
    assert_eq!(found["inherited"]["said"][0]["state"], "in effect");
}

#[test]
fn every_answer_is_there_for_programs_and_other_notations_are_refused() {
    let sandbox = sandbox();
    let found = json_of(&sandbox, "audit --environment -o json");
    let home = found.as_array().expect("a list").iter().find(|entry| entry["name"] == "HOME").expect("is read");
    assert_eq!(home["set"], true);
    assert!(json_of(&sandbox, "audit --diff project -o json").is_array());
    for words in [&["--environment"][..], &["--diff", "user"], &["--why", "name"], &[]] {
        for form in ["yaml", "toml"] {
            let ran = sandbox.run([&["audit", "-o", form], words].concat());
            assert!(ran.code == 64 && ran.stderr.contains("is for a configuration"), "{words:?} {ran:?}");
        }
    }
}

#[test]
fn every_variable_that_is_read_is_listed() {
    let sandbox = Sandbox::with(&MACHINEFILE.replace("provider: simulated", "provider: sim").replacen(
        "defaults:",
        "providers: { sim: { driver: simulated, token: { env: MY_TOKEN } } }\ndefaults:",
        1,
    ));
    let text = sandbox.ok("audit --environment").stdout;
    for name in
        ["PGPASSWORD", "MACHINE_AGE_IDENTITY", "MACHINE_AGE_IDENTITY_FILE", "DOCKER_HOST", "LOGNAME", "MY_TOKEN"]
    {
        assert!(text.split_whitespace().any(|word| word == name), "{name}: {text}");
    }
}

#[test]
fn a_name_that_is_the_folders_says_so() {
    assert_snapshot!(told(&sandbox(), "audit --why name"), @r"
    name is written nowhere; it is the folder's, project
    ");
}

#[test]
fn settings_that_make_no_sense_are_shown_all_the_same() {
    let text = "providers: { sim: { driver: simulated } }\nmachines: { web: { provider: smi, resources: { ram: 0.0000001 } }, db: { imgae: x } }\n";
    let sandbox = Sandbox::with(text);
    let ran = sandbox.run(["audit", "--dump-config", "--origins"]);
    assert_eq!(ran.code, 1);
    assert_snapshot!(ran.stdout, @r"
    machines:
      db:
        imgae: x  # project Machinefile.yaml:2:81
      web:
        provider: smi  # project Machinefile.yaml:2:30
        resources:
          ram: 1e-7  # project Machinefile.yaml:2:53
    name: project  # the folder's name
    providers:
      sim:
        driver: simulated  # project Machinefile.yaml:1:29
    ");
    assert!(ran.stderr.contains("unknown key `imgae`") && ran.stderr.contains("unknown provider `smi`"), "{ran:?}");
    let ran = sandbox.run(["audit", "--why", "machines.web.provider"]);
    assert!(ran.code == 1 && ran.stdout.contains("smi") && ran.stderr.contains("unknown provider"), "{ran:?}");
    let ran = sandbox.run(["audit"]);
    assert!(ran.code == 1 && ran.stdout.is_empty(), "{ran:?}");
}
