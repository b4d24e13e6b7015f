//! What a machine's root disk is made from.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::pattern;

/// A name the driver knows, or where an image comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    Name(String),
    Source(ImageSource),
}

/// Exactly one of `path`, `url` and `build`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSource {
    /// A disk image on this computer.
    #[schemars(extend("format" = "path"))]
    pub path: Option<String>,

    /// A disk image to download; `sha256` or `sha512` must be given with it.
    #[schemars(regex(pattern = "^(https?|file)://"), extend("patternErrorMessage" = "an address that starts with `https://`, `http://` or `file://`"))]
    pub url: Option<String>,

    /// The SHA-256 of what `url` gives, in hexadecimal.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"), extend("patternErrorMessage" = "64 hexadecimal digits"))]
    pub sha256: Option<String>,

    /// The SHA-512 of what `url` gives, in hexadecimal.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{128}$"), extend("patternErrorMessage" = "128 hexadecimal digits"))]
    pub sha512: Option<String>,

    /// A distribution to make an image of, on this computer, from its package archive.
    #[schemars(extend("enum" = ["debian-12", "debian-13", null]))]
    pub build: Option<String>,

    /// Packages to install beside the base system in a `build`.
    #[schemars(extend("items" = pattern::text("^[a-z0-9][a-z0-9+.-]+$", "the name of a Debian package")))]
    pub packages: Option<Vec<String>>,

    /// The archive that a `build` takes packages from. The distribution's own unless given.
    #[schemars(regex(pattern = "^https?://"), extend("patternErrorMessage" = "an address that starts with `https://` or `http://`"))]
    pub mirror: Option<String>,
}

impl JsonSchema for Image {
    fn schema_name() -> Cow<'static, str> {
        "Image".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ImageSource::json_schema(generator);
        schema.insert("type".into(), ["string", "object"].as_slice().into());
        schema.insert("minLength".into(), 1.into());
        schema
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrSource;

        impl<'de> Visitor<'de> for NameOrSource {
            type Value = Image;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an image's name, or a map with `path`, `url` or `build`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Image, E> {
                Ok(Image::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Image, A::Error> {
                ImageSource::deserialize(de::value::MapAccessDeserializer::new(map)).map(Image::Source)
            }
        }

        deserializer.deserialize_any(NameOrSource)
    }
}
