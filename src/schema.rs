//! The Machinefile's JSON Schema: for editors, and the validator itself.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Map, Value, json};

use crate::config::file::{Machinefile, Secret};
use crate::provider::{Driver, Setting, SettingKind};

/// The schema's own name; editors are told where it is by the modeline that `machine init` writes.
pub const ID: &str = "urn:libmachine:machinefile";

/// The schema (draft-07) of a Machinefile that may use these drivers. Without any, a provider's settings are free.
#[must_use]
pub fn machinefile(drivers: &[Driver]) -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<Machinefile>();
    RecursiveTransform(closed).transform(&mut schema);
    schema.insert("$id".into(), ID.into());
    schema.insert("title".into(), "Machinefile".into());
    let mut schema = schema.to_value();
    if !drivers.is_empty() {
        schema["properties"]["providers"]["additionalProperties"] = provider(drivers);
    }
    schema["properties"]["profiles"]["additionalProperties"] = profile(&schema);
    schema
}

/// A profile: the same settings. What must be given may be given by the file that the profile lies over.
fn profile(schema: &Value) -> Value {
    let mut properties = schema["properties"].clone();
    properties.as_object_mut().into_iter().for_each(|properties| {
        properties.remove("include");
        properties.remove("profiles");
    });
    let mut profile = json!({
        "type": ["object", "null"],
        "description": "Settings of a Machinefile.",
        "properties": properties,
        "additionalProperties": false,
        "patternProperties": { "^x-": {} },
    });
    may_lack(&mut profile);
    profile
}

fn may_lack(schema: &mut Value) {
    match schema {
        Value::Object(rules) => {
            rules.retain(|key, rule| !(key == "required" && rule.is_array()));
            // A condition stays what it is: without what it requires it would hold for everything.
            rules.iter_mut().filter(|(key, _)| *key != "if").for_each(|(_, rule)| may_lack(rule));
        }
        Value::Array(rules) => rules.iter_mut().for_each(may_lack),
        _ => {}
    }
}

/// Nothing but the known keys and the user's own `x-` keys, wherever keys are ours.
fn closed(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if !object.contains_key("properties") && !object.contains_key("propertyNames") {
        return;
    }
    object.entry("additionalProperties").or_insert(Value::Bool(false));
    if object["additionalProperties"] != Value::Bool(true) {
        object.insert("patternProperties".into(), json!({ "^x-": {} }));
    }
}

/// A provider: its driver, and the settings of just that driver.
fn provider(drivers: &[Driver]) -> Value {
    let names: Vec<_> = drivers.iter().map(|driver| driver.name).collect();
    json!({
        "type": ["object", "null"],
        "description": "A driver and its settings.",
        "properties": { "driver": { "type": "string", "enum": names, "description": "The type of the provider." } },
        "required": ["driver"],
        "allOf": drivers.iter().map(of_driver).collect::<Vec<_>>(),
    })
}

fn of_driver(driver: &Driver) -> Value {
    let mut properties: Map<_, _> = driver.all_settings().map(|s| (s.name.to_owned(), of_setting(s))).collect();
    properties.insert("driver".into(), json!({ "const": driver.name, "description": driver.doc }));
    let required: Vec<_> = driver.settings.iter().filter(|s| s.default.is_none()).map(|s| s.name).collect();
    json!({
        "if": { "properties": { "driver": { "const": driver.name } }, "required": ["driver"] },
        "then": {
            "properties": properties,
            "required": required,
            "additionalProperties": false,
            "patternProperties": { "^x-": {} },
        },
    })
}

fn of_setting(setting: &Setting) -> Value {
    let mut schema = match setting.kind {
        SettingKind::Text => json!({ "type": "string" }),
        SettingKind::Path => json!({ "type": "string", "format": "path" }),
        SettingKind::Secret => Secret::schema(),
        SettingKind::Duration => json!({
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$",
            "patternErrorMessage": "a length of time: `100ms`, `2s`, `5m`",
        }),
        SettingKind::Rate => json!({
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)?/(s|m|h)$",
            "patternErrorMessage": "a rate per second, minute or hour: `50/s`, `100/m`, `5000/h`",
        }),
        SettingKind::Fraction => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        SettingKind::Integer => json!({ "type": "integer" }),
        SettingKind::Count => json!({ "type": "integer", "minimum": 1 }),
        SettingKind::Flag => json!({ "type": "boolean" }),
    };
    schema["description"] = match setting.default {
        Some(default) if !default.is_empty() => format!("{} Default: {default}", setting.doc).into(),
        _ => setting.doc.into(),
    };
    if let Some(Value::String(kind)) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}
