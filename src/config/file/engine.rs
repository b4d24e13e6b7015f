//! The Docker Engine of a machine.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::pattern;
use crate::value::Value;

/// Whether there is an engine, and how it is set up.
#[derive(Clone, Debug, PartialEq)]
pub enum Engine {
    /// `false`: none. `true`: one, set up as inherited.
    Flag(bool),
    Settings(EngineSettings),
}

/// The engine's version and options.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EngineSettings {
    /// A version or the beginning of one, quoted: `"26.1"`. Without it the distribution's own is installed and an installed one is left alone.
    #[schemars(regex(pattern = pattern::VERSION), extend("patternErrorMessage" = pattern::VERSION_MESSAGE))]
    pub version: Option<String>,

    /// Options of `daemon.json` under their own names. Others that are set on the machine are left as they are.
    #[schemars(extend("default" = {}))]
    pub options: Option<BTreeMap<String, Value>>,
}

impl JsonSchema for Engine {
    fn schema_name() -> Cow<'static, str> {
        "Engine".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = EngineSettings::json_schema(generator);
        schema.insert("type".into(), ["boolean", "object"].as_slice().into());
        schema
    }
}

impl<'de> Deserialize<'de> for Engine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagOrSettings;

        impl<'de> Visitor<'de> for FlagOrSettings {
            type Value = Engine;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`false` or a map of engine settings")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Engine, E> {
                Ok(Engine::Flag(flag))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Engine, A::Error> {
                EngineSettings::deserialize(de::value::MapAccessDeserializer::new(map)).map(Engine::Settings)
            }
        }

        deserializer.deserialize_any(FlagOrSettings)
    }
}

impl Engine {
    /// What a machine says over what it inherits; options merge by key at every depth.
    #[must_use]
    pub fn over(self, base: Option<&Self>) -> Self {
        match (self, base) {
            (Self::Flag(true), Some(Self::Settings(base))) => Self::Settings(base.clone()),
            (Self::Settings(own), Some(Self::Settings(base))) => Self::Settings(EngineSettings {
                version: own.version.or_else(|| base.version.clone()),
                options: match (own.options, base.options.clone()) {
                    (Some(own), Some(base)) => Some(merge(base, own)),
                    (own, base) => own.or(base),
                },
            }),
            (own, _) => own,
        }
    }
}

fn merge(mut base: BTreeMap<String, Value>, own: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for (key, value) in own {
        let merged = match (base.remove(&key), value) {
            (Some(Value::Object(base)), Value::Object(own)) => {
                Value::Object(merge(base.into_iter().collect(), own.into_iter().collect()).into_iter().collect())
            }
            (_, own) => own,
        };
        base.insert(key, merged);
    }
    base
}
