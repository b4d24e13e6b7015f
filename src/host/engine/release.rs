//! Which packages bring the engine, per distribution release.

use crate::host::facts::Facts;

/// Packages that bring a `dockerd`; whichever is installed is the one we keep.
pub(super) const ENGINES: &[&str] = &["docker.io", "docker-ce", "moby-engine"];

/// One row of the table.
#[derive(Debug)]
pub(super) struct Release {
    id: &'static str,
    /// `None` is every version of it.
    version: Option<&'static str>,
    /// The first one is the engine.
    pub(super) packages: &'static [&'static str],
}

const RELEASES: &[Release] = &[
    Release { id: "debian", version: Some("12"), packages: &["docker.io", "docker-compose", "iptables"] },
    Release { id: "debian", version: Some("13"), packages: &["docker.io", "docker-cli", "docker-compose", "iptables"] },
    Release { id: "ubuntu", version: None, packages: &["docker.io", "docker-compose-v2", "iptables"] },
];

impl Release {
    /// The row for a machine.
    pub(super) fn of(facts: &Facts) -> Option<&'static Self> {
        let said = |key: &str| facts.os.get(key).map_or("", String::as_str);
        RELEASES.iter().find(|r| r.id == said("ID") && r.version.is_none_or(|v| v == said("VERSION_ID")))
    }

    /// `debian 12, debian 13, ubuntu`.
    pub(super) fn supported() -> String {
        let name = |r: &Release| r.version.map_or_else(|| r.id.to_owned(), |version| format!("{} {version}", r.id));
        RELEASES.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}
