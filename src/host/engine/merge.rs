//! The three sides of `daemon.json`, merged by key.

use std::collections::BTreeSet;

use serde_json::Map;

use crate::value::Value;

pub(crate) type Options = Map<String, Value>;

/// What we want, what we last wrote, what is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merge<'a> {
    pub(super) ours: &'a Options,
    pub(super) applied: &'a Options,
    pub(super) found: &'a Options,
}

impl Merge<'_> {
    /// The keys that are ours, or were.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.ours.keys().chain(self.applied.keys()).map(String::as_str).collect()
    }

    /// What is there and was made by hand.
    pub(super) fn by_hand(&self) -> Options {
        let names = self.names();
        let by_hand = self.found.iter().filter(|(name, _)| !names.contains(name.as_str()));
        by_hand.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The whole file as it should be: ours, and every key that was made by hand.
    pub(super) fn merged(&self) -> Options {
        let mut merged = self.by_hand();
        merged.extend(self.ours.clone());
        merged
    }

    /// What to remember while the new file may or may not be in force: every key that is ours before or after.
    pub(super) fn either(&self) -> Options {
        self.applied.iter().chain(self.ours).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The keys whose value in the file is not as it should be.
    pub(super) fn changed(&self) -> BTreeSet<String> {
        let merged = self.merged();
        let names: BTreeSet<_> = merged.keys().chain(self.found.keys()).collect();
        names.into_iter().filter(|name| merged.get(*name) != self.found.get(*name)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Merge, Options};
    use crate::value::{Value, json};

    fn options(value: Value) -> Options {
        let Value::Object(map) = value else { panic!("{value} is no map") };
        map
    }

    #[test]
    fn keys_made_by_hand_survive_and_keys_that_were_ours_go() {
        let (ours, applied) = (options(json!({"dns": ["9.9.9.9"]})), options(json!({"dns": [], "debug": true})));
        let found = options(json!({"debug": true, "mtu": 1400}));
        let merge = Merge { ours: &ours, applied: &applied, found: &found };
        assert_eq!(merge.merged(), options(json!({"dns": ["9.9.9.9"], "mtu": 1400})));
        assert_eq!(merge.by_hand(), options(json!({"mtu": 1400})));
        assert_eq!(merge.either(), options(json!({"dns": ["9.9.9.9"], "debug": true})));
        assert_eq!(Vec::from_iter(merge.changed()), ["debug", "dns"]);
    }

    #[test]
    fn what_is_as_it_should_be_stays() {
        let (ours, found) = (options(json!({"debug": true})), options(json!({"debug": true, "mtu": 1400})));
        let merge = Merge { ours: &ours, applied: &ours, found: &found };
        assert!(merge.changed().is_empty());
        assert_eq!(merge.merged(), found);
    }
}
