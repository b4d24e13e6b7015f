//! What engines know of `daemon.json`: the keys, their kinds, the versions that have them, and what a change of each does.
//!
//! Read from the sources of moby 20.10 to 29.7: `daemon/config` and the flags of `dockerd` (a key without a flag is refused),
//! `daemon/reload*.go` for what a running engine takes over and what it forgets again.

use std::fmt;

use crate::note::nearest;
use crate::value::Value;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    kind: Kind,
    /// The first version that has it; those before 20.10 are not told apart.
    since: Version,
    /// The first version that has it no more.
    until: Option<Version>,
    pub(super) change: Change,
}

/// What a change of a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Restart,
    /// It is read again on SIGHUP; once the key is gone the old value lives on.
    Reload,
    /// It is read again on SIGHUP, and is what it is by default once the key is gone.
    ReloadAndReset,
    /// A restart, after which this is no longer seen.
    Loses(&'static str),
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Number,
    Text,
    /// A number and a unit in one text.
    Size,
    Texts,
    TextByName,
    FlagByName,
    /// Maps with names of the engine's own.
    Map,
    MapByName,
    Maps,
}

/// The first two numbers of an engine's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

/// The oldest that is told apart from those before.
const OLDEST: Version = Version(20, 10);
/// Of what came after this one nothing is known here.
pub(super) const NEWEST: Version = Version(29, 7);

/// The versions that an engine's version, or the beginning of one, may stand for: `26.1.5+dfsg1`, `26`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versions {
    first: Version,
    last: Version,
}

