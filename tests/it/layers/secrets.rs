//! Secrets are not shown.

use libmachine::schema;

use crate::support::project::Project;

fn schema_with_a_token() -> libmachine::value::Value {
    let mut schema = schema::machinefile(&[]);
    schema["properties"]["providers"]["additionalProperties"] = libmachine::value::json!({
        "properties": { "driver": { "type": "string" }, "token": { "type": ["string", "object"], "writeOnly": true } },
    });
    schema
}

fn project(machinefile: &str) -> Project {
    Project::new(machinefile).schema(schema_with_a_token())
}

const LITERAL: &str = "providers:\n  cloud: { driver: cloud, token: hunter2 }\n";

#[test]
fn a_literal_is_told_and_covered_up_everywhere() {
    let project = project(LITERAL)
        .user("config.yaml", "providers: { cloud: { token: hunter1 } }\n")
        .set("providers.cloud.token=hunter3");
    let config = project.config();
    let schema = schema_with_a_token();
    let everything = format!(
        "{:?}{:?}{}{}",
        config.leaves(&schema, false),
        config.warnings,
        config.dump(&schema, false, "shop"),
        project.findings()
    );
    assert!(!everything.contains("hunter"), "{everything}");
    assert!(everything.contains("<redacted>") && everything.contains("a secret is written out here"));
    assert!(config.dump(&schema, true, "shop").to_string().contains("hunter3"));
}

#[test]
fn a_reference_is_no_secret() {
    let config = project("providers: { cloud: { driver: cloud, token: { env: TOKEN } } }\n").config();
    assert!(config.warnings.is_empty());
    assert!(config.dump(&schema_with_a_token(), false, "shop").to_string().contains("{\"env\":\"TOKEN\"}"));
}

#[test]
fn what_a_variable_holds_is_covered_up_too() {
    let config =
        project("providers: { cloud: { driver: cloud, token: '${TOKEN}' } }\n").variable("TOKEN", "hunter2").config();
    assert!(config.warnings.is_empty());
    assert!(!config.dump(&schema_with_a_token(), false, "shop").to_string().contains("hunter"));
}
