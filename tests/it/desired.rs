//! What a Machinefile means.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use libmachine::config::Environment;
use libmachine::desired::{self, Desired, Digest, Forward, Image, Machine, Protocol, Surroundings, quantity};
use libmachine::id::Name;

use crate::support::project::{DRIVERS, Project};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn machine(desired: &Desired, text: &str) -> Machine {
    desired.machines.get(&name(text)).unwrap_or_else(|| panic!("no machine `{text}`")).clone()
}

fn names<'a>(names: impl IntoIterator<Item = &'a Name>) -> Vec<&'a str> {
    names.into_iter().map(Name::as_str).collect()
}

#[test]
fn a_name_alone_is_a_machine_of_all_defaults() {
    let desired = Project::new("machines:\n  web:\n").desired();
    let web = machine(&desired, "web");
    assert_eq!(web.provider, name("qemu"));
    assert_eq!(web.image, Image::Catalogue("debian-13".into()));
    assert_eq!((web.resources.ram, web.resources.cpus), (2 * quantity::GB, 2));
    assert_eq!(names(web.resources.disks.keys()), ["root"]);
    assert_eq!(web.resources.disks[&name("root")].size(), Some(20 * quantity::GB));
    assert!(web.engine.is_some_and(|engine| engine.version.is_none() && engine.options.is_empty()));
    assert_eq!((web.ssh.user, web.ssh.agent, web.ssh.identity), (name("machine"), false, None));
    assert!(web.ports.is_empty() && web.user_data.is_empty());
    assert_eq!(names(desired.providers.keys()), ["qemu"]);
    assert_eq!(desired.owner.slug(), "shop");
}

#[test]
fn a_machine_inherits_what_it_does_not_say() {
    let desired = Project::new(
        "defaults:\n  resources: { ram: 1, cpus: 4, disks: { data: { allocation: 5GB } } }\n  \
         engine: { version: '26', options: { dns: [a], log-opts: { max-size: 1m } } }\n  ssh: { user: ops }\n\
         machines:\n  web:\n    resources: { ram: 512MiB, disks: { data: { filesystem: ext4, mount: /data } } }\n    \
         engine: { options: { dns: [b], log-opts: { max-file: '2' } } }\n  bare: { engine: false }\n  on: { engine: true }\n",
    )
    .desired();
    let web = machine(&desired, "web");
    assert_eq!((web.resources.ram, web.resources.cpus), (quantity::GB / 2, 4));
    let data = &web.resources.disks[&name("data")];
    assert_eq!((data.size(), data.mount.as_deref()), (Some(5 * quantity::GB), Some("/data")));
    let engine = web.engine.expect("an engine");
    assert_eq!(engine.version.as_deref(), Some("26"));
    assert_eq!(engine.options["dns"], serde_json::json!(["b"]));
    assert_eq!(engine.options["log-opts"], serde_json::json!({ "max-size": "1m", "max-file": "2" }));
    assert_eq!(web.ssh.user, name("ops"));
    assert!(machine(&desired, "bare").engine.is_none());
    assert_eq!(machine(&desired, "on").engine.and_then(|engine| engine.version).as_deref(), Some("26"));
}

#[test]
fn an_image_is_replaced_as_a_whole() {
    let sha = "ab".repeat(32);
    let text = format!(
        "defaults: {{ image: {{ build: debian-13, packages: [vim] }} }}\nmachines:\n  built:\n  \
         loaded: {{ image: {{ url: 'https://example.org/a.img', sha256: {sha} }} }}\n  local: {{ image: {{ path: a.img }} }}\n"
    );
    let project = Project::new(&text).file("a.img", "");
    let desired = project.desired();
    assert!(matches!(machine(&desired, "built").image, Image::Build(build) if build.packages == ["vim"]));
    assert!(matches!(machine(&desired, "loaded").image, Image::Url { digest: Digest::Sha256(hex), .. } if hex == sha));
    assert_eq!(machine(&desired, "local").image, Image::Path(project.path().join("a.img")));
}

#[test]
fn a_counted_machine_is_its_members() {
    let text = "machines:\n  worker: { count: 2 }\n  none: { count: 0 }\n  one: { count: 1 }\n  lone:\n\
        compose:\n  site: { on: [worker, lone, worker-1], files: [a.yaml] }\n";
    let desired = Project::new(text).file("a.yaml", "").desired();
    assert_eq!(names(desired.machines.keys()), ["lone", "one-1", "worker-1", "worker-2"]);
    assert_eq!(names(&desired.compose[&name("site")].on), ["worker-1", "worker-2", "lone"]);
    assert_eq!(machine(&desired, "worker-2").at.to_string(), "machines.worker");
}

#[test]
fn a_project_on_no_members_is_left_out_with_a_warning() {
    let text = "machines:\n  none: { count: 0 }\ncompose:\n  site: { on: none, files: [a.yaml] }\n";
    let project = Project::new(text).file("a.yaml", "");
    let (desired, notes) = project.resolve(&project.config());
    assert!(desired.is_some_and(|desired| desired.compose.is_empty()));
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].message, "no machine is left to run `site`");
}

