//! What the schema says of a setting: which values it takes, and what is special about it.

use std::collections::BTreeSet;

use crate::value::{Path, Value};

/// The rules for one place; several where it depends on something else, as a provider's settings on its driver.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a>(Vec<&'a Value>);

impl<'a> Shape<'a> {
    pub(super) fn root(schema: &'a Value) -> Self {
        Self(vec![schema])
    }

    pub(super) fn at(schema: &'a Value, path: &Path) -> Self {
        path.keys().iter().fold(Self::root(schema), |shape, key| shape.child(key))
    }

    pub(super) fn child(&self, key: &str) -> Self {
        let mut found = Vec::new();
        for rule in self.rules() {
            if *rule == Value::Bool(true) {
                found.push(rule);
            } else if let Some(property) = rule["properties"].get(key) {
                found.push(property);
            } else if rule["additionalProperties"].is_object() || rule["additionalProperties"] == true {
                found.push(&rule["additionalProperties"]);
            }
            if rule["items"].is_object() && key.bytes().all(|b| b.is_ascii_digit()) {
                found.push(&rule["items"]);
            }
        }
        Self(found)
    }

    /// With those that hold only in some cases.
    fn rules(&self) -> Vec<&'a Value> {
        let mut found = Vec::new();
        let mut open = self.0.clone();
        while let Some(rule) = open.pop() {
            found.push(rule);
            for several in ["allOf", "anyOf", "oneOf"] {
                open.extend(rule[several].as_array().into_iter().flatten());
            }
            open.extend(rule.get("then"));
        }
        found
    }

    /// Whether the schema knows nothing of this place, not even that anything may stand there.
    pub(super) fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any text takes it: nothing says what it has to be.
    pub(super) fn is_free(&self) -> bool {
        self.types().is_empty()
    }

    fn types(&self) -> BTreeSet<&'a str> {
        let types = |rule: &'a Value| match &rule["type"] {
            Value::String(one) => vec![one.as_str()],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        self.rules().into_iter().flat_map(types).filter(|kind| *kind != "null").collect()
    }

    pub(super) fn takes_text(&self) -> bool {
        self.is_free() || self.types().contains("string")
    }

    pub(super) fn takes_number_or_flag(&self) -> bool {
        self.is_free() || self.types().iter().any(|kind| matches!(*kind, "number" | "integer" | "boolean"))
    }

    pub(super) fn takes_only_whole_numbers(&self) -> bool {
        let types = self.types();
        types.contains("integer") && !types.contains("number")
    }

    pub(super) fn takes_parts(&self) -> bool {
        self.is_free() || self.types().iter().any(|kind| matches!(*kind, "array" | "object"))
    }

    /// The keys that have a meaning here; empty where any will do.
    pub(super) fn keys(&self) -> BTreeSet<&'a str> {
        let keys = |rule: &'a Value| rule["properties"].as_object().into_iter().flatten();
        self.rules().into_iter().flat_map(keys).map(|(key, _)| key.as_str()).collect()
    }

    /// Whether a literal value must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        self.rules().iter().any(|rule| rule["writeOnly"] == true)
    }

    /// Whether it is the path of a file, from the folder of the text that names it.
    pub(super) fn is_path(&self) -> bool {
        self.rules().iter().any(|rule| rule["format"] == "path")
    }

    /// What holds where nothing is written.
    fn default(&self) -> Option<&'a Value> {
        self.rules().into_iter().find_map(|rule| rule.get("default"))
    }
}

/// The keys below which literals must not be shown, wherever they stand.
pub(super) fn secrets(schema: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(rule) = open.pop() {
        let properties = rule["properties"].as_object().into_iter().flatten();
        found.extend(properties.filter(|(_, rule)| rule["writeOnly"] == true).map(|(key, _)| key.as_str()));
        match rule {
            Value::Object(rules) => open.extend(rules.values()),
            Value::Array(rules) => open.extend(rules),
            _ => {}
        }
    }
    found
}

/// Whether a path can be written at all, and what holds where it is not. The error is how much of it can be, and the
/// keys that could go on from there.
pub(super) fn known(schema: &Value, path: &Path) -> Result<Option<Value>, (Path, Vec<String>)> {
    let mut shape = Shape::root(schema);
    let mut at = Path::root();
    for key in path.keys() {
        let below = shape.child(key);
        if below.is_unknown() {
            return Err((at, shape.keys().into_iter().map(str::to_owned).collect()));
        }
        shape = below;
        at.push(key);
    }
    Ok(shape.default().cloned())
}
