//! What cloud-configs of the last two layers say of a project.

use insta::assert_snapshot;
use libmachine::config::{Layer, file};

use crate::support::project::Project;

const BASE: &str = "machines:\n  web: { resources: { ram: 1, cpus: 1 } }\n  db: { resources: { cpus: 4 } }\n";

fn merged(project: &Project, as_if: &str) {
    assert_eq!(project.config().file, Project::new(as_if).config().file);
}

#[test]
fn a_machines_keys_are_what_every_machine_inherits() {
    let text = "#cloud-config\nhostname: guest\ncloud-machine:\n  resources: { ram: 4 }\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, None);
    merged(&project, &format!("{BASE}defaults: {{ resources: {{ ram: 4 }} }}\n"));
}

#[test]
fn a_machinefiles_keys_stay_where_they_are() {
    let text = "#cloud-config\ncloud-machine:\n  machines: { web: { resources: { ram: 4 } } }\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, None);
    merged(&project, &BASE.replace("ram: 1", "ram: 4"));
}

#[test]
fn a_drive_of_a_machine_speaks_of_that_machine() {
    let text = "#cloud-config\ncloud-machine:\n  resources: { ram: 4, cpus: }\n  engine:\n";
    let project = Project::new(BASE).text(Layer::CloudInitDrive, "/dev/sr1", text, Some("web"));
    merged(&project, &BASE.replace("ram: 1", "ram: 4"));
}

#[test]
fn the_engine_is_set_up_by_docker_keys_of_either_place() {
    let text = "#cloud-config\ndocker: { log_driver: local, registry_mirror: 'https://m' }\nrancher:\n  docker: { graph: /data, bip: }\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "u", text, None);
    let config = project.config();
    let defaults = config.file.defaults.expect("defaults");
    let Some(file::Engine::Settings(engine)) = defaults.engine else { panic!("settings") };
    let options = serde_json::to_value(engine.options).expect("is JSON");
    let expected =
        serde_json::json!({ "log-driver": "local", "registry-mirrors": ["https://m"], "data-root": "/data" });
    assert_eq!(options, expected);
}

#[test]
fn what_only_the_guest_reads_may_be_as_old_as_it_likes() {
    let text = "#cloud-config\nwrite_files: [{ path: /x, permissions: 0644 }]\nx: !old 1\ncloud-machine:\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "u", text, None);
    merged(&project, BASE);
}

#[test]
fn what_is_ours_has_to_be_right() {
    let text = "#cloud-config\ncloud-machine:\n  resources:\n    cpus: 04\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, None);
    assert_snapshot!(project.findings(), @r"
     × `04` is read as octal by some programs and as decimal by others
      ╭─[http://x/seed:4:11]
    3 │   resources:
    4 │     cpus: 04
      ·           ─┬
      ·            ╰── here
      ╰────
     help: quote it for text, or write `0o4` for an octal number
    ");
}

#[test]
fn what_cannot_be_used_is_said() {
    let text = "#cloud-config\nrancher:\n  sysctl: { a: 1 }\n  docker: { tls: true }\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, None);
    assert_snapshot!(project.findings(), @r"
     ⚠ `rancher.sysctl` is of RancherOS and means nothing here
      ╭─[http://x/seed:3:3]
    2 │ rancher:
    3 │   sysctl: { a: 1 }
      ·   ───┬──
      ·      ╰── here
    4 │   docker: { tls: true }
      ╰────
     help: only `rancher.docker` is used, as options of the engine

     ⚠ `tls` is no option of an engine
      ╭─[http://x/seed:4:13]
    3 │   sysctl: { a: 1 }
    4 │   docker: { tls: true }
      ·             ─┬─
      ·              ╰── here
      ╰────
     help: options go by their names in `daemon.json`
    ");
}

#[test]
fn an_unknown_setting_is_an_error_at_its_place() {
    let text = "#cloud-config\ncloud-machine:\n  resources: { rma: 4 }\n  machnies: {}\n";
    let project = Project::new(BASE).text(Layer::CloudInitUrl, "http://x/seed", text, None);
    let findings = project.findings();
    assert!(findings.contains("did you mean `ram`?") && findings.contains("did you mean `machines`?"), "{findings}");
}

#[test]
fn a_drive_of_one_of_several_machines_speaks_of_that_one() {
    let text = "#cloud-config\ncloud-machine: { resources: { ram: 4 } }\n";
    let base = "machines: { web: { count: 2, resources: { ram: 1, cpus: 3 } } }\n";
    let desired = Project::new(base).text(Layer::CloudInitDrive, "/dev/sr1", text, Some("web-2")).desired();
    let had: Vec<_> =
        desired.machines.values().map(|m| (m.name.as_str(), m.resources.ram >> 30, m.resources.cpus)).collect();
    assert_eq!(had, [("web-1", 1, 3), ("web-2", 4, 3)]);
}

#[test]
fn a_drive_of_a_machine_that_is_not_wanted_does_not_make_it_wanted() {
    let text = "#cloud-config\ncloud-machine: { resources: { ram: 4 } }\n";
    let project = Project::new(BASE).text(Layer::CloudInitDrive, "/dev/sr1", text, Some("old"));
    merged(&project, BASE);
    assert!(project.findings().contains("no machine `old` is declared"), "{}", project.findings());
}

#[test]
fn paths_of_exclusions_lead_where_the_keys_lead() {
    let text =
        "#cloud-config\ncloud-machine: { exclude: [resources.ram], override: [engine], engine: { version: '26' } }\n";
    let base = "machines: { web: { resources: { ram: 1, cpus: 1 }, engine: { options: { a: 1 } } } }\n";
    let expected = "machines: { web: { resources: { cpus: 1 }, engine: { version: '26' } } }\n";
    let project = Project::new(base).text(Layer::CloudInitDrive, "/dev/sr1", text, Some("web"));
    merged(&project, expected);
    let for_all = |text: &str| text.replace("machines: { web: {", "defaults: { ").replacen("} }\n", "}\n", 1);
    let project = Project::new(&for_all(base)).text(Layer::CloudInitUrl, "u", text, None);
    merged(&project, &for_all(expected));
}

#[test]
fn a_text_from_elsewhere_reads_nothing_here_and_says_not_whose_the_project_is() {
    let text =
        "#cloud-config\ncloud-machine:\n  id: other\n  include: [/etc/passwd]\n  defaults: { image: '${HOME}' }\n";
    let project = Project::new(BASE).variable("HOME", "/root").text(Layer::CloudInitUrl, "http://x/seed", text, None);
    assert_snapshot!(project.findings(), @r"
     × `id` cannot be set here
      ╭─[http://x/seed:3:3]
    2 │ cloud-machine:
    3 │   id: other
      ·   ─┬
      ·    ╰── here
    4 │   include: [/etc/passwd]
      ╰────
     help: a project's id is whose everything is: only its own files, variables and flags give it

     × `include` cannot be set here
      ╭─[http://x/seed:4:3]
    3 │   id: other
    4 │   include: [/etc/passwd]
      ·   ───┬───
      ·      ╰── here
    5 │   defaults: { image: '${HOME}' }
      ╰────
     help: a text that was got elsewhere names no files here
    ");
    let project =
        Project::new("").text(Layer::CloudInitUrl, "u", "#cloud-config\ncloud-machine: { image: '${HOME}' }\n", None);
    let image = project.variable("HOME", "/root").config().file.defaults.and_then(|defaults| defaults.image);
    assert_eq!(image, Some(file::Image::Name("${HOME}".to_owned())));
}
