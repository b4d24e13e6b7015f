//! Settings that the schema does not take.

use insta::assert_snapshot;

use super::findings;
use crate::support::project::Project;

#[test]
fn an_unknown_key() {
    assert_snapshot!(findings("machines:\n  web:\n    resurces: { ram: 2 }\n"), @r"
     × unknown key `resurces`
      ╭─[Machinefile:3:5]
    2 │   web:
    3 │     resurces: { ram: 2 }
      ·     ────┬───
      ·         ╰── here
      ╰────
     help: did you mean `resources`?
    ");
}

#[test]
fn an_unknown_key_that_resembles_none() {
    assert_snapshot!(findings("machines:\n  web:\n    ssh: { zzzzzzzzz: 1 }\n"), @r"
     × unknown key `zzzzzzzzz`
      ╭─[Machinefile:3:12]
    2 │   web:
    3 │     ssh: { zzzzzzzzz: 1 }
      ·            ────┬────
      ·                ╰── here
      ╰────
     help: known here: `agent`, `authorized-keys`, `identity`, `user`, `wait`
    ");
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(findings("machines:\n  web:\n    ports: 8080:80\n    resources: [2]\n"), @r#"
     × `ports` takes a list, not text
      ╭─[Machinefile:3:12]
    2 │   web:
    3 │     ports: 8080:80
      ·            ───┬───
      ·               ╰── here
    4 │     resources: [2]
      ╰────
     help: write a list, even of one: ["8080:80"]

     × `resources` takes a map, not a list
      ╭─[Machinefile:4:16]
    3 │     ports: 8080:80
    4 │     resources: [2]
      ·                ─┬─
      ·                 ╰── here
      ╰────
    "#);
}

#[test]
fn a_version_that_is_a_number() {
    assert_snapshot!(findings("defaults:\n  engine: { version: 26.10 }\n"), @r#"
     × `version` takes text, not a fraction
      ╭─[Machinefile:2:22]
    1 │ defaults:
    2 │   engine: { version: 26.10 }
      ·                      ──┬──
      ·                        ╰── here
      ╰────
     help: quote it to make it text: "26.10"
    "#);
}

#[test]
fn a_compose_project_without_a_place() {
    assert_snapshot!(findings("machines:\n  web:\ncompose:\n  site:\n    files: [a.yaml]\n"), @r"
     × `site` lacks `on`
      ╭─[Machinefile:4:3]
    3 │ compose:
    4 │   site:
      ·   ──┬─
      ·     ╰── here
    5 │     files: [a.yaml]
      ╰────
    ");
}

#[test]
fn a_bad_name() {
    assert_snapshot!(findings("name: Shop\nmachines:\n  Web_1: {}\n"), @r"
     × `name` cannot be `Shop`
      ╭─[Machinefile:1:7]
    1 │ name: Shop
      ·       ──┬─
      ·         ╰── here
    2 │ machines:
      ╰────
     help: use lower-case letters, digits and `-`, start with a letter, end with a letter or digit, at most 63 characters

     × `Web_1` is not a name
      ╭─[Machinefile:3:3]
    2 │ machines:
    3 │   Web_1: {}
      ·   ──┬──
      ·     ╰── here
      ╰────
     help: use lower-case letters, digits and `-`, start with a letter, end with a letter or digit, at most 63 characters
    ");
}

#[test]
fn a_port_that_is_no_port() {
    assert_snapshot!(findings("machines:\n  web: { ports: [\"eighty\"] }\n"), @r#"
     × an item of `ports` cannot be `eighty`
      ╭─[Machinefile:2:18]
    1 │ machines:
    2 │   web: { ports: ["eighty"] }
      ·                  ────┬───
      ·                      ╰── here
      ╰────
     help: write `HERE:THERE`, as in `8080:80`, `127.0.0.1:8080:80` or `5353:53/udp`
    "#);
}

#[test]
fn a_setting_that_the_driver_does_not_have() {
    let text = "providers:\n  own: { driver: pretend, seeed: 1, x-note: mine }\n  far: { driver: prtend }\n  near: { driver: pretend, seed: one }\n";
    let project = Project::new(text).schema(libmachine::schema::machinefile(&[crate::schema::PRETEND]));
    assert_snapshot!(project.findings(), @r"
     × `own` lacks `world`
      ╭─[Machinefile:2:3]
    1 │ providers:
    2 │   own: { driver: pretend, seeed: 1, x-note: mine }
      ·   ─┬─
      ·    ╰── here
    3 │   far: { driver: prtend }
      ╰────

     × unknown key `seeed`
      ╭─[Machinefile:2:27]
    1 │ providers:
    2 │   own: { driver: pretend, seeed: 1, x-note: mine }
      ·                           ──┬──
      ·                             ╰── here
    3 │   far: { driver: prtend }
      ╰────
     help: did you mean `seed`?

     × `driver` cannot be `prtend`
      ╭─[Machinefile:3:18]
    2 │   own: { driver: pretend, seeed: 1, x-note: mine }
    3 │   far: { driver: prtend }
      ·                  ───┬──
      ·                     ╰── here
    4 │   near: { driver: pretend, seed: one }
      ╰────
     help: did you mean `pretend`?

     × `near` lacks `world`
      ╭─[Machinefile:4:3]
    3 │   far: { driver: prtend }
    4 │   near: { driver: pretend, seed: one }
      ·   ──┬─
      ·     ╰── here
      ╰────

     × `seed` takes a whole number, not text
      ╭─[Machinefile:4:34]
    3 │   far: { driver: prtend }
    4 │   near: { driver: pretend, seed: one }
      ·                                  ─┬─
      ·                                   ╰── here
      ╰────
    ");
}

#[test]
fn what_a_variable_holds_is_not_shown() {
    let project = Project::new("machines:\n  web:\n    address: ${ADDRESS}\n").variable("ADDRESS", "secret");
    assert_snapshot!(project.findings(), @r"
     × `address` cannot be `${ADDRESS}`
      ╭─[Machinefile:3:14]
    2 │   web:
    3 │     address: ${ADDRESS}
      ·              ─────┬────
      ·                   ╰── here
      ╰────
     help: an IPv4 address of the project's segment, such as `10.85.7.1`
    ");
}

#[test]
fn a_bad_size() {
    assert_snapshot!(findings("machines:\n  web:\n    resources: { ram: 2 potatoes, cpus: 0 }\n"), @r"
     × `ram` cannot be `2 potatoes`
      ╭─[Machinefile:3:23]
    2 │   web:
    3 │     resources: { ram: 2 potatoes, cpus: 0 }
      ·                       ─────┬────
      ·                            ╰── here
      ╰────
     help: a size is a number of GB, or a number and a unit: `512MiB`, `20GB`

     × `cpus` is `0`, but must be at least 1
      ╭─[Machinefile:3:41]
    2 │   web:
    3 │     resources: { ram: 2 potatoes, cpus: 0 }
      ·                                         ┬
      ·                                         ╰── here
      ╰────
    ");
}

#[test]
fn memory_that_is_not_a_number() {
    assert_snapshot!(findings("machines:\n  web:\n    resources: { ram: .nan }\n"), @r"
     × `ram` is no finite number
      ╭─[Machinefile:3:23]
    2 │   web:
    3 │     resources: { ram: .nan }
      ·                       ──┬─
      ·                         ╰── here
      ╰────
     help: write a number that can be counted with
    ");
}

#[test]
fn several_problems_in_one_run() {
    let text = "nme: shop\nmachines:\n  web:\n    resources: { ram: lots, cpus: two }\n    engine: { verson: \"26\" }\n    image: 13\n";
    assert_snapshot!(findings(text), @r#"
     × unknown key `nme`
      ╭─[Machinefile:1:1]
    1 │ nme: shop
      · ─┬─
      ·  ╰── here
    2 │ machines:
      ╰────
     help: did you mean `name`?

     × `ram` cannot be `lots`
      ╭─[Machinefile:4:23]
    3 │   web:
    4 │     resources: { ram: lots, cpus: two }
      ·                       ──┬─
      ·                         ╰── here
    5 │     engine: { verson: "26" }
      ╰────
     help: a size is a number of GB, or a number and a unit: `512MiB`, `20GB`

     × `cpus` takes a whole number, not text
      ╭─[Machinefile:4:35]
    3 │   web:
    4 │     resources: { ram: lots, cpus: two }
      ·                                   ─┬─
      ·                                    ╰── here
    5 │     engine: { verson: "26" }
      ╰────

     × unknown key `verson`
      ╭─[Machinefile:5:15]
    4 │     resources: { ram: lots, cpus: two }
    5 │     engine: { verson: "26" }
      ·               ───┬──
      ·                  ╰── here
    6 │     image: 13
      ╰────
     help: did you mean `version`?

     × `image` takes text or a map, not a number
      ╭─[Machinefile:6:12]
    5 │     engine: { verson: "26" }
    6 │     image: 13
      ·            ─┬
      ·             ╰── here
      ╰────
     help: quote it to make it text: "13"
    "#);
}

#[test]
fn problems_of_several_files_in_one_run() {
    let project = Project::empty()
        .file("base.yaml", "defaults: { sise: 1 }\n")
        .file("more/local.toml", "[machines.web]\ncount = \"two\"\n")
        .layer("base.yaml")
        .layer("more/local.toml");
    assert_snapshot!(project.findings(), @r#"
     × unknown key `sise`
      ╭─[base.yaml:1:13]
    1 │ defaults: { sise: 1 }
      ·             ──┬─
      ·               ╰── here
      ╰────
     help: did you mean `ssh`?

     × `count` takes a whole number, not text
      ╭─[more/local.toml:2:9]
    1 │ [machines.web]
    2 │ count = "two"
      ·         ──┬──
      ·           ╰── here
      ╰────
    "#);
}
