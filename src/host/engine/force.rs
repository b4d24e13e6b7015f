//! What a running engine goes by, which is not always what its files say: somebody may have edited them without a reload,
//! and a reload forgets nothing that a key said before it went.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::engine::merge::Options;
use crate::host::engine::variables;
use crate::resource::Disruption;
use crate::value::{Value, json};

/// What the machine tells of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Force {
    /// What is in force after the last reload of ours, in the engine's own words; empty after a restart.
    told: Options,
    /// The file as it was when we last saw it read; `None` without a record of this run of the engine.
    loaded: Option<Options>,
    /// Whether the file was changed after the engine had started.
    is_edited: bool,
    /// The variables that it runs with.
    environment: BTreeMap<String, String>,
    /// Those of our own file, when it is there and counts.
    pub(super) variables: BTreeMap<String, String>,
    /// What it takes to undo a change that waits to be confirmed. Until then the machine goes back to what was before it by
    /// itself, and that is what is told here.
    pub(super) pending: Option<Disruption>,
    /// Whether it starts with the machine.
    pub(super) is_enabled: bool,
}

impl Force {
    /// Reads the sections of the look at a machine.
    pub(crate) fn parse(sections: &BTreeMap<&str, &str>) -> Self {
        let text = |name: &str| sections.get(name).copied().unwrap_or_default();
        let options = |name: &str| serde_json::from_str::<Options>(text(name)).ok();
        let mut run = text("run").lines();
        let mut number = || run.next().unwrap_or_default().trim();
        let (noted, now, started, changed) = (number(), number(), number(), number());
        let is_noted = !now.is_empty() && noted == now;
        Self {
            told: options("effective.json").filter(|_| is_noted).unwrap_or_default(),
            loaded: is_noted.then(|| options("loaded.json").unwrap_or_default()),
            is_edited: matches!((started.parse::<u64>(), changed.parse::<u64>()), (Ok(started), Ok(changed)) if changed > started),
            environment: pairs(text("environ")),
            variables: variables::parse(text("environment")),
            pending: sections.get("pending").map(|how| match how.trim() {
                "reload" => Disruption::Reload,
                _ => Disruption::Restart,
            }),
            is_enabled: !matches!(text("unit").lines().nth(1), Some("disabled" | "masked" | "masked-runtime")),
        }
    }

    /// What an option comes to in an engine that tells this of itself (`docker info`) and whose file is this; `None` when it is
    /// as if nothing were said.
    pub(super) fn option(&self, name: &str, found: &Options, info: &Value) -> Option<Value> {
        let read = match &self.loaded {
            Some(loaded) => loaded.get(name),
            // Nobody knows what stood there when it was read.
            None if self.is_edited => None,
            None => found.get(name),
        };
        let seen = observable(name, info).or_else(|| as_value(self.told.get(name)?.as_str()?, read));
        match seen {
            Some(seen) if read.is_some_and(|read| is_same(read, &seen)) => read.cloned(),
            Some(seen) if is_default(&seen) && read.is_none() => None,
            // The file was edited and then read without us.
            Some(seen) => found.get(name).filter(|found| is_same(found, &seen)).cloned().or(Some(seen)),
            None => read.cloned(),
        }
    }

    /// Whether there are variables that we have given it.
    pub(crate) fn has_variables(&self) -> bool {
        !self.variables.is_empty()
    }

