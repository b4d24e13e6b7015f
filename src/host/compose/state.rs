//! What is there of a compose project on a machine, and whether it is all up.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::compose::bundle::{LINK, digest_of};
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
    /// What it runs, and the name that this was taken from.
    image: String,
    image_name: String,
}

impl Container {
    /// From a line of JSON values: name, state, restart policy, labels, image and the image's name.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let values: Vec<Value> = serde_json::Deserializer::from_str(line).into_iter().collect::<Result<_, _>>().ok()?;
        let [_name, state, policy, labels, image, image_name] = &values[..] else { return None };
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
            image: image.as_str()?.to_owned(),
            image_name: image_name.as_str()?.to_owned(),
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

/// The image that each name stands for on a machine now.
pub(crate) type Images = BTreeMap<String, String>;

/// From lines of an id and a name.
pub(crate) fn images(text: &str) -> Images {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(id, name)| (name.to_owned(), id.to_owned())).collect()
}

/// A name as the engine lists it: `docker.io/library/nginx` is `nginx:latest`.
fn listed(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if has_tag { name.to_owned() } else { format!("{name}:latest") }
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
    /// What each image that came in an archive was there, and what the engine calls it since.
    loaded: BTreeMap<String, (String, String)>,
    /// The last `up` has not ended well.
    pending: bool,
}

impl Project {
    /// From its section of the facts; `None` without an owner.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut project, mut link) = (Self::default(), None);
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
                ("image", image) => {
                    let [name, digest, id] = image.split(' ').collect::<Vec<_>>()[..] else { continue };
                    project.loaded.insert(name.to_owned(), (digest.to_owned(), id.to_owned()));
                }
                ("link", path) => link = Some(path.to_owned()),
                ("target", target) => _ = project.files.insert(link.take()?, format!("{LINK}{target}")),
                (mode, path) if mode.starts_with("mode ") => {
                    if let Some(digest) = project.files.get_mut(path) {
                        let hex = digest.trim_start_matches("sha256:");
                        *digest = digest_of(hex, u32::from_str_radix(&mode[5..], 8).ok()?);
                    }
                }
                (digest, path) if digest.len() == 64 => {
                    project.files.insert(path.to_owned(), digest_of(digest, 0o644));
                }
                _ => {}
            }
        }
        (!project.owner.is_empty()).then_some(project)
    }

    /// What each of the images that came in archives, and of those `wanted`, is now: the digest that it has in an archive, or
    /// else what the engine calls it. One that is not there is missing.
    pub(crate) fn images<'a>(
        &'a self,
        wanted: impl Iterator<Item = &'a String>,
        images: &Images,
    ) -> BTreeMap<&'a str, String> {
        let names: BTreeSet<&String> = self.loaded.keys().chain(wanted).collect();
        let image = |name: &'a String| {
            let now = images.get(&listed(name))?;
            let loaded = self.loaded.get(name).filter(|(_, id)| id == now);
            Some((name.as_str(), loaded.map_or(now, |(digest, _)| digest).clone()))
        };
        names.into_iter().filter_map(image).collect()
    }

    /// `all up`, or what is not: `db missing, web stopped`.
    pub(crate) fn services<'a>(&self, containers: impl IntoIterator<Item = &'a Container>, images: &Images) -> String {
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
            .filter_map(|name| self.trouble(name, found.get(name).map_or(&[][..], Vec::as_slice), images))
            .collect();
        if troubles.is_empty() { ALL_UP.to_owned() } else { troubles.join(", ") }
    }

    fn trouble(&self, name: &str, found: &[&Container], images: &Images) -> Option<String> {
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
        let moved = |container: &&&Container| {
            images.get(&listed(&container.image_name)).is_some_and(|image| *image != container.image)
        };
        if let Some(container) = found.iter().find(moved) {
            return Some(format!("{name} runs an earlier {}", container.image_name));
        }
        (found.len() != expected.len()).then(|| format!("{name} {} of {}", found.len(), expected.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL_UP, Container, Images, Project, images};

    fn container(service: &str, status: &str, exit_code: i64, policy: &str) -> Container {
        let line = format!(
            r#""/x" {{"Status":"{status}","ExitCode":{exit_code}}} {{"Name":"{policy}"}} {{"com.docker.compose.project":"site","com.docker.compose.service":"{service}","com.docker.compose.config-hash":"h1"}} "sha256:1" "{service}""#
        );
        Container::parse(&line).unwrap()
    }

    fn project() -> Project {
        let digest = "ab".repeat(32);
        Project::parse(&format!(
            "owner  {{\"project\":\"shop\"}}\nargument  -p\nservice  db h1\nservice  web h1\n{digest}  a b.txt\n{digest}  c\nmode 755  a b.txt\nmode 600  c\nlink  l\ntarget  a  b\n"
        ))
        .unwrap()
    }

    #[test]
    fn what_is_missing_stopped_or_altered_is_named() {
        let (web, db) = (container("web", "running", 0, "no"), container("db", "running", 0, "always"));
        assert_eq!(project().services([&web, &db], &Images::new()), ALL_UP);
        assert_eq!(
            project().services([&container("web", "exited", 137, "no")], &Images::new()),
            "db missing, web stopped"
        );
        assert_eq!(project().services([&web, &container("db", "exited", 0, "always")], &Images::new()), "db stopped");
        assert_eq!(
            project().services([&db, &container("web", "exited", 0, "no")], &Images::new()),
            ALL_UP,
            "it has done its work"
        );
        let altered = Container { hash: "h2".into(), ..web.clone() };
        assert_eq!(project().services([&db, &altered], &Images::new()), "web changed by hand");
        assert_eq!(project().services([&db, &web, &web], &Images::new()), "web 2 of 1");
        assert_eq!(project().services([&db, &container("web", "paused", 0, "no")], &Images::new()), "web paused");
    }

    #[test]
    fn an_image_that_was_made_anew_under_its_name_is_noticed() {
        let all = [&container("web", "running", 0, "no"), &container("db", "running", 0, "always")];
        assert_eq!(project().services(all, &images("sha256:1 web:latest\nsha256:2 other:latest\n")), ALL_UP);
        assert_eq!(project().services(all, &images("sha256:2 web:latest\n")), "web runs an earlier web");
        assert_eq!(super::listed("docker.io/library/nginx"), "nginx:latest");
        assert_eq!(super::listed("localhost:5000/a"), "localhost:5000/a:latest");
    }

    #[test]
    fn files_with_what_counts_of_their_modes_and_links_are_read() {
        let files = project().files;
        assert_eq!(files["a b.txt"], format!("sha256:{} executable", "ab".repeat(32)));
        assert_eq!(files["c"], format!("sha256:{} private", "ab".repeat(32)));
        assert_eq!(files["l"], "link to a  b");
        assert_eq!(Project::parse("argument  -p\n"), None, "a folder without an owner is not ours");
    }
}
