//! A compose project on single machines.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::pattern;

/// A compose project and the machines that run it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Compose {
    /// The machine that runs it, or a list of machines that run it each; a counted machine's name means all its members.
    #[schemars(required)]
    pub on: Option<Members>,

    /// Compose files in merge order. Without any, `compose.yaml` (or one of its other usual names) in `directory`.
    #[schemars(length(min = 1), extend("items" = { "type": "string", "format": "path" }))]
    pub files: Option<Vec<String>>,

    /// The project directory, from which relative paths inside the compose files start. The first file's folder unless given.
    #[schemars(extend("format" = "path"))]
    pub directory: Option<String>,

    /// Files of variables for the compose files. Without any, `.env` in `directory` when it is there.
    #[schemars(extend("items" = { "type": "string", "format": "path" }))]
    pub env_files: Option<Vec<String>>,

    /// Archives of images, as `docker save` writes them (gzipped or not), for machines that cannot pull: each machine is given what it
    /// does not have.
    #[schemars(extend("items" = { "type": "string", "format": "path" }, "default" = []))]
    pub images: Option<Vec<String>>,

    /// How long its containers may take to be up and healthy once they are started, on hardware: `30s`, `5m`. Emulated machines get more.
    #[schemars(
        regex(pattern = pattern::DURATION),
        extend("patternErrorMessage" = pattern::DURATION_MESSAGE),
        extend("default" = "2m")
    )]
    pub wait: Option<String>,

    /// Compose projects that come first, by name: this one is brought up once they are up and healthy on all their machines, and taken down before them.
    #[schemars(extend("items" = pattern::name_item(), "default" = []), extend("uniqueItems" = true))]
    pub after: Option<Vec<String>>,

    /// The compose profiles to switch on.
    #[schemars(extend("default" = []))]
    pub profiles: Option<Vec<String>>,
}

/// One name or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    One(String),
    Several(Vec<String>),
}

impl JsonSchema for Members {
    fn schema_name() -> Cow<'static, str> {
        "Members".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" }, "minItems": 1, "uniqueItems": true })
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a machine's name or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Members, E> {
                Ok(Members::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Members, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Members::Several)
            }
        }

        deserializer.deserialize_any(Names)
    }
}
