//! Where values came from.

use libmachine::config::Layer;
use libmachine::report::configuration;
use libmachine::schema;
use libmachine::value::{Path, Value, json};

use crate::support::project::Project;

fn layered() -> Project {
    Project::new("machines:\n  web:\n    resources: { ram: 2 }\n    ports: ['1:1']\n")
        .global("config.yaml", "defaults: { ssh: { authorized-keys: [ssh-ed25519 AAAA] } }\nmachines: { web: { resources: { ram: 1, cpus: 1 } } }\n")
        .user("config.yaml", "defaults: { ssh: { authorized-keys: [ssh-ed25519 BBBB] } }\n")
        .set("machines.web.resources.ram=3")
}

#[test]
fn each_leaf_names_its_layer_and_what_it_took_the_place_of() {
    let config = layered().config();
    let leaves: Vec<_> = config
        .leaves(&schema::machinefile(&[]), false)
        .into_iter()
        .map(|leaf| {
            let (line, column) = leaf.origin.line_column();
            let shadowed: Vec<_> = leaf.shadowed.iter().map(|said| format!("{} {}", said.layer, said.value)).collect();
            format!("{} {} {} {line}:{column} {shadowed:?}", leaf.path, leaf.value, leaf.layer)
        })
        .collect();
    insta::assert_snapshot!(leaves.join("\n"), @r#"
    defaults.ssh.authorized-keys.0 "ssh-ed25519 AAAA" global 1:38 []
    defaults.ssh.authorized-keys.1 "ssh-ed25519 BBBB" user 1:38 []
    machines.web.ports ["1:1"] project 4:12 []
    machines.web.resources.cpus 1 global 2:47 []
    machines.web.resources.ram 3 command-line 1:28 ["project 2", "global 1"]
    "#);
}

#[test]
fn what_was_excluded_stays_in_the_chain() {
    let project = layered().exclude("machines.web.resources.cpus");
    let config = project.config();
    let chain = config.chain(&Path::parse("machines.web.resources.cpus"), &schema::machinefile(&[]), false);
    assert_eq!(chain.len(), 1);
    assert_eq!(chain[0].dropped.as_ref().map(|by| by.source.name.as_str()), Some("--exclude-path"));
}

#[test]
fn a_layer_is_known_by_what_it_makes_different() {
    let config = layered().exclude("machines.web.ports").config();
    let differences: Vec<(String, Option<Value>, Option<Value>)> = config
        .difference(Layer::CommandLine, &schema::machinefile(&[]), false)
        .into_iter()
        .map(|difference| (difference.path.to_string(), difference.before, difference.after))
        .collect();
    let expected = vec![
        ("machines.web.ports".to_owned(), Some(json!(["1:1"])), None),
        ("machines.web.resources.ram".to_owned(), Some(json!(2)), Some(json!(3))),
    ];
    assert_eq!(differences, expected);
}

#[test]
fn a_dump_means_the_same_in_another_folder() {
    let text = "defaults: { image: { path: a.img }, cloud-init: [u.yaml, 'https://x/y', '#!/bin/sh'] }
machines: { web: { ssh: { identity: k }, cloud-init: ../u.yaml, resources: { disks: { d: { path: d.img } } } } }
compose: { site: { on: web, files: [c.yaml], env-files: [e.env] }, other: { on: web, directory: o } }\n";
    let project = Project::new(text);
    let dump = project.config().dump(&schema::machinefile(&[]), false, "shop");
    let at = |name: &str| project.path().join(name).display().to_string();
    let defaults =
        json!({ "image": { "path": at("a.img") }, "cloud-init": [at("u.yaml"), "https://x/y", "#!/bin/sh"] });
    assert_eq!(dump["defaults"], defaults);
    let web = &dump["machines"]["web"];
    let paths = [&web["ssh"]["identity"], &web["cloud-init"], &web["resources"]["disks"]["d"]["path"]];
    assert_eq!(paths, [&json!(at("k")), &json!(at("../u.yaml")), &json!(at("d.img"))]);
    let expected = json!({
        "site": { "on": "web", "files": [at("c.yaml")], "env-files": [at("e.env")] },
        "other": { "on": "web", "directory": at("o") },
    });
    assert_eq!(dump["compose"], expected);
}

/// YAML takes no more than 1,024 characters for a key unless it is told beforehand.
#[test]
fn a_key_of_any_length_can_be_dumped() {
    let key = "k".repeat(1500);
    let settings = json!({ "defaults": { "engine": { "options": { &key: { &key: [{ &key: 1 }] } } } } });
    let text = configuration::yaml(&settings, &configuration::Places::new());
    let config =
        Project::empty().file("x.yaml", format!("name: shop\nmachines: {{}}\n{text}")).layer("x.yaml").config();
    let dump = config.dump(&schema::machinefile(&[]), false, "shop");
    assert_eq!(dump["defaults"]["engine"]["options"], settings["defaults"]["engine"]["options"]);
}