    /// What a variable is in the running engine.
    pub(super) fn variable(&self, name: &str) -> Option<&String> {
        self.environment.get(name)
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

/// What `docker info` says of an option, in the form that `daemon.json` has for it.
fn observable(name: &str, info: &Value) -> Option<Value> {
    let registries = &info["RegistryConfig"];
    let value = match name {
        "debug" => &info["Debug"],
        "default-runtime" => &info["DefaultRuntime"],
        "experimental" => &info["ExperimentalBuild"],
        "labels" => return Some(list(&info["Labels"])),
        "live-restore" => &info["LiveRestoreEnabled"],
        "log-driver" => &info["LoggingDriver"],
        "registry-mirrors" => return registries.is_object().then(|| list(&registries["Mirrors"])),
        "insecure-registries" => return registries.is_object().then(|| insecure(registries)),
        "storage-driver" => &info["Driver"],
        _ => return None,
    };
    (!value.is_null()).then(|| value.clone())
}

fn list(value: &Value) -> Value {
    if value.is_array() { value.clone() } else { json!([]) }
}

/// Networks and names; the computer itself always is one.
fn insecure(registries: &Value) -> Value {
    let networks = registries["InsecureRegistryCIDRs"].as_array().into_iter().flatten().cloned();
    let networks = networks.filter(|network| !matches!(network.as_str(), Some("127.0.0.0/8" | "::1/128")));
    let names = registries["IndexConfigs"].as_object().into_iter().flatten();
    let names = names.filter(|(_, index)| index["Secure"] == false).map(|(name, _)| Value::from(name.as_str()));
    networks.chain(names).collect()
}

/// A word of a reload's event as the value that it stands for; `None` where it does not tell all of it.
fn as_value(word: &str, like: Option<&Value>) -> Option<Value> {
    if like.is_some_and(Value::is_object) {
        let inner = word.strip_prefix("map[")?.strip_suffix(']')?;
        let pair = |pair: &str| {
            let (name, value) = pair.split_once(':')?;
            Some((name.to_owned(), serde_json::from_str(value).ok()?))
        };
        return Some(Value::Object(inner.split(' ').filter_map(pair).collect()));
    }
    Some(serde_json::from_str(word).unwrap_or_else(|_| word.into()))
}

/// What an engine shows where nothing is said.
fn is_default(seen: &Value) -> bool {
    match seen {
        Value::Bool(flag) => !flag,
        Value::Array(items) => items.is_empty(),
        // Words and numbers have defaults that differ from engine to engine.
        _ => true,
    }
}

/// Whether an engine's word for a value stands for it: lists lose their order, addresses gain or lose their ends.
fn is_same(written: &Value, seen: &Value) -> bool {
    match (written, seen) {
        (Value::Array(written), Value::Array(seen)) => {
            let set = |items: &[Value]| items.iter().map(normal).collect::<BTreeSet<_>>();
            set(written) == set(seen)
        }
        // A size is written with its unit and told in bytes.
        (Value::String(_), Value::Number(_)) => true,
        (written, seen) => written == seen,
    }
}

fn normal(item: &Value) -> String {
    let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    text.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Force, Options};
    use crate::value::{Value, json};

    fn options(value: Value) -> Options {
        let Value::Object(map) = value else { panic!("{value} is no map") };
        map
    }

    /// An engine that tells this of itself.
    struct Seen(Force, Value);

    impl Seen {
        fn option(&self, name: &str, found: &Options) -> Option<Value> {
            self.0.option(name, found, &self.1)
        }
    }

    fn force(sections: &[(&'static str, &'static str)], info: Value) -> Seen {
        Seen(Force::parse(&sections.iter().copied().collect::<BTreeMap<_, _>>()), info)
    }

    #[test]
    fn a_file_that_was_read_is_in_force() {
        let found = options(json!({"mtu": 1400, "labels": ["a=b", "c=d"]}));
        let seen = force(&[("run", "\nab\n200\n100\n")], json!({"Labels": ["c=d", "a=b"]}));
        assert_eq!(seen.option("mtu", &found), Some(json!(1400)));
        assert_eq!(seen.option("labels", &found), Some(json!(["a=b", "c=d"])), "order is nothing");
        assert_eq!(seen.option("debug", &found), None);
    }

    #[test]
    fn a_file_that_was_edited_and_not_read_is_not_in_force() {
        let found = options(json!({"mtu": 1400, "labels": ["new=1"]}));
        let known = [("run", "ab\nab\n100\n200\n"), ("loaded.json", "{\"labels\":[\"old=1\"]}")];
        let seen = force(&known, json!({"Labels": ["old=1"]}));
        assert_eq!(seen.option("mtu", &found), None);
        assert_eq!(seen.option("labels", &found), Some(json!(["old=1"])));
        let unknown = force(&[("run", "\nab\n100\n200\n")], json!({"Labels": ["new=1"]}));
        assert_eq!(unknown.option("mtu", &found), None, "nobody can tell");
        assert_eq!(unknown.option("labels", &found), Some(json!(["new=1"])), "it was reloaded by hand");
    }

    #[test]
    fn what_a_reload_did_not_forget_is_still_in_force() {
        let found = options(json!({}));
        let seen =
            force(&[("run", "ab\nab\n100\n90\n"), ("loaded.json", "{}")], json!({"Labels": ["old=1"], "Debug": true}));
        assert_eq!(seen.option("labels", &found), Some(json!(["old=1"])));
        assert_eq!(seen.option("debug", &found), Some(json!(true)));
    }

    #[test]
    fn what_a_reload_told_is_believed() {
        let told = r#"{"max-concurrent-downloads":"3","features":"map[buildkit:true]","default-shm-size":"134217728"}"#;
        let loaded = r#"{"max-concurrent-downloads":9,"features":{"buildkit":true},"default-shm-size":"128m"}"#;
        let seen = force(&[("run", "ab\nab\n1\n2\n"), ("loaded.json", loaded), ("effective.json", told)], json!({}));
        let found = options(serde_json::from_str(loaded).unwrap());
        assert_eq!(seen.option("max-concurrent-downloads", &found), Some(json!(3)));
        assert_eq!(seen.option("features", &found), Some(json!({"buildkit": true})));
        assert_eq!(seen.option("default-shm-size", &found), Some(json!("128m")));
    }

    #[test]
    fn registries_are_told_in_other_words() {
        let found = options(
            json!({"registry-mirrors": ["https://m.example"], "insecure-registries": ["r:5000", "10.0.0.0/8"]}),
        );
        let info = json!({"RegistryConfig": {"Mirrors": ["https://m.example/"], "InsecureRegistryCIDRs": ["10.0.0.0/8", "127.0.0.0/8"],
            "IndexConfigs": {"docker.io": {"Secure": true}, "r:5000": {"Secure": false}}}});
        let seen = force(&[("run", "\nab\n2\n1\n")], info);
        for name in ["registry-mirrors", "insecure-registries"] {
            assert_eq!(seen.option(name, &found).as_ref(), found.get(name));
        }
    }
}
