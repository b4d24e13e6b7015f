//! What the engine does with each key of `daemon.json`: re-read it, restart for it, or lose data over it.

use std::collections::BTreeSet;

use serde_json::Map;

use crate::desired::Engine;
use crate::note::Note;
use crate::resource::Disruption;
use crate::value::Value;

/// A key that is not in the table needs a restart and loses nothing.
#[derive(Debug)]
struct Key {
    name: &'static str,
    /// Re-read on SIGHUP.
    reloads: bool,
    /// Taken back to its default by a reload once the key is gone. Where this is false the old value would live on.
    resets: bool,
    /// What is no longer seen after a change.
    loses: Option<&'static str>,
}

const fn reloads(name: &'static str) -> Key {
    Key { name, reloads: true, resets: false, loses: None }
}

const fn resets(name: &'static str) -> Key {
    Key { name, reloads: true, resets: true, loses: None }
}

const fn loses(name: &'static str, what: &'static str) -> Key {
    Key { name, reloads: false, resets: false, loses: Some(what) }
}

/// Left out though an engine would re-read them: `authorization-plugins`, because a bad one makes the daemon exit
/// in the middle of a reload, and keys that only the newest engines re-read.
const KEYS: &[Key] = &[
    reloads("debug"),
    reloads("labels"),
    reloads("live-restore"),
    reloads("shutdown-timeout"),
    reloads("insecure-registries"),
    reloads("registry-mirrors"),
    reloads("runtimes"),
    reloads("default-runtime"),
    reloads("default-shm-size"),
    reloads("network-diagnostic-port"),
    resets("max-concurrent-downloads"),
    resets("max-concurrent-uploads"),
    resets("max-download-attempts"),
    resets("features"),
    loses("data-root", "images, containers and volumes in the old folder are no longer seen"),
    loses("storage-driver", "images and containers of the old storage driver are no longer seen"),
    loses("userns-remap", "images, containers and volumes of the old user mapping are no longer seen"),
];

fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What changing, adding or removing an option does to a running engine, and what is lost by it.
pub(crate) fn disruption(name: &str, removed: bool) -> (Disruption, Option<&'static str>) {
    match key(name) {
        Some(Key { loses: Some(what), .. }) => (Disruption::DataLoss, Some(what)),
        Some(Key { reloads: true, resets, .. }) if !removed || *resets => (Disruption::Reload, None),
        _ => (Disruption::Restart, None),
    }
}

/// Findings about options that cannot work on any machine.
pub(crate) fn check(engine: &Engine) -> Vec<Note> {
    let clash = engine.options.contains_key("hosts").then(|| {
        Note::error(
            engine.at.join("options").join("hosts"),
            "`hosts` clashes with the socket that systemd gives the engine",
        )
        .at_key()
        .hint("remove it: the engine is reached over SSH and needs no open port")
    });
    clash.into_iter().collect()
}

type Options = Map<String, Value>;

/// The three sides of a merge by key: what we want, what we last wrote, what is there.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    pub(crate) ours: &'a Options,
    pub(crate) applied: &'a Options,
    pub(crate) found: &'a Options,
}

impl Merge<'_> {
    /// What is there, restricted to keys that are or were ours.
    pub(crate) fn owned(&self) -> Options {
        let owned = |name: &String| self.ours.contains_key(name) || self.applied.contains_key(name);
        self.found.iter().filter(|(name, _)| owned(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The whole file as it should be: ours, and every key that was made by hand.
    pub(crate) fn merged(&self) -> Options {
        let by_hand = |name: &String| !self.applied.contains_key(name) && !self.ours.contains_key(name);
        let kept = self.found.iter().filter(|(name, _)| by_hand(name));
        kept.chain(self.ours).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What to remember while the new file may or may not be in force: every key that is ours before or after.
    pub(crate) fn either(&self) -> Options {
        self.applied.iter().chain(self.ours).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The keys whose value in the file is not as it should be.
    pub(crate) fn changed(&self) -> BTreeSet<String> {
        let merged = self.merged();
        let names: BTreeSet<_> = merged.keys().chain(self.found.keys()).collect();
        names.into_iter().filter(|name| merged.get(*name) != self.found.get(*name)).cloned().collect()
    }

    /// The strongest disruption among the keys that change.
    pub(crate) fn disruption(&self) -> Disruption {
        let removed = |name: &String| !self.ours.contains_key(name);
        self.changed().iter().map(|name| disruption(name, removed(name)).0).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Disruption, Merge, Options, disruption};
    use crate::value::json;

    fn options(value: crate::value::Value) -> Options {
        let crate::value::Value::Object(map) = value else { panic!("{value} is no map") };
        map
    }

    #[test]
    fn a_reload_does_where_the_engine_takes_the_value_and_its_absence() {
        assert_eq!(disruption("labels", false).0, Disruption::Reload);
        assert_eq!(disruption("labels", true).0, Disruption::Restart, "a removed label would live on");
        assert_eq!(disruption("max-concurrent-downloads", true).0, Disruption::Reload);
        assert_eq!(disruption("dns", false).0, Disruption::Restart);
        assert_eq!(disruption("a-key-of-tomorrow", false).0, Disruption::Restart);
        assert_eq!(disruption("data-root", true).0, Disruption::DataLoss);
    }

    #[test]
    fn keys_made_by_hand_survive_and_keys_that_were_ours_go() {
        let (ours, applied) = (options(json!({"dns": ["9.9.9.9"]})), options(json!({"dns": [], "debug": true})));
        let found = options(json!({"debug": true, "mtu": 1400}));
        let merge = Merge { ours: &ours, applied: &applied, found: &found };
        assert_eq!(merge.merged(), options(json!({"dns": ["9.9.9.9"], "mtu": 1400})));
        assert_eq!(merge.owned(), options(json!({"debug": true})));
        assert_eq!(merge.either(), options(json!({"dns": ["9.9.9.9"], "debug": true})));
        assert_eq!(merge.disruption(), Disruption::Restart);
    }

    #[test]
    fn what_is_as_it_should_be_disturbs_nothing() {
        let (ours, found) = (options(json!({"debug": true})), options(json!({"debug": true, "mtu": 1400})));
        let merge = Merge { ours: &ours, applied: &ours, found: &found };
        assert_eq!(merge.disruption(), Disruption::None);
        assert_eq!(merge.merged(), found);
    }
}