impl Versions {
    /// `None` when it does not begin with a number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text[..end].split('.').map(str::parse);
        let major = numbers.next()?.ok()?;
        match numbers.next() {
            Some(Ok(minor)) => Some(Self { first: Version(major, minor), last: Version(major, minor) }),
            _ => Some(Self { first: Version(major, 0), last: Version(major, u32::MAX) }),
        }
    }

    /// Whether one of them is newer than all that is known here.
    pub(super) fn is_newer(self) -> bool {
        self.last > NEWEST
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

const fn key(name: &'static str, kind: Kind, change: Change) -> Key {
    Key { name, kind, since: OLDEST, until: None, change }
}

impl Key {
    const fn since(self, major: u32, minor: u32) -> Self {
        Self { since: Version(major, minor), ..self }
    }

    const fn until(self, major: u32, minor: u32) -> Self {
        Self { until: Some(Version(major, minor)), ..self }
    }

    fn is_in(&self, versions: Versions) -> bool {
        self.since.max(OLDEST) <= versions.last.max(OLDEST) && self.until.is_none_or(|until| versions.first < until)
    }
}

use Change::{Loses, Reload, ReloadAndReset, Restart};
use Kind::{Flag, FlagByName, Map, MapByName, Maps, Number, Size, Text, TextByName, Texts};

/// By name. `authorization-plugins` is read again on SIGHUP too, but a bad one makes the engine exit in the middle of it.
#[rustfmt::skip]
const KEYS: &[Key] = &[
    key("allow-direct-routing", Flag, Restart).since(28, 2),
    key("allow-nondistributable-artifacts", Texts, Reload).until(29, 0),
    key("api-cors-header", Text, Restart).until(29, 0),
    key("authorization-plugins", Texts, Restart),
    key("bip", Text, Restart),
    key("bip6", Text, Restart).since(28, 0),
    key("bridge", Text, Restart),
    key("bridge-accept-fwmark", Text, Restart).since(29, 0),
    key("builder", Map, Restart),
    key("cdi-spec-dirs", Texts, Restart).since(25, 0),
    key("cgroup-parent", Text, Restart),
    key("cluster-advertise", Text, Restart).until(23, 0),
    key("cluster-store", Text, Restart).until(23, 0),
    key("cluster-store-opts", TextByName, Restart).until(23, 0),
    key("containerd", Text, Restart),
    key("containerd-namespace", Text, Restart),
    key("cpu-rt-period", Number, Restart),
    key("cpu-rt-runtime", Number, Restart),
    key("cri-containerd", Flag, Restart),
    key("data-root", Text, Loses("images, containers and volumes in the old folder are no longer seen")),
    key("debug", Flag, Reload),
    key("default-address-pools", Maps, Restart),
    key("default-cgroupns-mode", Text, Reload),
    key("default-gateway", Text, Restart),
    key("default-gateway-v6", Text, Restart),
    key("default-ipc-mode", Text, Reload),
    key("default-network-opts", MapByName, Restart).since(24, 0),
    key("default-runtime", Text, Reload),
    key("default-shm-size", Size, Reload),
    key("default-stop-timeout", Number, Reload).since(29, 7),
    key("default-ulimits", MapByName, Restart),
    key("dns", Texts, Restart),
    key("dns-opts", Texts, Restart),
    key("dns-search", Texts, Restart),
    key("exec-opts", Texts, Restart),
    key("exec-root", Text, Restart),
    key("experimental", Flag, Restart),
    key("features", FlagByName, ReloadAndReset),
    key("firewall-backend", Text, Restart).since(29, 0),
    key("fixed-cidr", Text, Restart),
    key("fixed-cidr-v6", Text, Restart),
    key("graph", Text, Loses("images, containers and volumes in the old folder are no longer seen")).until(23, 0),
    key("group", Text, Restart),
    key("host-gateway-ip", Text, Restart),
    key("host-gateway-ips", Texts, Restart).since(28, 0),
    key("hosts", Texts, Restart),
    key("icc", Flag, Restart),
    key("init", Flag, Restart),
    key("init-path", Text, Restart),
    key("insecure-registries", Texts, Reload),
    key("ip", Text, Restart),
    key("ip-forward", Flag, Restart),
    key("ip-forward-no-drop", Flag, Restart).since(28, 0),
    key("ip-masq", Flag, Restart),
    key("ip6tables", Flag, Restart),
    key("iptables", Flag, Restart),
    key("ipv6", Flag, Restart),
    key("labels", Texts, Reload),
    key("live-restore", Flag, Reload),
    key("log-driver", Text, Restart),
    key("log-format", Text, Restart).since(25, 0),
    key("log-level", Text, Restart),
    key("log-opts", TextByName, Restart),
    key("max-concurrent-downloads", Number, ReloadAndReset),
    key("max-concurrent-uploads", Number, ReloadAndReset),
    key("max-download-attempts", Number, ReloadAndReset),
    key("metrics-addr", Text, Restart),
    key("min-api-version", Text, Restart).since(29, 0),
    key("mtu", Number, Restart),
    key("network-control-plane-mtu", Number, Restart),
    key("network-diagnostic-port", Number, ReloadAndReset),
    key("no-new-privileges", Flag, Restart),
    key("node-generic-resources", Texts, Restart),
    key("nri-opts", Map, Restart).since(29, 2),
    key("oom-score-adjust", Number, Restart).until(26, 0),
    key("pidfile", Text, Restart),
    key("proxies", TextByName, Restart).since(23, 0),
    key("raw-logs", Flag, Restart),
    key("registry-mirrors", Texts, Reload),
    key("rootless", Flag, Restart),
    key("runtimes", MapByName, Reload),
    key("seccomp-profile", Text, Restart),
    key("selinux-enabled", Flag, Restart),
    key("shutdown-timeout", Number, Reload),
    key("storage-driver", Text, Loses("images and containers of the old storage driver are no longer seen")),
    key("storage-opts", Texts, Restart),
    key("swarm-default-advertise-addr", Text, Restart),
    key("tls", Flag, Restart),
    key("tlscacert", Text, Restart),
    key("tlscert", Text, Restart),
    key("tlskey", Text, Restart),
    key("tlsverify", Flag, Restart),
    key("userland-proxy", Flag, Restart),
    key("userland-proxy-path", Text, Restart),
    key("userns-remap", Text, Loses("images, containers and volumes of the old user mapping are no longer seen")),
];

/// A key that some version has.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Why an engine does not take a key, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) why: String,
    pub(super) hint: String,
}

/// Whether an engine of one of these versions has a key; any engine when they are not known.
pub(super) fn known(name: &str, versions: Option<Versions>) -> Result<(), Unknown> {
    let Some(key) = find(name) else {
        let all = KEYS.iter().filter(|key| versions.is_none_or(|versions| key.is_in(versions))).map(|key| key.name);
        let hint = nearest(name, all).map(|near| format!("did you mean `{near}`?"));
        return Err(Unknown {
            why: format!("no engine has an option `{name}`"),
            hint: hint.unwrap_or_else(|| "options go by their names in `daemon.json`".to_owned()),
        });
    };
    if versions.is_none_or(|versions| key.is_in(versions)) {
        return Ok(());
    }
    Err(match key.until {
        Some(until) if versions.is_some_and(|versions| versions.first >= until) => {
            Unknown { why: format!("engines from {until} on have no option `{name}`"), hint: "take it out".to_owned() }
        }
        _ => Unknown {
            why: format!("engines before {} have no option `{name}`", key.since),
            hint: format!("take it out, or ask for a newer engine: `version: \"{}\"`", key.since),
        },
    })
}

