//! What differs between a desired and an observed resource, leaf by leaf.

use std::collections::BTreeMap;

use crate::value::{Attributes, Path, Value};

/// One attribute's difference. `None` means the attribute is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub path: Path,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Compares every desired attribute with the observed one of the same name; maps are compared key by key in both
/// directions, everything else as a whole. Observed attributes that are not desired are outputs and never differ.
#[must_use]
pub fn diff(desired: &Attributes, observed: &Attributes) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, after) in desired {
        compare(Path::root().join(name), observed.get(name), Some(after), &mut changes);
    }
    changes
}

/// What has become of something: every attribute that is no longer what it was, new ones and lost ones included.
#[must_use]
pub fn moved(was: &Attributes, is: &Attributes) -> Vec<Change> {
    let names: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        compare(Path::root().join(name), was.get(name), is.get(name), &mut changes);
    }
    changes
}

/// What attributes become when these changes, and no others, are made to them.
#[must_use]
pub fn made(attributes: &Attributes, changes: &[Change]) -> Attributes {
    let mut all: serde_json::Map<_, _> = attributes.clone().into_iter().collect();
    for change in changes {
        put(&mut all, change.path.keys(), change.after.as_ref());
    }
    all.into_iter().collect()
}

fn put(map: &mut serde_json::Map<String, Value>, keys: &[String], value: Option<&Value>) {
    match (keys, value) {
        ([], _) => {}
        ([key], None) => _ = map.remove(key),
        ([key], Some(value)) => _ = map.insert(key.clone(), value.clone()),
        ([key, rest @ ..], value) => {
            let inner = map.entry(key).or_insert_with(|| Value::Object(serde_json::Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(serde_json::Map::new());
            }
            put(inner.as_object_mut().expect("made a map above"), rest, value);
        }
    }
}

/// Brings to `target` what of a map the rest of a path, below the map itself, stands for.
pub fn follow<V: Clone>(map: &mut BTreeMap<String, V>, target: &BTreeMap<String, V>, rest: &[String]) {
    let is_meant = |name: &String| rest.first().is_none_or(|key| key == name);
    map.retain(|name, _| !is_meant(name));
    map.extend(target.iter().filter(|(name, _)| is_meant(name)).map(|(name, value)| (name.clone(), value.clone())));
}

/// Whether one of the changes is to this attribute.
#[must_use]
pub fn concerns(changes: &[Change], attribute: &str) -> bool {
    changes.iter().any(|change| change.path.keys().first().is_some_and(|key| key == attribute))
}

fn compare(path: Path, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    let (before, after) = (before.filter(|v| !v.is_null()), after.filter(|v| !v.is_null()));
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for key in keys {
                compare(path.join(key), old.get(key), new.get(key), changes);
            }
        }
        (old, new) if old == new => {}
        (old, new) => changes.push(Change { path, before: old.cloned(), after: new.cloned() }),
    }
}
