//! `Machinefile.example` and what `machine init` writes are true.

use std::path::Path;

use libmachine::config::init;
use libmachine::desired::Desired;
use libmachine::id::Name;
use libmachine::schema;
use serde_json::Value;

use crate::support::project::Project;

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Machinefile.example");
    std::fs::read_to_string(path).expect("the example is there")
}

/// With the files that it names beside it.
fn project() -> Project {
    let project = Project::new(&example())
        .file("site/compose.yaml", "")
        .file("site/prod.env", "")
        .file("base/compose.yaml", "")
        .file("disk.img", "")
        .file("tools.iso", "")
        .file(".ssh/id_ed25519", "");
    let home = project.path();
    project.variable("HOME", home.to_str().expect("is UTF-8"))
}

/// Every key that the schema knows, wherever it stands.
fn keys(schema: &Value, found: &mut Vec<String>) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        found.push(key.clone());
        keys(property, found);
        keys(&property["additionalProperties"], found);
    }
}

#[test]
fn the_example_loads_and_means_something() {
    let desired = project().desired();
    let names: Vec<_> = desired.machines.keys().map(Name::as_str).collect();
    assert_eq!(names, ["built", "downloaded", "local", "manager", "worker-1", "worker-2"]);
    assert_eq!(desired.compose.len(), 2);
}

#[test]
fn the_example_shows_every_key() {
    let mut known = Vec::new();
    keys(&schema::machinefile(&[]), &mut known);
    assert!(known.len() > 30, "the schema is read: {known:?}");
    let text = example();
    let shows = |key: &String| text.contains(&format!("{key}:"));
    let missing: Vec<_> = known.iter().filter(|key| !shows(key)).collect();
    assert!(missing.is_empty(), "not in the example: {missing:?}");
}

#[test]
fn the_defaults_that_the_example_shows_are_the_real_ones() {
    let only = |text: &str| {
        let Desired { machines, .. } = Project::new(text).desired();
        machines.into_values().next().expect("a machine")
    };
    let text = example();
    let start = text.find("\ndefaults:").expect("has defaults");
    let end = text.find("\nmachines:").expect("has machines");
    let shown = only(&format!("{}\nmachines:\n  web:\n", &text[start..end]));
    assert_eq!(shown, only("machines:\n  web:\n"));
}

#[test]
fn the_defaults_that_the_schema_states_are_the_real_ones() {
    fn stated(schema: &Value) -> Option<Value> {
        if let Some(default) = schema.get("default") {
            return Some(default.clone());
        }
        let properties = schema["properties"].as_object()?;
        let stated: serde_json::Map<_, _> =
            properties.iter().filter_map(|(key, property)| Some((key.clone(), stated(property)?))).collect();
        (!stated.is_empty()).then_some(Value::Object(stated))
    }
    let machine = stated(&schema::machinefile(&[])["properties"]["defaults"]).expect("states some");
    assert!(machine["resources"]["ram"].is_number(), "{machine}");
    let explicit = Project::new(&serde_json::json!({ "machines": { "web": machine } }).to_string()).desired();
    let implicit = Project::new("machines:\n  web:\n").desired();
    assert_eq!(explicit.machines, implicit.machines);
}

#[test]
fn what_init_writes_loads_without_a_network() {
    let name = |text| Name::new(text).expect("a name");
    let text = init::machinefile(&name("shop"), &name("k3v9qx"), "./schema/machinefile.json");
    assert!(text.starts_with("# yaml-language-server: $schema=./schema/"));
    let desired = Project::new(&text).desired();
    assert_eq!(desired.owner.slug(), "shop-k3v9qx");
    assert_eq!(desired.machines.len(), 1);
}

#[test]
fn the_lines_that_init_comments_out_are_right_too() {
    let name = |text| Name::new(text).expect("a name");
    let text = init::machinefile(&name("shop"), &name("k3v9qx"), "./schema/machinefile.json");
    let uncommented = |line: &str| match line.trim_start().strip_prefix("# ") {
        Some(rest) if rest.contains(':') && !rest.contains("$schema") && !line.starts_with("# What") => {
            format!("{}{rest}", &line[..line.len() - line.trim_start().len()])
        }
        _ => line.to_owned(),
    };
    // A counted machine takes no port, so the two suggestions exclude each other.
    let lines = text.lines().filter(|line| !line.contains("count:")).map(uncommented);
    let text = lines.collect::<Vec<_>>().join("\n");
    let desired = Project::new(&text).file("compose.yaml", "").desired();
    assert_eq!((desired.machines.len(), desired.compose.len()), (1, 1));
}
