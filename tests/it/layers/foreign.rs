//! What texts that were got elsewhere may not do to this computer.

use insta::assert_snapshot;
use libmachine::config::Layer;
use libmachine::provider::DRIVERS;
use libmachine::schema;
use libmachine::value::Path;

use crate::support::project::Project;

const BASE: &str = "machines: { web: }\n";

fn project(layer: Layer, said: &str) -> Project {
    let text = format!("#cloud-config\ncloud-machine:\n  {said}\n");
    Project::new(BASE).schema(schema::machinefile(DRIVERS)).text(layer, "http://x/seed", &text, None)
}

#[test]
fn it_names_no_file_program_or_host_of_this_computer() {
    for said in [
        "store: { postgres: 'postgres://u@evil/x' }",
        "store: { encrypt-to: [] }",
        "providers: { docker: { driver: docker, host: 'tcp://127.0.0.1:2375' } }",
        "providers: { docker: { driver: docker, privileged: true } }",
        "providers: { docker: { driver: docker, init: /tmp/x } }",
        "providers: { qemu: { driver: qemu, binary: /tmp/x } }",
        "cloud-init: /etc/shadow",
        "cloud-init: [secret.yaml]",
        "cloud-init: 'file:///etc/shadow'",
        "machines: { web: { cloud-init: ~/.netrc } }",
        "image: { path: /dev/sda }",
        "image: { url: 'file:///dev/sda' }",
        "image: { build: debian-13, mirror: 'http://evil/debian' }",
        "resources: { disks: { x: { path: /dev/sda } } }",
        "ssh: { identity: ~/.ssh/id_ed25519 }",
        "ssh: { agent: true }",
        "compose: { x: { on: web, files: [/etc/shadow] } }",
        "compose: { x: { on: web, directory: / } }",
        "compose: { x: { directory: '' } }",
        "compose: { x: { on: web } }",
        "compose: { x: { on: [web], profiles: [a] } }",
        "compose: { x: { on: web, env-files: [/etc/shadow] } }",
        "defaults: { ssh: !override { identity: /x } }",
    ] {
        for layer in [Layer::CloudInitUrl, Layer::CloudInitDrive] {
            let project = project(layer, said);
            let findings = project.findings();
            assert!(project.load().is_err(), "{said}: {findings}");
            let refused = findings.contains("cannot be set here") || findings.contains("files of this computer");
            assert!(refused && findings.contains("http://x/seed:3"), "{said}: {findings}");
        }
    }
}

