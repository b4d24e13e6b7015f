//! The driver's settings and how they are read.

use crate::desired;
use crate::note::{Note, suggestion};
use crate::provider::cidr::Cidr;
use crate::provider::{Setting, SettingKind};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "host",
        kind: SettingKind::Text,
        doc: "The engine on this computer: `unix:///path` or `tcp://127.0.0.1:port`.",
        default: Some("`DOCKER_HOST`, or unix:///var/run/docker.sock"),
    },
    Setting {
        name: "segment",
        kind: SettingKind::Text,
        doc: "The addresses that the machines have among themselves.",
        default: Some("10.85.0.0/16"),
    },
    Setting {
        name: "network",
        kind: SettingKind::Text,
        doc: "The addresses of the engine's network that the machines are on, by which they reach the world.",
        default: Some("chosen by the engine"),
    },
    Setting {
        name: "privileged",
        kind: SettingKind::Flag,
        doc: "Whether the containers are privileged.",
        default: Some("only where a nested engine does not work without"),
    },
    Setting {
        name: "init",
        kind: SettingKind::Text,
        doc: "What is started in the container as its first process.",
        default: Some("/sbin/init"),
    },
];

const HOST: &str = "unix:///var/run/docker.sock";
const INIT: &str = "/sbin/init";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) segment: Cidr,
    pub(super) network: Option<Cidr>,
    /// `None`: as little as works.
    pub(super) privileged: Option<bool>,
    pub(super) init: String,
}

impl Settings {
    pub(super) fn read(provider: &desired::Provider) -> Result<Self, Vec<Note>> {
        let host = std::env::var("DOCKER_HOST").ok().filter(|host| is_here(host));
        let mut settings = Self {
            host: host.unwrap_or_else(|| HOST.to_owned()),
            segment: Cidr::DEFAULT,
            network: None,
            privileged: None,
            init: INIT.to_owned(),
        };
        let mut notes = Vec::new();
        for (name, value) in &provider.settings {
            let at = provider.at.join(name);
            let text = value.as_str().unwrap_or_default();
            let problem = match name.as_str() {
                "privileged" => {
                    settings.privileged = value.as_bool();
                    None
                }
                _ if !value.is_string() => Some(format!("`{name}` is a text")),
                "host" if is_here(text) => {
                    text.clone_into(&mut settings.host);
                    None
                }
                "host" => Some(format!("`{text}` is not an engine on this computer")),
                "segment" => text.parse().map(|found| settings.segment = found).err(),
                "network" => text.parse().map(|found| settings.network = Some(found)).err(),
                "init" if text.starts_with('/') => {
                    text.clone_into(&mut settings.init);
                    None
                }
                "init" => Some(format!("`{text}` is not an absolute path")),
                _ => {
                    let known = SETTINGS.iter().map(|setting| setting.name);
                    let note = Note::error(at.clone(), format!("`{name}` is not a setting of the docker driver"));
                    notes.push(note.at_key().hint(suggestion(name, known)));
                    None
                }
            };
            notes.extend(problem.map(|problem| {
                let note = Note::error(at, problem);
                if name == "host" { note.hint("use `unix:///path` or `tcp://127.0.0.1:port`") } else { note }
            }));
        }
        if notes.is_empty() { Ok(settings) } else { Err(notes) }
    }
}

/// Ports of the machines are published where the engine runs, so it has to run here.
fn is_here(host: &str) -> bool {
    let loopback = |address: &str| {
        let name = address.rsplit_once(':').map_or(address, |(name, _)| name);
        name == "localhost" || name.starts_with("127.")
    };
    match host.split_once("://") {
        Some(("unix", path)) => path.starts_with('/'),
        Some(("tcp" | "http", address)) => loopback(address),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_here;

    #[test]
    fn only_an_engine_on_this_computer_will_do() {
        for host in ["unix:///run/user/1000/docker.sock", "tcp://127.0.0.1:2375", "tcp://localhost:2375"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["unix://docker.sock", "tcp://10.0.0.2:2375", "ssh://build@farm", "/var/run/docker.sock", ""] {
            assert!(!is_here(host), "{host}");
        }
    }
}
