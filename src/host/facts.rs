//! What a machine is like, gathered by one script in one go.

use std::collections::BTreeMap;

use crate::cloud_init::drive::File;
use crate::host::compose::state::{self, Container, Images, Project};
use crate::host::drives;
use crate::host::engine::force::Force;
use crate::host::filesystem::seen::Disks;
use crate::host::registries::Logins;
use crate::value::Value;

pub(crate) const SCRIPT: &str = include_str!("facts.sh");

/// A package as dpkg knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) held: bool,
}

/// A mounted filesystem on a block device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filesystem {
    pub(crate) kind: String,
    /// Bytes of the device or partition it lies on.
    pub(crate) device: u64,
    /// Bytes it manages; 0 when unknown.
    pub(crate) size: u64,
    /// Whether the partition itself could grow.
    pub(crate) partition_grows: bool,
}

/// A JSON file that may be missing, or not be JSON.
pub(crate) type JsonFile = Result<Option<serde_json::Map<String, Value>>, String>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) os: BTreeMap<String, String>,
    pub(crate) hosts: String,
    /// What registries the machine is known to.
    pub(crate) logins: Logins,
    /// The lines of the login's `authorized_keys`.
    pub(crate) authorized: Vec<String>,
    /// The keys among them that we let in for the Machinefile, and those that we were about to.
    pub(crate) granted: Vec<String>,
    /// What the CLOUD-INIT drives attached to it hold.
    pub(crate) drives: Vec<File>,
    /// Each of cloud-init's templates of `/etc/hosts`; which one it takes depends on the distribution.
    pub(crate) hosts_templates: Vec<String>,
    pub(crate) packages: Vec<Package>,
    /// What `dockerd --version` says, where there is a dockerd.
    pub(crate) dockerd: Option<String>,
    pub(crate) compose: Option<String>,
    /// Whether the engine's unit was active before it was asked for its info.
    active: bool,
    /// `docker info` of an engine that answers.
    pub(crate) info: Option<Value>,
    /// What the engine is told.
    pub(crate) options: Option<JsonFile>,
    /// What of it we have written.
    pub(crate) applied: serde_json::Map<String, Value>,
    /// What the engine goes by.
    pub(crate) force: Force,
    /// By mount point.
    pub(crate) filesystems: BTreeMap<String, Filesystem>,
    pub(crate) disks: Disks,
    pub(crate) containers: Vec<Container>,
    pub(crate) images: Images,
    /// By name; whoever owns them.
    pub(crate) projects: BTreeMap<String, Project>,
}

impl Facts {
    /// Reads the script's output; a missing or damaged section is as if there were nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let sections = sections(text);
        let text = |name: &str| sections.get(name).copied().unwrap_or_default();
        let said = |name: &str| Some(text(name).trim()).filter(|s| !s.is_empty()).map(str::to_owned);
        Self {
            os: os_release(text("os")),
            hosts: text("hosts").to_owned(),
            logins: Logins::new(json_file(text("logins")), text("registries")),
            authorized: text("authorized").lines().map(str::to_owned).collect(),
            granted: text("granted").lines().map(str::to_owned).collect(),
            drives: text("drives").lines().filter_map(drives::file).collect(),
            hosts_templates: sections
                .iter()
                .filter(|(name, _)| name.starts_with("hosts-template "))
                .map(|(_, text)| (*text).to_owned())
                .collect(),
            packages: text("packages").lines().filter_map(package).collect(),
            dockerd: said("docker").and_then(|s| s.lines().nth(1).map(str::to_owned)),
            compose: said("compose-version"),
            active: text("unit").lines().next() == Some("active"),
            info: serde_json::from_str::<Value>(text("info")).ok().filter(answers),
            force: Force::parse(&sections),
            options: Some(json_file(text("daemon.json"))),
            applied: json_file(text("applied.json")).ok().flatten().unwrap_or_default(),
            filesystems: text("filesystems").lines().filter_map(filesystem).collect(),
            disks: Disks::parse(&sections),
            containers: text("containers").lines().filter_map(Container::parse).collect(),
            images: state::images(text("images")),
            projects: sections
                .iter()
                .filter_map(|(name, text)| Some((name.strip_prefix("project ")?.to_owned(), Project::parse(text)?)))
                .collect(),
        }
    }

    /// `debian 13`.
    pub(crate) fn system(&self) -> String {
        let said = |key: &str| self.os.get(key).map_or("?", String::as_str);
        format!("{} {}", said("ID"), said("VERSION_ID"))
    }

    /// Why nothing can be said of the engine: it runs and did not answer in time.
    pub(crate) fn engine_silent(&self) -> Option<String> {
        (self.active && self.info.is_none()).then(|| "the engine does not answer".to_owned())
    }

    /// Whether the engine has options or variables that we have given it.
    pub(crate) fn has_settings_of_ours(&self) -> bool {
        !self.applied.is_empty() || self.force.has_variables()
    }

    /// The engine's own version, by the running engine or else by its program.
    pub(crate) fn engine_version(&self) -> Option<String> {
        let running = self.info.as_ref().and_then(|info| info["ServerVersion"].as_str());
        let installed = || self.dockerd.as_deref()?.strip_prefix("Docker version ")?.split(',').next();
        running.or_else(installed).map(str::to_owned)
    }
}

