//! What is said of settings that are not right, and what is not said twice.

use insta::assert_snapshot;
use libmachine::config::Layer;
use libmachine::provider::DRIVERS;
use libmachine::schema;
use libmachine::value::Path;

use crate::support::project::Project;
use crate::support::sandbox::Sandbox;

fn said(machinefile: &str) -> String {
    Project::new(machinefile).schema(schema::machinefile(DRIVERS)).findings()
}

#[test]
fn warnings_stand_beside_errors() {
    let project = Project::new("include: [b.yaml]\nexclude: [defaults.image]\n").file("b.yaml", "machines: { web: [\n");
    assert!(project.findings().contains("not YAML"));
    let project =
        Project::new("exclude: [defaults.image]\nmachines: { web: { imgae: x } }\n").variable("MACHINE__X", "1");
    let said = project.findings();
    for word in ["no earlier layer says anything", "`MACHINE__X` sets nothing", "unknown key `imgae`"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let unread = Project::new("name: !x y\n").variable("MACHINE__X", "1");
    assert!(unread.load().is_err() && unread.findings().contains("`MACHINE__X` sets nothing"), "{}", unread.findings());

    let sandbox = Sandbox::with("exclude: [defaults.image]\nmachines: { web: { provider: nowhere } }\n");
    let ran = sandbox.run(["validate"]);
    assert!(ran.stderr.contains("no earlier layer") && ran.stderr.contains("unknown provider"), "{}", ran.stderr);
}

#[test]
fn a_misspelt_driver_is_one_error() {
    let text = "providers: { sim: { driver: simulatd, latency: 1s } }\nmachines: { web: { provider: sim }, db: { provider: sim } }\n";
    assert_snapshot!(said(text), @r"
     × `driver` cannot be `simulatd`
      ╭─[Machinefile:1:29]
    1 │ providers: { sim: { driver: simulatd, latency: 1s } }
      ·                             ────┬───
      ·                                 ╰── here
    2 │ machines: { web: { provider: sim }, db: { provider: sim } }
      ╰────
     help: did you mean `simulated`?
    ");
}

#[test]
fn what_is_filled_in_within_brackets_has_to_be_quoted() {
    let hint = "quote what is filled in";
    for text in ["machines: { web: { resources: { ram: ${RAM} } } }\n", "defaults: { ports: [${A}, ${B}] }\n"] {
        assert!(said(text).contains(hint), "{}", said(text));
    }
    let toml = Project::empty().file("Machinefile.toml", "machines.web.resources.ram = ${RAM}\n");
    assert!(toml.findings().contains(hint), "{}", toml.findings());
}

#[test]
fn a_setting_by_another_name_or_a_map_too_high() {
    for (text, meant) in [
        ("defaults: { memory: 4 }\n", "resources.ram"),
        ("defaults: { resources: { memory: 4 } }\n", "ram"),
        ("defaults: { cpus: 4 }\n", "resources.cpus"),
        ("defaults: { disks: { a: { allocation: 1 } } }\n", "resources.disks"),
        ("defaults: { user: me }\n", "ssh.user"),
        ("image: x\n", "defaults.image"),
        ("defaults: { user_data: x }\n", "cloud-init"),
        ("defaults: { imgae: x }\n", "image"),
    ] {
        assert!(said(text).contains(&format!("did you mean `{meant}`?")), "{text}: {}", said(text));
    }
}

#[test]
fn a_folder_is_no_file() {
    assert_snapshot!(said("include: [.]\n"), @r"
     × cannot read `.`: Is a directory (os error 21)
      ╭─[Machinefile:1:11]
    1 │ include: [.]
      ·           ┬
      ·           ╰── here
      ╰────
     help: this is a folder: name the file in it
    ");
    let folder = Project::empty().layer(".");
    assert!(folder.findings().contains("this is a folder"), "{}", folder.findings());
}

#[test]
fn a_link_to_nothing_is_no_machinefile() {
    let project = Project::empty();
    std::os::unix::fs::symlink("nowhere.yaml", project.path().join("Machinefile")).expect("a link");
    assert_snapshot!(project.findings(), @r"
    × `Machinefile` is a link to `nowhere.yaml`, which is not there
    help: put the file where the link leads, or remove the link
    ");
}

#[test]
fn a_key_of_a_cloud_config_that_is_nearly_ours() {
    let text = "#cloud-config\ncloud_machine:\n  resources: { ram: 4 }\npassword: hunter2\n";
    let project = Project::new("machines: { web: }\n").text(Layer::CloudInitUrl, "http://x/seed", text, None);
    assert_snapshot!(project.findings(), @r"
     ⚠ `cloud_machine` means nothing here
      ╭─[http://x/seed:2:1]
    1 │ #cloud-config
    2 │ cloud_machine:
      · ──────┬──────
      ·       ╰── here
    3 │ ***********************
      ╰────
     help: did you mean `cloud-machine`?
    ");
}

#[test]
fn amounts_that_no_machine_has() {
    assert_snapshot!(said("machines: { web: { resources: { ram: 0.0000001 } } }\n"), @r"
     × a machine cannot have 107B of memory
      ╭─[Machinefile:1:38]
    1 │ machines: { web: { resources: { ram: 0.0000001 } } }
      ·                                      ────┬────
      ·                                          ╰── here
      ╰────
     help: write a number of GB, such as `2`, or a number and a unit: `512MiB`
    ");
    for text in [
        "defaults: { count: 1e300 }\n",
        "machines: { web: { count: 1e300 } }\n",
        "machines: { web: { resources: { cpus: 1e300 } } }\n",
        "machines: { web: { count: 18446744073709551615 } }\n",
    ] {
        assert!(said(text).contains("but must be at most"), "{text}: {}", said(text));
    }
}

#[test]
fn a_mandatory_setting_that_is_not_set_is_not_suggested_itself() {
    let text = "machines: { web: { provider: simulated, mandatory: [image] } }\n";
    let findings = Project::new(&text.replace("simulated", "qemu")).findings();
    assert!(findings.contains("is not set") && !findings.contains("did you mean `image`?"), "{findings}");
}

#[test]
fn a_tag_is_shown_where_it_stands() {
    let text = "machines:\n  web: !secret { image: a }\n  db: !secret\n    image: a\nx-a: [!foo 1]\n";
    assert_snapshot!(said(text), @r"
     × tag `!secret` is not known here
      ╭─[Machinefile:3:7]
    2 │   web: !secret { image: a }
    3 │   db: !secret
      ·       ───┬───
      ·          ╰── here
    4 │     image: a
      ╰────
     help: remove it: `!reset` and `!override` are the only ones

     × tag `!secret` is not known here
      ╭─[Machinefile:2:8]
    1 │ machines:
    2 │   web: !secret { image: a }
      ·        ───┬───
      ·           ╰── here
    3 │   db: !secret
      ╰────
     help: remove it: `!reset` and `!override` are the only ones

     × tag `!foo` is not known here
      ╭─[Machinefile:5:7]
    4 │     image: a
    5 │ x-a: [!foo 1]
      ·       ──┬─
      ·         ╰── here
      ╰────
     help: remove it: `!reset` and `!override` are the only ones
    ");
}

#[test]
fn who_says_the_same_overrules_nobody() {
    let text = "#cloud-config\ncloud-machine: { machines: { web: { count: 2 } }, mandatory: [count] }\n";
    let project = Project::new("machines: { web: }\n").set("machines.web.count=2").set("defaults.mandatory=[count]");
    assert_eq!(project.text(Layer::CloudInitUrl, "u", text, None).findings(), "");
}

#[test]
fn of_two_flags_that_set_one_thing_the_first_is_told() {
    let project = Project::new("machines: { web: }\n").set("machines.web.count=1").set("machines.web.count=2");
    assert_snapshot!(project.findings(), @r"
      ⚠ `machines.web.count` of `--set` is not in effect: `--set` says it again
       ╭─[--set:1:20]
     1 │ machines.web.count=1
       ·                    ┬
       ·                    ╰── here
       ╰────
      help: leave one of them out

    Advice:
      ☞ this wins
       ╭─[--set:1:20]
     1 │ machines.web.count=2
       ·                    ┬
       ·                    ╰── here
       ╰────
    ");
    let project =
        project.set("defaults.count=4").set("machines.web.engine=false").set("machines.web.engine.version=26");
    let chain = |path: &str| {
        let chain = project.config().chain(&Path::parse(path), &schema::machinefile(DRIVERS), false);
        chain.iter().map(|said| said.value.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(chain("machines.web.count"), ["1", "2"], "the history has both, the one in effect last");
    assert_eq!(chain("machines.web.engine"), ["false", r#"{"version":"26"}"#]);
    let leaves = project.config().leaves(&schema::machinefile(DRIVERS), false);
    let count = leaves.iter().find(|leaf| leaf.path.to_string() == "machines.web.count").expect("a leaf");
    assert_eq!((count.value.to_string(), count.shadowed[0].value.to_string()), ("2".into(), "1".into()));
    let sandbox = Sandbox::with("machines: { web: { provider: simulated } }\n");
    let why = sandbox.ok("audit --why machines.web.count --set machines.web.count=1 --set machines.web.count=2").stdout;
    assert!(why.contains("1  (shadowed)") && why.contains("2  (in effect)"), "{why}");
    let ran = sandbox.ok("validate -p typed --set name=set");
    assert!(ran.stdout.starts_with("typed: valid"), "{ran:?}");
    assert!(ran.stderr.contains("`name` of `--set` is not in effect: `--project-name` says it again"), "{ran:?}");
}

#[test]
fn nothing_at_once_is_no_number_of_operations() {
    let sandbox = Sandbox::with("machines: { web: { provider: simulated } }\n");
    let output = sandbox.command(["plan"]).env("MACHINE_PARALLEL", "0").output().expect("it runs");
    for ran in [sandbox.run(["plan", "--parallel", "0"]), output.into()] {
        assert_eq!(ran.code, 64, "{ran:?}");
        assert!(ran.stderr.contains("nothing would ever run: 1 does one thing after another"), "{ran:?}");
    }
}

#[test]
fn variables_of_flags_that_are_empty_or_misspelt() {
    let sandbox = Sandbox::with("machines: { web: { provider: simulated } }\n");
    let with = |name: &str, value: &str| {
        let output = sandbox.command(["validate"]).env(name, value).output().expect("it runs");
        // A slow computer says that it is still at it.
        let said = String::from_utf8(output.stderr).expect("text").replace("reading the Machinefile\n", "");
        (output.status.code(), said)
    };
    for name in ["PROFILE", "PROGRESS", "EXCLUDE_LAYER", "FILE", "CLOUD_INIT_URL", "DRIVES", "PARALLEL", "STORE"] {
        assert_eq!(with(&format!("MACHINE_{name}"), ""), (Some(0), String::new()), "{name}");
    }
    let (code, said) = with("MACHINE_PROFLE", "x");
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "warning: MACHINE_PROFLE is not read; did you mean MACHINE_PROFILE?\n")
    );
    assert_eq!(with("MACHINE_OF_SOMEBODY_ELSE", "x"), (Some(0), String::new()));
}
