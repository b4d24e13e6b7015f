//! Settings that are right alone and mean nothing sensible together.

use insta::assert_snapshot;

use super::findings;
use crate::support::project::Project;

#[test]
fn an_unknown_driver() {
    let text = "providers:\n  own: { driver: qemuu }\nmachines:\n  web: { provider: own }\n";
    assert_snapshot!(findings(text), @r"
     × unknown driver `qemuu`
      ╭─[Machinefile:2:18]
    1 │ providers:
    2 │   own: { driver: qemuu }
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
     help: say how large it is, `allocation: 20GB`, or name an image file with `path`

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
fn what_is_mistyped_and_what_makes_no_sense_are_told_in_one_run() {
    let text = "machines:\n  web: { imag: debian-13 }\n  web-2: { provider: nowhere }\ncompose:\n  site: { on: wbe, files: 7 }\n";
    let findings = findings(text);
    for part in ["unknown key `imag`", "`nowhere`", "`wbe`", "`files` takes a list, not a number"] {
        assert!(findings.contains(part), "`{part}` is missing from:\n{findings}");
    }
    assert_eq!(findings.matches('×').count(), 4, "nothing that only follows is said:\n{findings}");
}
