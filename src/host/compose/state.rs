//! What is there of a compose project on a machine, and whether it is all up.

use std::collections::{BTreeMap, BTreeSet};

use crate::value::Value;

/// What `services` says when nothing is amiss.
pub(crate) const ALL_UP: &str = "all up";

/// A container that belongs to some compose project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) project: String,
    service: String,
    hash: String,
    /// `docker inspect`'s: `running`, `exited`, `restarting` …
    status: String,
    exit_code: i64,
    health: Option<String>,
    restarts: bool,
    one_off: bool,
}

impl Container {
    /// From a line of four JSON values: name, state, restart policy, labels.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let values: Vec<Value> = serde_json::Deserializer::from_str(line).into_iter().collect::<Result<_, _>>().ok()?;
        let [_name, state, policy, labels] = &values[..] else { return None };
        let label = |name: &str| labels[format!("com.docker.compose.{name}")].as_str().unwrap_or_default().to_owned();
        Some(Self {
            project: label("project"),
            service: label("service"),
            hash: label("config-hash"),
            status: state["Status"].as_str().unwrap_or_default().to_owned(),
            exit_code: state["ExitCode"].as_i64().unwrap_or_default(),
            health: state["Health"]["Status"].as_str().map(str::to_owned),
            restarts: matches!(policy["Name"].as_str(), Some("always" | "unless-stopped")),
            one_off: label("oneoff") == "True",
        })
    }

    /// What is wrong with it, in a word. A container that ended well and is not meant to be restarted has done its work.
    fn trouble(&self) -> Option<&str> {
        match (self.status.as_str(), self.health.as_deref()) {
            ("running", Some(health @ ("starting" | "unhealthy"))) => Some(health),
            ("running", _) => None,
            ("exited", _) if self.exit_code == 0 && !self.restarts => None,
            ("exited" | "dead" | "created", _) => Some("stopped"),
            (other, _) => Some(other),
        }
    }
}

/// A compose project's folder on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// The slug of the project that put it there.
    pub(crate) owner: String,
    /// Each shipped file that is there, with its digest as in a bundle.
    pub(crate) files: BTreeMap<String, String>,
    /// The arguments that `docker compose` is run with.
    pub(crate) arguments: Vec<String>,
    /// The configuration hash of each container after the last `up`.
    services: BTreeMap<String, Vec<String>>,
    /// The last `up` has not ended well.
    pending: bool,
}

impl Project {
    /// From its section of the facts; `None` without an owner.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut project = Self::default();
        for line in text.lines() {
            match line.split_once("  ").unwrap_or((line, "")) {
                ("owner", json) => {
                    let owner: Value = serde_json::from_str(json).ok()?;
                    owner["project"].as_str()?.clone_into(&mut project.owner);
                }
                ("pending", _) => project.pending = true,
                ("argument", argument) => project.arguments.push(argument.to_owned()),
                ("service", pair) => {
                    let (service, hash) = pair.split_once(' ')?;
                    project.services.entry(service.to_owned()).or_default().push(hash.to_owned());
                }
                ("executable", path) => {
                    if let Some(digest) = project.files.get_mut(path) {
                        digest.push_str(" executable");
                    }
                }
                (digest, path) if digest.len() == 64 => {
                    project.files.insert(path.to_owned(), format!("sha256:{digest}"));
                }
                _ => {}
            }
        }
        (!project.owner.is_empty()).then_some(project)
    }

    /// `all up`, or what is not: `db missing, web stopped`.
    pub(crate) fn services<'a>(&self, containers: impl IntoIterator<Item = &'a Container>) -> String {
        if self.pending {
            return "the last up did not end well".to_owned();
        }
        let mut found: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
        for container in containers.into_iter().filter(|container| !container.one_off) {
            found.entry(&container.service).or_default().push(container);
        }
        let names: BTreeSet<&str> = self.services.keys().map(String::as_str).chain(found.keys().copied()).collect();
        let troubles: Vec<_> = names
            .into_iter()
            .filter_map(|name| self.trouble(name, found.get(name).map_or(&[][..], Vec::as_slice)))
            .collect();
        if troubles.is_empty() { ALL_UP.to_owned() } else { troubles.join(", ") }
    }

    fn trouble(&self, name: &str, found: &[&Container]) -> Option<String> {
        let Some(expected) = self.services.get(name) else { return Some(format!("{name} unknown")) };
        if found.is_empty() {
            return Some(format!("{name} missing"));
        }
        if let Some(word) = found.iter().find_map(|container| container.trouble()) {
            return Some(format!("{name} {word}"));
        }
        if found.iter().any(|container| !expected.contains(&container.hash)) {
            return Some(format!("{name} changed by hand"));
        }
        (found.len() != expected.len()).then(|| format!("{name} {} of {}", found.len(), expected.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL_UP, Container, Project};

    fn container(service: &str, status: &str, exit_code: i64, policy: &str) -> Container {
        let line = format!(
            r#""/x" {{"Status":"{status}","ExitCode":{exit_code}}} {{"Name":"{policy}"}} {{"com.docker.compose.project":"site","com.docker.compose.service":"{service}","com.docker.compose.config-hash":"h1"}}"#
        );
        Container::parse(&line).unwrap()
    }

    fn project() -> Project {
        let digest = "ab".repeat(32);
        Project::parse(&format!(
            "owner  {{\"project\":\"shop\"}}\nargument  -p\nservice  db h1\nservice  web h1\n{digest}  a b.txt\nexecutable  a b.txt\n"
        ))
        .unwrap()
    }

    #[test]
    fn what_is_missing_stopped_or_altered_is_named() {
        let (web, db) = (container("web", "running", 0, "no"), container("db", "running", 0, "always"));
        assert_eq!(project().services([&web, &db]), ALL_UP);
        assert_eq!(project().services([&container("web", "exited", 137, "no")]), "db missing, web stopped");
        assert_eq!(project().services([&web, &container("db", "exited", 0, "always")]), "db stopped");
        assert_eq!(project().services([&db, &container("web", "exited", 0, "no")]), ALL_UP, "it has done its work");
        let altered = Container { hash: "h2".into(), ..web.clone() };
        assert_eq!(project().services([&db, &altered]), "web changed by hand");
        assert_eq!(project().services([&db, &web, &web]), "web 2 of 1");
    }

    #[test]
    fn files_and_their_execute_bit_are_read() {
        assert_eq!(project().files["a b.txt"], format!("sha256:{} executable", "ab".repeat(32)));
        assert_eq!(Project::parse("argument  -p\n"), None, "a folder without an owner is not ours");
    }
}