/// `docker info` prints JSON about the client even when the engine is silent.
fn answers(info: &Value) -> bool {
    info["ServerVersion"].as_str().is_some_and(|version| !version.is_empty())
}

fn sections(text: &str) -> BTreeMap<&str, &str> {
    text.split("\n\u{1e}").filter_map(|section| section.split_once('\n')).collect()
}

fn os_release(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect()
}

fn package(line: &str) -> Option<Package> {
    let [name, "installed", want, version] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    Some(Package { name: name.to_owned(), version: version.to_owned(), held: want == "hold" })
}

fn filesystem(line: &str) -> Option<(String, Filesystem)> {
    let [target, kind, device, size, partition] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let filesystem = Filesystem {
        kind: kind.to_owned(),
        device: device.parse().ok()?,
        size: size.parse().ok()?,
        partition_grows: partition.starts_with("CHANGE"),
    };
    Some((target.to_owned(), filesystem))
}

fn json_file(text: &str) -> JsonFile {
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::Facts;

    #[test]
    fn every_section_is_read() {
        let facts = Facts::parse(concat!(
            "\n\x1eos\nID=debian\nVERSION_ID=\"13\"\n",
            "\n\x1epackages\ndocker.io installed hold 26.1.5+dfsg1-9\ndocker-compose config-files deinstall 2.26.1-4\n",
            "\n\x1edocker\n/usr/sbin/dockerd\nDocker version 26.1.5+dfsg1, build 411e817\n",
            "\n\x1einfo\n{\"ServerVersion\":\"\",\"ServerErrors\":[\"Cannot connect\"]}\n",
            "\n\x1edaemon.json\n{\"debug\":true}\n\n\x1eapplied.json\n\n\x1efilesystems\n/ ext4 1000 900 CHANGE\n\n\x1eend\n",
        ));
        assert_eq!(facts.system(), "debian 13");
        assert_eq!(facts.packages.len(), 1);
        assert!(facts.packages[0].held);
        assert_eq!(facts.engine_version().as_deref(), Some("26.1.5+dfsg1"));
        assert!(facts.info.is_none(), "an engine that does not answer has no info");
        assert_eq!(facts.options.unwrap().unwrap().unwrap()["debug"], true);
        assert!(facts.applied.is_empty());
        assert!(facts.filesystems["/"].partition_grows);
    }

    #[test]
    fn an_empty_machine_has_no_facts_rather_than_wrong_ones() {
        let facts = Facts::parse("\n\x1eos\n\n\x1edaemon.json\n{ broken\n\n\x1eend\n");
        assert_eq!(facts.engine_version(), None);
        assert!(facts.options.unwrap().is_err());
        assert!(facts.projects.is_empty() && facts.containers.is_empty());
    }
}
