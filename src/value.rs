//! What resources are made of: ordered attributes of JSON values, and paths into them.

use std::collections::BTreeMap;
use std::fmt;

pub use serde_json::{Value, json};

/// A resource's attributes by name. Ordered, so that output has one order.
pub type Attributes = BTreeMap<String, Value>;

/// Makes [`Attributes`] the way `serde_json::json!` makes an object.
#[macro_export]
macro_rules! attributes {
    ($($body:tt)*) => {
        match $crate::value::json!({ $($body)* }) {
            $crate::value::Value::Object(map) => map.into_iter().collect::<$crate::value::Attributes>(),
            _ => $crate::value::Attributes::new(),
        }
    };
}

/// A place in a tree of maps and lists: `machines.web.resources.ram`, `files.0`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<String>);

impl Path {
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Splits at dots; use [`Path::join`] for keys that hold a dot themselves.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.split('.').filter(|s| !s.is_empty()).map(str::to_owned).collect())
    }

    #[must_use]
    pub fn join(&self, key: impl fmt::Display) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.to_string());
        Self(keys)
    }

    /// Goes one key deeper, in place.
    pub fn push(&mut self, key: impl fmt::Display) {
        self.0.push(key.to_string());
    }

    /// Goes back up, in place.
    pub fn pop(&mut self) -> Option<String> {
        self.0.pop()
    }

    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, init) = self.0.split_last()?;
        Some(Self(init.to_vec()))
    }

    /// Its first keys.
    #[must_use]
    pub fn up_to(&self, keys: usize) -> Self {
        Self(self.0.iter().take(keys).cloned().collect())
    }

    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    #[must_use]
    pub fn starts_with(&self, prefix: &str) -> bool {
        let prefix = Self::parse(prefix);
        self.0.starts_with(&prefix.0)
    }
}

impl FromIterator<String> for Path {
    fn from_iter<I: IntoIterator<Item = String>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            if key.contains('.') { write!(f, "\"{key}\"")? } else { f.write_str(key)? }
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value as one short text: strings bare, everything else as JSON.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
