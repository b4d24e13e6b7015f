//! A source of machines.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::value::Value;

/// A driver and its settings, all by name: only the driver understands the settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Provider(pub BTreeMap<String, Value>);

impl Provider {
    pub const DRIVER: &str = "driver";

    #[must_use]
    pub fn driver(&self) -> Option<&str> {
        self.0.get(Self::DRIVER)?.as_str()
    }
}

impl JsonSchema for Provider {
    fn schema_name() -> Cow<'static, str> {
        "Provider".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A driver and its settings.",
            "properties": { "driver": { "type": "string", "description": "The type of the provider." } },
            "required": ["driver"],
            "additionalProperties": true,
        })
    }
}