/// The keys down to a value that is not what stands behind a key, and what would be.
pub(super) fn misfit(name: &str, value: &Value) -> Option<(Vec<String>, &'static str)> {
    const MAP: &str = "a map";
    const TEXTS: &str = "a list of texts";
    let each = |fits: fn(&Value) -> bool, expected: &'static str| match value.as_object() {
        None => Some((Vec::new(), MAP)),
        Some(map) => map.iter().find(|(_, value)| !fits(value)).map(|(key, _)| (vec![key.clone()], expected)),
    };
    let whole = |fits: bool, expected: &'static str| (!fits).then(|| (Vec::new(), expected));
    match find(name)?.kind {
        Flag => whole(value.is_boolean(), "`true` or `false`"),
        Number => whole(value.is_i64() || value.is_u64(), "a whole number"),
        Text => whole(value.is_string(), "a text"),
        Size => whole(value.is_string(), "a number and a unit in one text: \"64m\""),
        Texts => match value.as_array() {
            None => whole(false, TEXTS),
            Some(items) => items.iter().position(|item| !item.is_string()).map(|i| (vec![i.to_string()], "a text")),
        },
        TextByName => each(Value::is_string, "a text: write numbers and flags in quotes"),
        FlagByName => each(Value::is_boolean, "`true` or `false`"),
        Map => whole(value.is_object(), MAP),
        MapByName => each(Value::is_object, MAP),
        Maps => match value.as_array() {
            None => whole(false, "a list of maps"),
            Some(items) => items.iter().position(|item| !item.is_object()).map(|i| (vec![i.to_string()], MAP)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Versions, known, misfit};
    use crate::value::json;

    fn of(version: &str) -> Option<Versions> {
        Versions::parse(version)
    }

    #[test]
    fn the_table_is_in_order_and_names_each_key_once() {
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(KEYS.iter().all(|key| key.until.is_none_or(|until| key.since < until)));
    }

    #[test]
    fn a_key_is_known_to_the_versions_that_have_it() {
        assert_eq!(known("proxies", of("26.1.5+dfsg1")), Ok(()));
        assert_eq!(known("proxies", None), Ok(()), "some engine has it");
        let old = known("proxies", of("20.10.24")).unwrap_err();
        assert_eq!(old.why, "engines before 23.0 have no option `proxies`");
        let gone = known("oom-score-adjust", of("26")).unwrap_err();
        assert_eq!(gone.why, "engines from 26.0 on have no option `oom-score-adjust`");
        assert_eq!(known("nri-opts", of("29")), Ok(()), "some 29 has it");
        assert!(known("nri-opts", of("29.1")).is_err());
        let misspelt = known("dnss", of("26")).unwrap_err();
        assert_eq!(
            (misspelt.why.as_str(), misspelt.hint.as_str()),
            ("no engine has an option `dnss`", "did you mean `dns`?")
        );
        assert!(of("30.0").unwrap().is_newer() && of("29").unwrap().is_newer() && !of("29.7.2").unwrap().is_newer());
    }

    #[test]
    fn a_value_of_another_kind_is_pointed_at() {
        assert_eq!(misfit("log-opts", &json!({"tag": "x", "max-file": 3})).unwrap().0, ["max-file"]);
        assert_eq!(misfit("dns", &json!(["9.9.9.9", 1])).unwrap(), (vec!["1".to_owned()], "a text"));
        assert_eq!(misfit("mtu", &json!(1400.5)).unwrap().1, "a whole number");
        assert_eq!(misfit("default-shm-size", &json!(1 << 26)).unwrap().1, "a number and a unit in one text: \"64m\"");
        assert_eq!(misfit("default-address-pools", &json!([{"base": "10.0.0.0/8", "size": 24}])), None);
        assert_eq!(misfit("features", &json!({"buildkit": "yes"})).unwrap().0, ["buildkit"]);
        assert_eq!(misfit("of-tomorrow", &json!(1)), None);
    }
}