#[test]
fn the_refusal_shows_the_place_and_says_why() {
    let text = "#cloud-config\ncloud-machine:\n  providers: { qemu: { driver: qemu, binary: /tmp/x } }\n  ssh: { identity: ~/.ssh/id }\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, None);
    assert_snapshot!(project.findings(), @r"
     × `providers` cannot be set here
      ╭─[http://x/seed:3:3]
    2 │ cloud-machine:
    3 │   providers: { qemu: { driver: qemu, binary: /tmp/x } }
      ·   ────┬────
      ·       ╰── here
    4 │   ssh: { identity: ~/.ssh/id }
      ╰────
     help: a provider is of this computer: the programs it runs, the engine it asks, the account it uses

     × a text that was got elsewhere cannot name files of this computer: `defaults.ssh.identity`
      ╭─[http://x/seed:4:20]
    3 │   providers: { qemu: { driver: qemu, binary: /tmp/x } }
    4 │   ssh: { identity: ~/.ssh/id }
      ·                    ────┬────
      ·                        ╰── here
      ╰────
     help: write it in the project's own file, or in the computer's or the user's
    ");
    let text = "#cloud-config\ncloud-machine:\n  ssh: { identity: ~/.ssh/id, agent: true }\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, Some("web"));
    assert_snapshot!(project.findings(), @r"
     × `ssh.agent` cannot be set here
      ╭─[http://x/seed:3:38]
    2 │ cloud-machine:
    3 │   ssh: { identity: ~/.ssh/id, agent: true }
      ·                                      ──┬─
      ·                                        ╰── here
      ╰────
     help: the keys of this computer's SSH agent are not lent to others

     × a text that was got elsewhere cannot name files of this computer: `machines.web.ssh.identity`
      ╭─[http://x/seed:3:20]
    2 │ cloud-machine:
    3 │   ssh: { identity: ~/.ssh/id, agent: true }
      ·                    ────┬────
      ·                        ╰── here
      ╰────
     help: write it in the project's own file, or in the computer's or the user's
    ");
}

#[test]
fn what_is_a_machines_own_it_may_say() {
    for said in [
        "cloud-init: '#!/bin/sh'",
        "cloud-init: ['https://x/y', '#cloud-config']",
        "image: { url: 'https://x/y', sha256: '0000000000000000000000000000000000000000000000000000000000000000' }",
        "image: { build: debian-13 }",
        "ssh: { user: me, agent: false, authorized-keys: [ssh-ed25519 AAAA] }",
        "compose: { x: { profiles: [a] } }",
        "resources: { disks: { x: { allocation: 1, mount: /x } } }",
    ] {
        let base = "machines: { web: }\ncompose: { x: { on: web, files: [c.yaml] } }\n";
        let text = format!("#cloud-config\ncloud-machine:\n  {said}\n");
        let project = Project::new(base).text(Layer::CloudInitUrl, "u", &text, None);
        assert!(project.config().problems.is_empty(), "{said}: {}", project.findings());
    }
}

#[test]
fn it_takes_nothing_away_that_says_what_this_computer_does() {
    for said in
        ["exclude: [store]", "exclude: ['*.encrypt-to']", "override: [store.postgres]", "exclude: [providers.q.binary]"]
    {
        let project = project(Layer::CloudInitUrl, said);
        assert!(project.load().is_err(), "{said}: {}", project.findings());
        assert!(project.findings().contains("flags here say") || project.findings().contains("whose everything is"));
    }
    let text = "#cloud-config\ncloud-machine:\n  exclude-layers: [user]\n";
    let project = Project::new(BASE).user("config.yaml", "store: { lease: 30s }\ndefaults: { count: 2 }\n").text(
        Layer::CloudInitDrive,
        "u",
        text,
        None,
    );
    let config = project.config();
    assert_eq!(config.layer(&Path::parse("store.lease")), Some(Layer::User));
    assert_eq!(config.layer(&Path::parse("defaults.count")), None);
}

#[test]
fn it_gives_no_machine_files_that_lie_beside_the_machinefile() {
    let base = "machines: { web: }\ncompose: { own: { on: web, files: [site/c.yaml], env-files: [site/own.env] } }\n";
    let with = |said: &str| {
        let text = format!("#cloud-config\ncloud-machine:\n  {said}\n");
        let project = Project::new(base).file("compose.yaml", "").file(".env", "TOKEN=x\n");
        project.schema(schema::machinefile(DRIVERS)).text(Layer::CloudInitDrive, "u", &text, None)
    };
    assert_snapshot!(with("compose: { more: { on: web } }").findings(), @r"
     × `on` cannot be set here
      ╭─[u:3:26]
    2 │ cloud-machine:
    3 │   compose: { more: { on: web } }
      ·                          ─┬─
      ·                           ╰── here
      ╰────
     help: a compose project is files of this computer: which they are, and which machines get them, is not for others to say
    ");
    for said in [
        "exclude: [compose.own.files]",
        "exclude: [compose.own.env-files]",
        "exclude: ['compose.*.env-files']",
        "exclude: ['compose.own.*']",
        "override: [compose.own.on]",
        "compose: { own: { env-files: !reset [] } }",
        "compose: { own: { files: !override [] } }",
    ] {
        let findings = with(said).findings();
        assert!(findings.contains("which machines get them, is not for others to say"), "{said}: {findings}");
        assert!(with(said).load().is_err(), "{said}");
    }
    let dropped = with("exclude: [compose.own]");
    assert!(dropped.load().is_ok(), "nobody gets anything: {}", dropped.findings());
}

#[test]
fn what_is_refused_from_elsewhere_is_right_in_a_file_of_the_user() {
    let said = "store: { lease: 30s }\nproviders: { q: { driver: qemu, binary: /bin/true } }\ndefaults: { ssh: { agent: true } }\n";
    let project = Project::new(BASE).user("config.yaml", said).schema(schema::machinefile(DRIVERS));
    assert!(project.config().problems.is_empty(), "{}", project.findings());
}
