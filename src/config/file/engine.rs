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
    Settings(Box<EngineSettings>),
}

/// The engine's version, and how it is set up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EngineSettings {
    /// A version or the beginning of one, quoted: `"26.1"`. Without it the distribution's own is installed and an installed one is left alone.
    #[schemars(regex(pattern = pattern::VERSION), extend("patternErrorMessage" = pattern::VERSION_MESSAGE))]
    pub version: Option<String>,

    /// Options of `daemon.json` under their own names. Others that are set on the machine are left as they are.
    #[schemars(extend("default" = {}))]
    pub options: Option<BTreeMap<String, Value>>,

    /// Labels of the engine: `docker info` shows them, and a Swarm can be told to prefer engines that have one.
    #[schemars(extend("default" = {}, "propertyNames" = { "pattern": pattern::LABEL, "patternErrorMessage": pattern::LABEL_MESSAGE }))]
    pub labels: Option<BTreeMap<String, String>>,

    /// Where images of Docker Hub are looked for first, in order: addresses of registries.
    #[schemars(extend("items" = pattern::text(pattern::WEB_ADDRESS, pattern::WEB_ADDRESS_MESSAGE), "default" = []))]
    pub registry_mirrors: Option<Vec<String>>,

    /// Registries that are talked to without TLS, or with a certificate nobody vouches for: `registry.example:5000`, `10.85.0.0/16`.
    #[schemars(extend("default" = []))]
    pub insecure_registries: Option<Vec<String>>,

    /// How images and containers are laid on the disk, such as `overlay2`; the engine chooses unless said. Those of another driver are no longer seen.
    pub storage_driver: Option<String>,

    /// What the engine, and the installation of its packages, go through to reach the network.
    pub proxy: Option<Proxy>,

    /// Variables that the engine runs with. A change restarts it.
    #[schemars(
        extend("default" = {}, "propertyNames" = { "pattern": pattern::VARIABLE, "patternErrorMessage": pattern::VARIABLE_MESSAGE }),
        extend("additionalProperties" = pattern::text(pattern::LINE, pattern::LINE_MESSAGE))
    )]
    pub env: Option<BTreeMap<String, String>>,
}

/// A way into the network.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Proxy {
    /// For http addresses: `http://proxy.example:3128`.
    #[schemars(regex(pattern = pattern::WEB_ADDRESS), extend("patternErrorMessage" = pattern::WEB_ADDRESS_MESSAGE))]
    pub http: Option<String>,

    /// For https addresses.
    #[schemars(regex(pattern = pattern::WEB_ADDRESS), extend("patternErrorMessage" = pattern::WEB_ADDRESS_MESSAGE))]
    pub https: Option<String>,

    /// Names, domains, addresses and networks that are reached directly: `[.example, 10.85.0.0/16]`.
    #[schemars(extend("items" = pattern::text(pattern::WORD, pattern::WORD_MESSAGE), "default" = []))]
    pub no_proxy: Option<Vec<String>>,
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
                let settings = EngineSettings::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Engine::Settings(Box::new(settings)))
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
            (Self::Settings(own), Some(Self::Settings(base))) => Self::Settings(Box::new(own.over(base))),
            (own, _) => own,
        }
    }
}

impl EngineSettings {
    fn over(self, base: &Self) -> Self {
        Self {
            version: self.version.or_else(|| base.version.clone()),
            options: match (self.options, base.options.clone()) {
                (Some(own), Some(base)) => Some(merge(base, own)),
                (own, base) => own.or(base),
            },
            labels: by_key(self.labels, base.labels.as_ref()),
            registry_mirrors: self.registry_mirrors.or_else(|| base.registry_mirrors.clone()),
            insecure_registries: self.insecure_registries.or_else(|| base.insecure_registries.clone()),
            storage_driver: self.storage_driver.or_else(|| base.storage_driver.clone()),
            proxy: match (self.proxy, &base.proxy) {
                (Some(own), Some(base)) => Some(own.over(base)),
                (own, base) => own.or_else(|| base.clone()),
            },
            env: by_key(self.env, base.env.as_ref()),
        }
    }
}

impl Proxy {
    fn over(self, base: &Self) -> Self {
        Self {
            http: self.http.or_else(|| base.http.clone()),
            https: self.https.or_else(|| base.https.clone()),
            no_proxy: self.no_proxy.or_else(|| base.no_proxy.clone()),
        }
    }
}

fn by_key(
    own: Option<BTreeMap<String, String>>,
    base: Option<&BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    match (own, base) {
        (Some(own), Some(base)) => Some(base.clone().into_iter().chain(own).collect()),
        (own, base) => own.or_else(|| base.cloned()),
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
