//! Settings that stand in no file: variables and flags.

use insta::assert_snapshot;
use libmachine::config::{Config, Layer, file};
use libmachine::value::Path;

use crate::support::project::Project;

const BASE: &str = "machines:\n  web-server:\n    engine: { options: { Odd_Key: { x: 1 } } }\n";

fn same(project: &Project, as_if: &str) {
    assert_eq!(project.config().file, Project::new(as_if).config().file);
}

fn options(config: &Config) -> serde_json::Value {
    let Some(file::Engine::Settings(engine)) = config.file.defaults.clone().and_then(|d| d.engine) else {
        panic!("settings")
    };
    serde_json::to_value(engine.options).expect("is JSON")
}

#[test]
fn a_variable_sets_what_its_name_spells() {
    let project = Project::new(BASE).variable("MACHINE__MACHINES__WEB_SERVER__RESOURCES__RAM", "4");
    same(&project, &format!("{BASE}    resources: {{ ram: 4 }}\n"));
    let at = Path::parse("machines.web-server.resources.ram");
    let config = project.config();
    assert_eq!(config.layer(&at), Some(Layer::Environment));
    assert_eq!(config.origin(&at).expect("is written").source.name, "MACHINE__MACHINES__WEB_SERVER__RESOURCES__RAM");
}

#[test]
fn the_schema_says_what_a_variables_text_means() {
    let set = |name: &str, value: &str| Project::new("").variable(name, value);
    same(&set("MACHINE__DEFAULTS__ENGINE__VERSION", "26.10"), "defaults: { engine: { version: '26.10' } }\n");
    same(&set("MACHINE__DEFAULTS__ENGINE", "false"), "defaults: { engine: false }\n");
    same(&set("MACHINE__DEFAULTS__PORTS", "['1:1', '2:2']"), "defaults: { ports: ['1:1', '2:2'] }\n");
    same(&set("MACHINE__DEFAULTS__RESOURCES__RAM", "512MiB"), "defaults: { resources: { ram: 512MiB } }\n");
    same(&set("MACHINE__DEFAULTS__IMAGE", "{ path: x }"), "defaults: { image: { path: x } }\n");
    same(&set("MACHINE__NAME", "shop"), "name: shop\n");
    same(&set("MACHINE__DEFAULTS__COUNT", ""), "");
    same(&set("machine__name", "other"), "");
}

#[test]
fn a_key_that_is_written_already_is_taken_as_it_is_written() {
    let project = Project::new(BASE).variable("MACHINE__MACHINES__WEB_SERVER__ENGINE__OPTIONS__ODD_KEY__X", "2");
    same(&project, &BASE.replace("x: 1", "x: 2"));
}

