//! The schema in the repository is the one the types give, and holds what it promises.

use std::path::Path;

use libmachine::schema;

fn generated() -> String {
    let schema = schema::machinefile(&[]);
    let mut text = serde_json::to_string_pretty(&schema).expect("is JSON");
    text.push('\n');
    text
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/machinefile.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, generated()).expect("the schema can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated(), "out of date: run the tests with UPDATE_SCHEMA=1");
}

#[test]
fn the_schema_is_a_valid_draft_07_schema() {
    let schema = schema::machinefile(&[]);
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(jsonschema::meta::is_valid(&schema));
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
