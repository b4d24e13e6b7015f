//! The schema in the repository is the one the types give, and holds what it promises.

use std::path::Path;

use libmachine::provider::{Driver, Setting, SettingKind};
use libmachine::schema;

/// A driver that only has settings.
pub(crate) const PRETEND: Driver = Driver {
    name: "pretend",
    doc: "Machines that are not there.",
    settings: &[
        Setting { name: "seed", kind: SettingKind::Integer, doc: "Where chance begins.", default: Some("1") },
        Setting { name: "latency", kind: SettingKind::Duration, doc: "How slow it is.", default: Some("0ms") },
        Setting { name: "world", kind: SettingKind::Path, doc: "Where it is kept.", default: None },
    ],
    capabilities: &[],
    open: |_| Err(Vec::new()),
};

fn assert_committed(name: &str, schema: &serde_json::Value) {
    let generated = format!("{}\n", serde_json::to_string_pretty(schema).expect("is JSON"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).expect("the schema can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{name} is out of date: run the tests with UPDATE_SCHEMA=1");
}

#[test]
fn the_committed_schemas_are_the_generated_ones() {
    assert_committed("machinefile.json", &schema::machinefile(&[]));
    assert_committed("plan.json", &libmachine::report::plan_schema());
    assert!(jsonschema::meta::is_valid(&libmachine::report::plan_schema()));
}

#[test]
fn the_schema_is_a_valid_draft_07_schema() {
    let schema = schema::machinefile(&[]);
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn a_provider_takes_the_settings_of_its_driver_alone() {
    let schema = schema::machinefile(&[PRETEND]);
    assert!(jsonschema::meta::is_valid(&schema));
    let accepts = |provider: serde_json::Value| {
        jsonschema::draft7::is_valid(&schema, &serde_json::json!({ "providers": { "p": provider } }))
    };
    assert!(accepts(serde_json::json!({ "driver": "pretend", "world": "w", "latency": "20ms", "x-mine": 1 })));
    assert!(!accepts(serde_json::json!({ "driver": "pretend" })), "`world` must be given");
    assert!(!accepts(serde_json::json!({ "driver": "pretend", "world": "w", "latency": "soon" })));
    assert!(!accepts(serde_json::json!({ "driver": "pretend", "world": "w", "region": "fra1" })));
    assert!(!accepts(serde_json::json!({ "driver": "other" })));
}

#[test]
fn every_key_is_described() {
    fn check(schema: &serde_json::Value, at: &str) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}.{key}");
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 8), "{at} is not described");
            check(property, &at);
            check(&property["additionalProperties"], &at);
        }
    }
    check(&schema::machinefile(&[]), "");
}
