//! Disks that cannot be what is said of them, and drivers that cannot do what is asked.

use insta::assert_snapshot;

use super::findings;
use crate::support::project::Project;

fn disk(settings: &str) -> String {
    findings(&format!("machines:\n  web:\n    resources:\n      disks:\n        data: {{ {settings} }}\n"))
}

#[test]
fn a_contradiction_shows_both_settings() {
    assert_snapshot!(disk("allocation: 1GB, filesystem: ext4, wipe-on-boot: true, readonly: true"), @r"
     × `wipe-on-boot` and this `readonly` exclude each other
      ╭─[Machinefile:5:66]
    4 │       disks:
    5 │         data: { allocation: 1GB, filesystem: ext4, wipe-on-boot: true, readonly: true }
      ·                                                                  ──┬─            ──┬─
      ·                                                                    │               ╰── the other
      ·                                                                    ╰── here
      ╰────
     help: a disk that cannot be written to cannot be wiped
    ");
}

#[test]
fn the_two_sides_of_a_contradiction_may_stand_in_two_files() {
    let project = Project::empty()
        .file("base.yaml", "defaults: { resources: { disks: { data: { readonly: true } } } }\n")
        .file(
            "more.yaml",
            "machines:\n  web:\n    resources:\n      disks:\n        \
             data: { allocation: 1GB, filesystem: ext4, overwrite: true }\n",
        )
        .layer("base.yaml")
        .layer("more.yaml");
    assert_snapshot!(project.findings(), @r"
      × `overwrite` and this `readonly` exclude each other
       ╭─[more.yaml:5:63]
     4 │       disks:
     5 │         data: { allocation: 1GB, filesystem: ext4, overwrite: true }
       ·                                                               ──┬─
       ·                                                                 ╰── here
       ╰────
      help: a disk that cannot be written to cannot be overwritten

    Advice:
      ☞ the other
       ╭─[base.yaml:1:53]
     1 │ defaults: { resources: { disks: { data: { readonly: true } } } }
       ·                                                     ──┬─
       ·                                                       ╰── here
       ╰────
    ");
}

#[test]
fn every_pair_that_excludes_each_other_is_refused_at_both() {
    let pairs = [
        ("allocation: 1GB, filesystem: ext4, overwrite: true, readonly: true", "`overwrite` and this `readonly`"),
        ("filesystem: iso9660, wipe-on-boot: true", "`wipe-on-boot` and this `filesystem`"),
        ("filesystem: iso9660, overwrite: true", "`overwrite` and this `filesystem`"),
        ("filesystem: iso9660, readonly: false", "`readonly` and this `filesystem`"),
        ("filesystem: iso9660, mount: /cd", "`mount` and this `filesystem`"),
        ("allocation: 1GB, filesystem: zfs, wipe-on-boot: true", "`wipe-on-boot` and this `filesystem`"),
        ("allocation: 1GB, filesystem: swap, readonly: true", "`readonly` and this `filesystem`"),
        ("allocation: 1GB, filesystem: swap, mount: /swap", "`mount` and this `filesystem`"),
        ("path: Machinefile, filesystem: ext4, wipe-on-boot: true", "`wipe-on-boot` and this `path`"),
    ];
    for (settings, expected) in pairs {
        let found = disk(settings);
        assert!(found.contains(&format!("{expected} exclude each other")), "{settings}:\n{found}");
        assert!(found.contains("here") && found.contains("the other"), "both are shown:\n{found}");
        assert_eq!(found.matches('×').count(), 1, "and nothing else is said:\n{found}");
    }
}

#[test]
fn a_disk_of_two_mediums_and_a_new_disc() {
    assert_snapshot!(disk("allocation: 1GB, path: Machinefile"), @r"
     × disk `data` is as large as its file
      ╭─[Machinefile:5:29]
    4 │       disks:
    5 │         data: { allocation: 1GB, path: Machinefile }
      ·                             ─┬─        ─────┬─────
      ·                              │              ╰── the file
      ·                              ╰── here
      ╰────
     help: leave `allocation` out, or `path` for a new disk
    ");
    assert_snapshot!(disk("allocation: 1GB, filesystem: iso9660"), @r"
     × an `iso9660` filesystem is not made on a new disk
      ╭─[Machinefile:5:46]
    4 │       disks:
    5 │         data: { allocation: 1GB, filesystem: iso9660 }
      ·                             ─┬─              ───┬───
      ·                              │                  ╰── here
      ·                              ╰── a new disk
      ╰────
     help: name the ISO file with `path` instead of `allocation`
    ");
}

#[test]
fn what_the_boot_disk_takes_no_part_in() {
    let text = "machines:\n  web:\n    resources:\n      disks:\n        sys: { boot-partition: true, wipe-on-boot: true }\n        \
                root: { boot-partition: true }\n  db:\n    resources: { disks: { root: { readonly: true } } }\n";
    assert_snapshot!(findings(text), @r"
     × the disk a machine boots from takes no `readonly`
      ╭─[Machinefile:8:45]
    7 │   db:
    8 │     resources: { disks: { root: { readonly: true } } }
      ·                                             ──┬─
      ·                                               ╰── here
      ╰────
     help: a system cannot run from a disk that it cannot write to

     × a machine boots from one disk: from `root` or from `sys`
      ╭─[Machinefile:5:32]
    4 │       disks:
    5 │         sys: { boot-partition: true, wipe-on-boot: true }
      ·                                ──┬─
      ·                                  ╰── here
    6 │         root: { boot-partition: true }
      ·                                 ──┬─
      ·                                   ╰── boots from this one too
    7 │   db:
      ╰────
     help: keep one `boot-partition: true`

     × the disk a machine boots from takes no `wipe-on-boot`
      ╭─[Machinefile:5:52]
    4 │       disks:
    5 │         sys: { boot-partition: true, wipe-on-boot: true }
      ·                                ──┬─                ──┬─
      ·                                  │                   ╰── here
      ·                                  ╰── the machine boots from this disk
    6 │         root: { boot-partition: true }
      ╰────
     help: what it boots from cannot be wiped at boot
    ");
}

#[test]
fn two_disks_in_one_place() {
    let text = "machines:\n  web:\n    resources:\n      disks:\n        a: { allocation: 1, filesystem: ext4, mount: /data }\n        \
                b: { allocation: 1, filesystem: ext4, mount: /data }\n";
    assert_snapshot!(findings(text), @r"
     × `/data` is the `mount` of two disks, `a` and `b`
      ╭─[Machinefile:6:54]
    4 │       disks:
    5 │         a: { allocation: 1, filesystem: ext4, mount: /data }
      ·                                                      ──┬──
      ·                                                        ╰── the first of them
    6 │         b: { allocation: 1, filesystem: ext4, mount: /data }
      ·                                                      ──┬──
      ·                                                        ╰── here
      ╰────
    ");
}

#[test]
fn settings_of_a_disk_without_what_they_are_about() {
    let found = disk("allocation: 1GB, mount: /data, overwrite: true, wipe-on-boot: true");
    for part in
        ["no filesystem to mount", "no filesystem to make\n", "no filesystem to make anew", "`filesystem: ext4`"]
    {
        assert!(found.contains(part), "`{part}` is missing from:\n{found}");
    }
    assert!(disk("readonly: true").contains("disk `data` has no `allocation`"));
    assert!(disk("path: nowhere.img").contains("no file `nowhere.img`"));
    assert!(disk("allocation: 1, filesystem: ext4, mount: /").contains("`/` is where the disk is mounted"));
    assert!(disk("allocation: 1, filesystem: ext4, mount: '/a b'").contains("`mount` cannot be `/a b`"));
    assert!(disk("allocation: 1, devicepath: /etc/passwd").contains("`devicepath` cannot be `/etc/passwd`"));
}

const CLOUD: &str = "providers:\n  cloud: { driver: cloud }\n";

#[test]
fn a_mandatory_setting_that_the_driver_cannot_do_is_an_error_and_any_other_a_warning() {
    let text = format!(
        "{CLOUD}machines:\n  web:\n    provider: cloud\n    mandatory: [resources.disks.data]\n    resources:\n      \
         nic: {{ world: {{ mac: \"52:54:00:12:34:56\" }} }}\n      disks:\n        \
         data: {{ allocation: 1, kernel-module: zfs }}\n"
    );
    assert_snapshot!(findings(&text), @r#"
     × driver `cloud` ignores `resources.disks.data.kernel-module`: its kernels have every module
       ╭─[Machinefile:10:47]
     5 │     provider: cloud
     6 │     mandatory: [resources.disks.data]
       ·                 ──────────┬─────────
       ·                           ╰── said to be mandatory here
     7 │     resources:
     8 │       nic: { world: { mac: "52:54:00:12:34:56" } }
     9 │       disks:
    10 │         data: { allocation: 1, kernel-module: zfs }
       ·                                               ─┬─
       ·                                                ╰── here
       ╰────
     help: choose a provider that can, or take it out of `mandatory`

     ⚠ driver `cloud` cannot do `resources.nic.world.mac`: its network cards are what they are
      ╭─[Machinefile:8:28]
    7 │     resources:
    8 │       nic: { world: { mac: "52:54:00:12:34:56" } }
      ·                            ─────────┬─────────
      ·                                     ╰── here
    9 │       disks:
      ╰────
     help: `mandatory: [resources.nic.world.mac]` makes this an error
    "#);
}

#[test]
fn what_many_machines_inherit_is_said_once() {
    let text = format!(
        "{CLOUD}defaults:\n  provider: cloud\n  resources: {{ disks: {{ data: {{ allocation: 1, kernel-module: zfs }} }} }}\n\
         machines:\n  a:\n  b:\n  c:\n"
    );
    assert_eq!(findings(&text).matches("⚠").count(), 1);
}

#[test]
fn a_mandatory_setting_that_is_none() {
    let text = "machines:\n  web:\n    mandatory: [resources.dsks.data, resources.disks.dta, resources.ram, engine.version]\n    \
                resources: { ram: 1, disks: { data: { allocation: 1 } } }\n";
    assert_snapshot!(findings(text), @r"
     × a machine has no setting `resources.dsks.data`
      ╭─[Machinefile:3:17]
    2 │   web:
    3 │     mandatory: [resources.dsks.data, resources.disks.dta, resources.ram, engine.version]
      ·                 ─────────┬─────────
      ·                          ╰── here
    4 │     resources: { ram: 1, disks: { data: { allocation: 1 } } }
      ╰────
     help: did you mean `resources.disks.data`?

     ⚠ `resources.disks.dta` is said to be mandatory and is not set
      ╭─[Machinefile:3:38]
    2 │   web:
    3 │     mandatory: [resources.dsks.data, resources.disks.dta, resources.ram, engine.version]
      ·                                      ─────────┬─────────
      ·                                               ╰── here
    4 │     resources: { ram: 1, disks: { data: { allocation: 1 } } }
      ╰────
     help: did you mean `resources.disks.data`?

     ⚠ `engine.version` is said to be mandatory and is not set
      ╭─[Machinefile:3:74]
    2 │   web:
    3 │     mandatory: [resources.dsks.data, resources.disks.dta, resources.ram, engine.version]
      ·                                                                          ───────┬──────
      ·                                                                                 ╰── here
    4 │     resources: { ram: 1, disks: { data: { allocation: 1 } } }
      ╰────
     help: name a setting of the machine, such as `resources.disks.data`
    ");
}