#[test]
fn ports_lead_from_loopback_unless_an_address_is_given() {
    let desired = Project::new("machines: { web: { ports: ['8080:80', '0.0.0.0:53:5353/udp'] } }\n").desired();
    let web = machine(&desired, "web");
    let http = Forward { address: Ipv4Addr::LOCALHOST, port: 8080, target: 80, protocol: Protocol::Tcp };
    let dns = Forward { address: Ipv4Addr::UNSPECIFIED, port: 53, target: 5353, protocol: Protocol::Udp };
    assert_eq!(web.ports, [http, dns]);
}

#[test]
fn one_port_may_be_taken_twice_on_two_addresses_or_protocols() {
    let text =
        "machines:\n  a: { ports: ['127.0.0.1:80:80'] }\n  b: { ports: ['127.0.0.2:80:80', '127.0.0.1:80:80/udp'] }\n";
    assert_eq!(Project::new(text).desired().machines.len(), 2);
}

#[test]
fn an_explicit_address_wins_and_is_given_to_no_other() {
    let first = Project::new("machines:\n  web:\n").desired();
    let web = machine(&first, "web").address;
    let desired = Project::new(&format!("machines:\n  web:\n  db: {{ address: {web} }}\n")).desired();
    assert_eq!(machine(&desired, "db").address, web);
    assert_ne!(machine(&desired, "web").address, web);
}

#[test]
fn user_data_is_a_file_or_the_text_itself() {
    let text = "machines:\n  file: { cloud-init: seeds/a.yaml }\n  inline:\n    cloud-init: |\n      #cloud-config\n      packages: [vim]\n";
    let desired = Project::new(text).file("seeds/a.yaml", "#cloud-config\n# mine\n").desired();
    assert_eq!(machine(&desired, "file").user_data[0].body, b"#cloud-config\n# mine\n");
    assert_eq!(machine(&desired, "inline").user_data[0].body, b"#cloud-config\npackages: [vim]\n");
}

#[test]
fn compose_paths_start_from_the_file_that_names_them() {
    let project = Project::empty()
        .file("top.yaml", "machines: { web: }\ncompose: { site: { on: web } }\n")
        .file("more/more.yaml", "compose: { site: { files: [a/compose.yaml], env-files: [prod.env] } }\n")
        .file("more/a/compose.yaml", "")
        .file("more/prod.env", "")
        .layer("top.yaml")
        .layer("more/more.yaml");
    let desired = project.desired();
    let site = &desired.compose[&name("site")];
    let more = project.path().join("more");
    assert_eq!(site.files, [more.join("a/compose.yaml")]);
    assert_eq!(site.directory, more.join("a"));
    assert_eq!(site.env_files, [more.join("prod.env")]);
}

#[test]
fn a_project_without_files_takes_the_usual_one() {
    let project = Project::new("machines: { web: }\ncompose: { site: { on: web, directory: site } }\n")
        .file("site/compose.yml", "")
        .file("site/docker-compose.yml", "");
    let site = project.desired().compose[&name("site")].clone();
    assert_eq!(site.files, [project.path().join("site/compose.yml")]);
    assert_eq!(site.directory, project.path().join("site"));
}

#[test]
fn a_declared_provider_has_its_settings_and_the_folder_they_start_from() {
    let text = "providers:\n  own: { driver: cloud, region: here, x-mine: 1 }\n  unused: { driver: qemu }\n\
        machines: { web: { provider: own } }\n";
    let project = Project::new(text);
    let desired = project.desired();
    assert_eq!(names(desired.providers.keys()), ["own", "unused"]);
    let own = &desired.providers[&name("own")];
    assert_eq!((own.driver.as_str(), own.base.clone()), ("cloud", project.path()));
    assert_eq!(own.settings.keys().collect::<Vec<_>>(), ["region"]);
}

#[test]
fn the_project_is_named_by_the_flag_then_the_file_then_the_folder() {
    let named = |text: &str, flag: Option<&str>| {
        let config = Project::new(text).config();
        let environment = Environment::new();
        let surroundings =
            Surroundings { project: flag, drivers: &DRIVERS, downloads: &BTreeMap::new(), environment: &environment };
        desired::resolve(&config, &surroundings).0.map(|desired| desired.owner.slug())
    };
    assert_eq!(named("name: store\nid: k3v9qx\n", Some("other")).as_deref(), Some("other-k3v9qx"));
    assert_eq!(named("name: store\nid: k3v9qx\n", None).as_deref(), Some("store-k3v9qx"));
    assert_eq!(named("", None).as_deref(), Some("shop"));
    assert_eq!(named("", Some("Not A Name")), None);
}

#[test]
fn a_folder_that_is_no_name_is_made_one() {
    let project = Project::empty().file("12 My_Projéct!/Machinefile", "machines:\n");
    let config = project.load_in(&project.path().join("12 My_Projéct!")).expect("loads");
    let (desired, _) = project.resolve(&config);
    assert_eq!(desired.map(|desired| desired.owner.slug()).as_deref(), Some("my-proj-ct"));
}

#[test]
fn the_home_folder_is_the_environments() {
    let project = Project::empty().file("home/key", "");
    let home = project.path().join("home");
    let project = project
        .file("Machinefile", "machines: { web: { ssh: { identity: ~/key } } }\n")
        .variable("HOME", home.to_str().expect("is UTF-8"));
    assert_eq!(machine(&project.desired(), "web").ssh.identity, Some(home.join("key")));
}
