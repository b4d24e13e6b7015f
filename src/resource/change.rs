//! What differs between a desired and an observed resource, leaf by leaf.

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
