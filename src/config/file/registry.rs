//! A registry that hands out images to those it knows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use crate::value::Value;

/// A login at a registry.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Registry {
    /// Who logs in.
    #[schemars(required, regex(pattern = "^[^:]+$"), extend("patternErrorMessage" = "a user's name has no `:` in it"))]
    pub username: Option<String>,

    /// The password or token, by reference: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, …] }`.
    #[schemars(required)]
    pub password: Option<Secret>,
}

impl Registry {
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            username: self.username.or_else(|| base.username.clone()),
            password: self.password.or_else(|| base.password.clone()),
        }
    }
}

/// Where a secret is, or the secret itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub Value);

impl Secret {
    /// What is written out at a place of this form is never shown.
    #[must_use]
    pub fn schema() -> Value {
        json!({
            "type": ["string", "object", "null"],
            "minLength": 1,
            "writeOnly": true,
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
            "properties": {
                "env": { "type": "string", "minLength": 1, "description": "The variable that holds it." },
                "file": { "type": "string", "format": "path", "minLength": 1, "description": "The file that holds it." },
                "command": {
                    "type": "array",
                    "items": { "type": "string" },
                    "minItems": 1,
                    "description": "The program that prints it, and its arguments.",
                },
            },
        })
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(Self::schema()).expect("a map is a schema")
    }
}