#[test]
fn a_variable_that_sets_nothing_known() {
    let project =
        Project::new("").variable("MACHINE__MACHINES__WEB__RESOURCES__RAN", "4").variable("MACHINE__NAM", "x");
    assert_snapshot!(project.findings(), @r"
     ⚠ `MACHINE__MACHINES__WEB__RESOURCES__RAN` sets nothing that is known
      ╭─[environment:1:1]
    1 │ MACHINE__MACHINES__WEB__RESOURCES__RAN
      · ───────────────────┬──────────────────
      ·                    ╰── here
      ╰────
     help: did you mean `MACHINE__MACHINES__WEB__RESOURCES__RAM`?

     ⚠ `MACHINE__NAM` sets nothing that is known
      ╭─[environment:1:1]
    1 │ MACHINE__NAM
      · ──────┬─────
      ·       ╰── here
      ╰────
     help: did you mean `MACHINE__NAME`?
    ");
}

#[test]
fn a_variable_whose_value_does_not_fit() {
    let project = Project::new("machines: { web: }\n").variable("MACHINE__MACHINES__WEB__COUNT", "many");
    assert_snapshot!(project.findings(), @r"
     × `count` takes a whole number, not text
      ╭─[MACHINE__MACHINES__WEB__COUNT:1:1]
    1 │ many
      · ──┬─
      ·   ╰── here
      ╰────
    ");
}

#[test]
fn a_flag_sets_any_key() {
    let project = Project::new(BASE)
        .set("machines.web-server.resources.ram=4")
        .set("defaults.ports=['1:1']")
        .set("defaults.engine.options.\"a.b\"=1")
        .set("defaults.engine.options.text=a=b")
        .set("defaults.engine.options.text2=\"1\"");
    let config = project.config();
    assert_eq!(options(&config), serde_json::json!({ "a.b": 1, "text": "a=b", "text2": "\"1\"" }));
    let origin = config.origin(&Path::parse("machines.web-server.resources.ram")).expect("is written");
    assert_eq!(&origin.source.text[origin.span.clone()], "4");
    assert_eq!((origin.source.name.as_str(), origin.line_column()), ("--set", (1, 35)));
}

#[test]
fn of_two_flags_the_later_counts() {
    same(&Project::new("").set("defaults.count=1").set("defaults.count=2"), "defaults: { count: 2 }\n");
}

#[test]
fn flags_that_set_nothing() {
    let project =
        Project::new("").set("machines.web.cuont=2").set("name").set("machines.*.count=2").set("=3").exclude("a..b");
    assert_snapshot!(project.findings(), @r"
     × no such setting
      ╭─[--set:1:1]
    1 │ machines.web.cuont
      · ─────────┬────────
      ·          ╰── here
      ╰────
     help: did you mean `machines.web.count`?

     × there is no `=` and no value behind it
      ╭─[--set:1:1]
    1 │ name
      · ──┬─
      ·   ╰── here
      ╰────
     help: write `--set machines.web.resources.ram=4`

     × `*` stands for several settings where one is meant
      ╭─[--set:1:1]
    1 │ machines.*.count=2
      · ─────────┬────────
      ·          ╰── here
      ╰────

     × this begins with no path of a setting: it is empty
      ╭─[--set:1:1]
    1 │ =3
      · ─┬
      ·  ╰── here
      ╰────

     × this is no path of a setting: a key between its dots is empty
      ╭─[--exclude-path:1:1]
    1 │ a..b
      · ──┬─
      ·   ╰── here
      ╰────
     help: write keys with dots between them: `machines.web.ports`
    ");
}

#[test]
fn a_flag_excludes_what_files_say_and_not_what_flags_say() {
    let project = Project::new("defaults: { count: 1, image: a }\n").exclude("defaults.*").set("defaults.image=b");
    same(&project, "defaults: { image: b }\n");
}

#[test]
fn a_flag_that_a_later_layer_overrules_is_told() {
    let text = "#cloud-config\ncloud-machine:\n  machines: { web: { count: 3 } }\n";
    let project = Project::new("machines: { web: }\n").set("machines.web.count=2");
    let project = project.text(Layer::CloudInitUrl, "http://x/seed", text, None);
    assert_snapshot!(project.findings(), @r"
      ⚠ `machines.web.count` of `--set` is not in effect: layer `cloud-init-url` says otherwise
       ╭─[--set:1:20]
     1 │ machines.web.count=2
       ·                    ┬
       ·                    ╰── here
       ╰────
      help: the order of layers is fixed; run with `--exclude-layer cloud-init-url` to leave it out

    Advice:
      ☞ this wins
       ╭─[http://x/seed:3:29]
     2 │ cloud-machine:
     3 │   machines: { web: { count: 3 } }
       ·                             ┬
       ·                             ╰── here
       ╰────
    ");
}

#[test]
fn what_only_a_file_can_say_is_refused_elsewhere() {
    for project in [
        Project::new("").set("include=[a.yaml]"),
        Project::new("").set("profiles.p.name=x"),
        Project::new("").variable("MACHINE__INCLUDE", "[a.yaml]"),
        Project::new("").variable("MACHINE__PROFILES__P__DEFAULTS__COUNT", "2"),
    ] {
        assert!(project.load().is_err());
        assert!(project.findings().contains("only a file can say this"), "{}", project.findings());
    }
}

#[test]
fn a_whole_number_may_be_written_as_a_fraction() {
    let written = "machines: { web: { count: 2.0, resources: { cpus: 2.0 } } }\n";
    let filled = Project::new("machines:\n  web:\n    count: ${N}\n    resources:\n      cpus: ${N}\n");
    same(&Project::new(written), "machines: { web: { count: 2, resources: { cpus: 2 } } }\n");
    same(&filled.variable("N", "2.0"), "machines: { web: { count: 2, resources: { cpus: 2 } } }\n");
}
