//! The Docker Engine of a machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::value::{Path, Value};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Engine {
    /// A version or the beginning of one: `26`, `26.1`, `26.1.5`. `None` takes what the distribution offers and leaves an installed one alone.
    pub version: Option<String>,
    /// Keys of `daemon.json` that are ours; all others on the machine are left as they are.
    pub options: BTreeMap<String, Value>,
    /// Those of them that a setting of their own gives: `labels`, `registry-mirrors`, …
    pub named: BTreeSet<&'static str>,
    /// Variables that the engine runs with, those of the proxy aside.
    pub env: BTreeMap<String, String>,
    pub proxy: Proxy,
    pub at: Path,
}

/// What the engine and the installation of its packages reach the network through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    pub http: Option<String>,
    pub https: Option<String>,
    pub no_proxy: Vec<String>,
}

impl Engine {
    /// Where an option is written: under its own setting, or among the `options`.
    #[must_use]
    pub fn place(&self, option: &str) -> Path {
        if self.named.contains(option) { self.at.join(option) } else { self.at.join("options").join(option) }
    }

    /// All variables that the engine runs with.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let proxy = self.proxy.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
        self.env.clone().into_iter().chain(proxy).collect()
    }
}

impl Proxy {
    /// As programs are told of it, by name.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let direct = (!self.no_proxy.is_empty()).then(|| self.no_proxy.join(","));
        let all = [("HTTP_PROXY", self.http.clone()), ("HTTPS_PROXY", self.https.clone()), ("NO_PROXY", direct)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
