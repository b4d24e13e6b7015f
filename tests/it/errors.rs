//! One broken Machinefile per diagnostic, and all that its user reads.

use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::support::project::Project;

fn findings(machinefile: &str) -> String {
    Project::new(machinefile).findings()
}

#[test]
fn a_tab_in_yaml() {
    assert_snapshot!(findings("machines:\n\tweb: {}\n"), @r"
     × a tab cannot indent YAML
      ╭─[Machinefile:2:1]
    1 │ machines:
    2 │     web: {}
      · ──┬─
      ·   ╰── here
      ╰────
     help: indent with spaces
    ");
}

#[test]
fn a_key_written_twice() {
    assert_snapshot!(findings("machines:\n  web: {}\n  db: {}\n  web: {}\n"), @r"
     × key `web` appears twice
      ╭─[Machinefile:4:3]
    1 │ machines:
    2 │   web: {}
      ·   ─┬─
      ·    ╰── first here
    3 │   db: {}
    4 │   web: {}
      ·   ─┬─
      ·    ╰── here
      ╰────
     help: remove one of them
    ");
}

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
     help: known here: `agent`, `authorized-keys`, `identity`, `user`
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
fn an_unknown_driver() {
    let text = "providers:\n  lab: { driver: qemuu }\nmachines:\n  web: { provider: lab }\n";
    assert_snapshot!(findings(text), @r"
     × unknown driver `qemuu`
      ╭─[Machinefile:2:18]
    1 │ providers:
    2 │   lab: { driver: qemuu }
      ·                  ──┬──
      ·                    ╰── here
    3 │ machines:
      ╰────
     help: did you mean `qemu`?
    ");
}

#[test]
fn an_unknown_provider() {
    assert_snapshot!(findings("machines:\n  web: { provider: qem }\n"), @r"
     × unknown provider `qem`
      ╭─[Machinefile:2:20]
    1 │ machines:
    2 │   web: { provider: qem }
      ·                    ─┬─
      ·                     ╰── here
      ╰────
     help: did you mean `qemu`?
    ");
}

#[test]
fn a_driver_that_needs_settings_used_bare() {
    assert_snapshot!(findings("machines:\n  web: { provider: cloud }\n"), @r"
     × driver `cloud` needs settings
      ╭─[Machinefile:2:20]
    1 │ machines:
    2 │   web: { provider: cloud }
      ·                    ──┬──
      ·                      ╰── here
      ╰────
     help: declare it: `providers: { cloud: { driver: cloud, … } }`
    ");
}

#[test]
fn an_inherited_setting_is_shown_where_it_is_written() {
    assert_snapshot!(findings("defaults:\n  provider: clod\nmachines:\n  web:\n"), @r"
     × unknown provider `clod`
      ╭─[Machinefile:2:13]
    1 │ defaults:
    2 │   provider: clod
      ·             ──┬─
      ·               ╰── here
    3 │ machines:
      ╰────
     help: known here: `qemu`
    ");
}

#[test]
fn a_compose_project_on_no_machine() {
    let text = "machines:\n  web:\ncompose:\n  site: { on: [web, wbe], files: [a.yaml] }\n";
    assert_snapshot!(Project::new(text).file("a.yaml", "").findings(), @r"
     × no machine is called `wbe`
      ╭─[Machinefile:4:21]
    3 │ compose:
    4 │   site: { on: [web, wbe], files: [a.yaml] }
      ·                     ─┬─
      ·                      ╰── here
      ╰────
     help: did you mean `web`?
    ");
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
fn a_compose_file_that_is_not_there() {
    let text = "machines:\n  web:\ncompose:\n  site:\n    on: web\n    files: [stack/compose.yaml]\n";
    assert_snapshot!(findings(text), @r"
     × no file `stack/compose.yaml`
      ╭─[Machinefile:6:13]
    5 │     on: web
    6 │     files: [stack/compose.yaml]
      ·             ─────────┬────────
      ·                      ╰── here
      ╰────
     help: looked for [DIR]/shop/stack/compose.yaml
    ");
}

#[test]
fn a_compose_project_where_there_is_no_engine() {
    let text = "machines:\n  web: { engine: false }\ncompose:\n  site: { on: web, files: [a.yaml] }\n";
    assert_snapshot!(Project::new(text).file("a.yaml", "").findings(), @r"
     × `web` has no engine to run `site`
      ╭─[Machinefile:4:15]
    3 │ compose:
    4 │   site: { on: web, files: [a.yaml] }
      ·               ─┬─
      ·                ╰── here
      ╰────
     help: remove `engine: false` from `web`, or run the project elsewhere
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
fn a_port_taken_by_two_machines() {
    let text = "machines:\n  a: { ports: [\"8080:80\"] }\n  b: { ports: [\"0.0.0.0:8080:81\"] }\n";
    assert_snapshot!(findings(text), @r#"
     × port 8080 of this computer leads to `a` already
      ╭─[Machinefile:3:16]
    2 │   a: { ports: ["8080:80"] }
    3 │   b: { ports: ["0.0.0.0:8080:81"] }
      ·                ────────┬────────
      ·                        ╰── here
      ╰────
     help: choose another port before the `:`
    "#);
}

#[test]
fn a_port_of_a_counted_machine() {
    assert_snapshot!(findings("machines:\n  web:\n    count: 2\n    ports: [\"8080:80\"]\n"), @r#"
     × `web` is several machines, and a port here can lead to one of them only
      ╭─[Machinefile:4:12]
    3 │     count: 2
    4 │     ports: ["8080:80"]
      ·            ─────┬─────
      ·                 ╰── here
      ╰────
     help: declare the machine that takes the port by itself, without `count`
    "#);
}

#[test]
fn a_port_that_no_computer_has() {
    assert_snapshot!(findings("machines:\n  web: { ports: [\"8080:80\", \"70000:80\"] }\n"), @r#"
     × `70000:80` is not a pair of ports
      ╭─[Machinefile:2:29]
    1 │ machines:
    2 │   web: { ports: ["8080:80", "70000:80"] }
      ·                             ─────┬────
      ·                                  ╰── here
      ╰────
     help: ports are 1 to 65535, numbers in an address 0 to 255
    "#);
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
fn an_address_outside_the_segment() {
    assert_snapshot!(findings("machines:\n  web: { address: 192.168.1.1 }\n"), @r"
     × `192.168.1.1` is no address of the project's segment
      ╭─[Machinefile:2:19]
    1 │ machines:
    2 │   web: { address: 192.168.1.1 }
      ·                   ─────┬─────
      ·                        ╰── here
      ╰────
     help: choose one from 10.85.1.1 to 10.85.254.254, not ending in .0 or .255
    ");
}

#[test]
fn an_address_of_two_machines() {
    assert_snapshot!(findings("machines:\n  a: { address: 10.85.9.9 }\n  b: { address: 10.85.9.9 }\n"), @r"
     × 10.85.9.9 is the address of `a` already
      ╭─[Machinefile:3:17]
    2 │   a: { address: 10.85.9.9 }
    3 │   b: { address: 10.85.9.9 }
      ·                 ────┬────
      ·                     ╰── here
      ╰────
     help: choose another, or leave it out
    ");
}

#[test]
fn a_disk_without_a_size() {
    assert_snapshot!(findings("machines:\n  web:\n    resources: { disks: { data: { mount: /data } } }\n"), @r"
     × disk `data` has no `allocation`
      ╭─[Machinefile:3:27]
    2 │   web:
    3 │     resources: { disks: { data: { mount: /data } } }
      ·                           ──┬─
      ·                             ╰── here
      ╰────
     help: say how large it is: `allocation: 20GB`

     × disk `data` has no filesystem to mount
      ╭─[Machinefile:3:42]
    2 │   web:
    3 │     resources: { disks: { data: { mount: /data } } }
      ·                                          ──┬──
      ·                                            ╰── here
      ╰────
     help: add `filesystem: ext4`
    ");
}

#[test]
fn a_cloud_init_file_that_is_not_there() {
    assert_snapshot!(findings("machines:\n  web: { cloud-init: ./seed.yaml }\n"), @r"
     × no file `[DIR]/shop/seed.yaml`
      ╭─[Machinefile:2:22]
    1 │ machines:
    2 │   web: { cloud-init: ./seed.yaml }
      ·                      ─────┬─────
      ·                           ╰── here
      ╰────
     help: name a text file, or write the user-data here below `cloud-init: |`
    ");
}

#[test]
fn a_downloaded_image_without_a_digest() {
    assert_snapshot!(findings("machines:\n  web:\n    image: { url: \"https://example.org/a.img\", packages: [vim] }\n"), @r#"
     × `packages` belongs to an image by `build`, and this is one by `url`
      ╭─[Machinefile:3:48]
    2 │   web:
    3 │     image: { url: "https://example.org/a.img", packages: [vim] }
      ·                                                ────┬───
      ·                                                    ╰── here
      ╰────
     help: remove it

     × a downloaded image needs its digest
      ╭─[Machinefile:3:19]
    2 │   web:
    3 │     image: { url: "https://example.org/a.img", packages: [vim] }
      ·                   ─────────────┬─────────────
      ·                                ╰── here
      ╰────
     help: add `sha256:` or `sha512:` as the image's publisher states it
    "#);
}

#[test]
fn a_setting_that_the_driver_does_not_have() {
    let text = "providers:\n  lab: { driver: pretend, seeed: 1, x-note: mine }\n  far: { driver: prtend }\n  near: { driver: pretend, seed: one }\n";
    let project = Project::new(text).schema(libmachine::schema::machinefile(&[crate::schema::PRETEND]));
    assert_snapshot!(project.findings(), @r"
     × `lab` lacks `world`
      ╭─[Machinefile:2:3]
    1 │ providers:
    2 │   lab: { driver: pretend, seeed: 1, x-note: mine }
      ·   ─┬─
      ·    ╰── here
    3 │   far: { driver: prtend }
      ╰────

     × unknown key `seeed`
      ╭─[Machinefile:2:27]
    1 │ providers:
    2 │   lab: { driver: pretend, seeed: 1, x-note: mine }
      ·                           ──┬──
      ·                             ╰── here
    3 │   far: { driver: prtend }
      ╰────
     help: did you mean `seed`?

     × `driver` cannot be `prtend`
      ╭─[Machinefile:3:18]
    2 │   lab: { driver: pretend, seeed: 1, x-note: mine }
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
fn two_machines_of_one_full_name() {
    assert_snapshot!(findings("machines:\n  worker: { count: 1 }\n  worker-1:\n"), @r"
     × two machines are called `worker-1`: this one and `machines.worker`
      ╭─[Machinefile:3:3]
    2 │   worker: { count: 1 }
    3 │   worker-1:
      ·   ────┬───
      ·       ╰── here
      ╰────
     help: rename one of them
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
fn an_image_that_is_two_things() {
    assert_snapshot!(findings("machines:\n  web:\n    image: { build: debian-13, path: a.img }\n"), @r"
     × an image is either a `path` or a `build`
      ╭─[Machinefile:3:14]
    2 │   web:
    3 │     image: { build: debian-13, path: a.img }
      ·              ──┬──
      ·                ╰── here
      ╰────
     help: keep one of them
    ");
}

#[test]
fn an_unset_variable() {
    assert_snapshot!(findings("name: shop\nmachines:\n  web: { image: \"img-${RELEASE}\" }\n"), @r#"
     × variable `RELEASE` is not set
      ╭─[Machinefile:3:22]
    2 │ machines:
    3 │   web: { image: "img-${RELEASE}" }
      ·                      ─────┬────
      ·                           ╰── here
      ╰────
     help: set it, or give a default: `${RELEASE:-default}`
    "#);
}

#[test]
fn a_variable_with_a_reason() {
    assert_snapshot!(findings("machines:\n  web: { image: \"${RELEASE:?which one is up to you}\" }\n"), @r#"
     × variable `RELEASE` is not set: which one is up to you
      ╭─[Machinefile:2:18]
    1 │ machines:
    2 │   web: { image: "${RELEASE:?which one is up to you}" }
      ·                  ─────────────────┬────────────────
      ·                                   ╰── here
      ╰────
     help: set `RELEASE` in the environment
    "#);
}

#[test]
fn an_integer_with_a_leading_zero() {
    assert_snapshot!(findings("defaults:\n  engine: { options: { mode: 0644 } }\n"), @r"
     × `0644` is read as octal by some programs and as decimal by others
      ╭─[Machinefile:2:30]
    1 │ defaults:
    2 │   engine: { options: { mode: 0644 } }
      ·                              ──┬─
      ·                                ╰── here
      ╰────
     help: quote it for text, or write `0o644` for an octal number
    ");
}

#[test]
fn a_tag_that_means_nothing_here() {
    assert_snapshot!(findings("machines: !secret\n  web:\n"), @r"
     × tag `!secret` is not known here
      ╭─[Machinefile:2:3]
    1 │ machines: !secret
    2 │   web:
      ·   ──┬─
      ·     ╰── here
      ╰────
     help: remove it: a Machinefile needs no tags
    ");
}

#[test]
fn a_second_document() {
    assert_snapshot!(findings("machines:\n---\nmachines:\n"), @r"
     × a second document in one file
      ╭─[Machinefile:2:1]
    1 │ machines:
    2 │ ---
      · ─┬─
      ·  ╰── here
    3 │ machines:
      ╰────
     help: keep one document per file; several files are layered with `-f FILE -f FILE`
    ");
}

#[test]
fn a_list_instead_of_settings() {
    assert_snapshot!(findings("- web\n- db\n"), @r"
     × a Machinefile is a map of settings
      ╭─[Machinefile:1:1]
    1 │ - web
      · ──┬──
      ·   ╰── here
    2 │ - db
      ╰────
     help: begin with `machines:` and a machine's name below it
    ");
}

#[test]
fn aliases_of_aliases_are_stopped_early() {
    let mut text = String::from("x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let names = vec![format!("*x{}", level - 1); 10].join(", ");
        text.push_str(&format!("x-{level}: &x{level} [{names}]\n"));
    }
    let start = Instant::now();
    assert_snapshot!(findings(&text), @r"
     × aliases expand to more than 250000 values
      ╭─[Machinefile:6:16]
    5 │ x-4: &x4 [*x3, *x3, *x3, *x3, *x3, *x3, *x3, *x3, *x3, *x3]
    6 │ x-5: &x5 [*x4, *x4, *x4, *x4, *x4, *x4, *x4, *x4, *x4, *x4]
      ·                ─┬─
      ·                 ╰── here
    7 │ x-6: &x6 [*x5, *x5, *x5, *x5, *x5, *x5, *x5, *x5, *x5, *x5]
      ╰────
     help: aliases of aliases multiply: name fewer of them
    ");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

#[test]
fn nesting_without_end() {
    let deep = |n: usize| format!("x-a: {}{}\n", "[".repeat(n), "]".repeat(n));
    assert_snapshot!(findings(&deep(70)), @r"
     × nested deeper than 64 levels
      ╭─[Machinefile:1:69]
    1 │ x-a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
      ·                                                                     ┬
      ·                                                                     ╰── here
      ╰────
    ");
    assert!(findings(&deep(100_000)).contains("not YAML"), "{}", findings(&deep(100_000)));
}

#[test]
fn an_alias_within_what_it_names() {
    assert_snapshot!(findings("x-a: &a [1, *a]\n"), @r"
     × this alias stands inside what it names
      ╭─[Machinefile:1:13]
    1 │ x-a: &a [1, *a]
      ·             ─┬
      ·              ╰── here
      ╰────
    ");
}

#[test]
fn bytes_that_are_not_utf_8() {
    let project = Project::empty().file("Machinefile", b"name: shop\nmachines:\n  caf\xe9:\n");
    assert_snapshot!(project.findings(), @r"
     × byte 0xe9 is not UTF-8
      ╭─[Machinefile:3:6]
    2 │ machines:
    3 │   caf�:
      ·      ┬
      ·      ╰── here
      ╰────
     help: save the file in UTF-8
    ");
}

#[test]
fn two_machinefiles_in_one_folder() {
    let project = Project::new("machines:\n").file("Machinefile.toml", "");
    assert_snapshot!(project.findings(), @r"
    × two Machinefiles in one folder: `Machinefile` and `Machinefile.toml`
    help: keep one of them, or name the one you mean with `-f FILE`
    ");
}

#[test]
fn no_machinefile_at_all() {
    assert_snapshot!(Project::empty().findings(), @r"
    × no Machinefile in `[DIR]/shop` or a folder above it
    help: write one with `machine init`, or name a file with `-f FILE`
    ");
}

#[test]
fn a_file_that_is_not_there() {
    assert_snapshot!(Project::empty().layer("other.yaml").findings(), @r"
    × cannot read `other.yaml`
    ╰─▶ No such file or directory (os error 2)
    ");
}

#[test]
fn several_syntax_errors_of_toml() {
    let project = Project::empty().file("Machinefile.toml", "name = shop\n[machines.web]\ncount = = 2\n");
    assert_snapshot!(project.findings(), @r"
     × not TOML: string values must be quoted, expected literal string
      ╭─[Machinefile.toml:1:8]
    1 │ name = shop
      ·        ──┬─
      ·          ╰── here
    2 │ [machines.web]
      ╰────

     × not TOML: extra `=`, expected nothing
      ╭─[Machinefile.toml:3:9]
    2 │ [machines.web]
    3 │ count = = 2
      ·         ┬
      ·         ╰── here
      ╰────

     × not TOML: unexpected key or value, expected newline, `#`
      ╭─[Machinefile.toml:3:11]
    2 │ [machines.web]
    3 │ count = = 2
      ·           ▲
      ·           ╰── here
      ╰────
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
