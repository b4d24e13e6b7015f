//! What a machine's user sends along to cloud-init.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// One text or several: each a path, an address, or the text itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum UserData {
    One(String),
    Several(Vec<String>),
}

impl UserData {
    /// In the order in which they are written, each with its place in a list.
    pub fn texts(&self) -> impl Iterator<Item = (Option<usize>, &str)> {
        let (one, several) = match self {
            Self::One(text) => (Some(text), &[][..]),
            Self::Several(texts) => (None, texts.as_slice()),
        };
        let several = several.iter().enumerate().map(|(index, text)| (Some(index), text.as_str()));
        one.into_iter().map(|text| (None, text.as_str())).chain(several)
    }
}

/// Whether a text is the address of one.
#[must_use]
pub fn is_address(text: &str) -> bool {
    !text.contains('\n') && ["https://", "http://", "file://"].iter().any(|scheme| text.starts_with(scheme))
}

impl JsonSchema for UserData {
    fn schema_name() -> Cow<'static, str> {
        "UserData".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "format": "path",
            "items": { "type": "string", "format": "path" },
        })
    }
}
