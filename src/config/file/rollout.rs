//! How many machines may be away at once.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::pattern;

/// How changes go through several machines.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Rollout {
    /// How many of the machines may be restarted, or made anew, at once: a number, or a part such as `"25%"`. The next ones wait until
    /// these are well again, and are left alone when one is not.
    pub max_unavailable: Option<Most>,
}

/// A number of machines as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Most {
    Number(u32),
    /// Of a hundred.
    Percent(u32),
}

impl JsonSchema for Most {
    fn schema_name() -> Cow<'static, str> {
        "Most".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": 100_000,
            "pattern": pattern::PERCENT,
            "patternErrorMessage": pattern::PERCENT_MESSAGE,
        })
    }
}

impl<'de> Deserialize<'de> for Most {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrPart;

        impl Visitor<'_> for NumberOrPart {
            type Value = Most;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of machines, or a part of them such as `25%`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Most, E> {
                u32::try_from(number).map(Most::Number).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Most, E> {
                u32::try_from(number).map(Most::Number).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Most, E> {
                let part = text.strip_suffix('%').and_then(|part| part.parse().ok());
                part.map(Most::Percent).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(NumberOrPart)
    }
}

impl Rollout {
    /// What a machine says over what it inherits.
    pub(super) fn over(self, base: &Self) -> Self {
        Self { max_unavailable: self.max_unavailable.or_else(|| base.max_unavailable.clone()) }
    }
}
