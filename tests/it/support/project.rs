//! A project folder that is gone after the test, and what its Machinefile comes to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libmachine::config::{self, Config, Environment, Flag, FlagKind, Input, Layer, Text};
use libmachine::desired::{self, Capability, Desired, Driver, Support, Surroundings};
use libmachine::id::Name;
use libmachine::note::Note;
use libmachine::report::{Style, diagnostic};
use libmachine::schema;
use libmachine::value::Value;

/// `qemu` works bare, `cloud` needs settings.
pub(crate) const DRIVERS: [Driver<'static>; 2] = [
    Driver { name: "qemu", needs_settings: false, capabilities: ALL },
    Driver { name: "cloud", needs_settings: true, capabilities: CLOUD },
];

const ALL: &[Capability] = &[
    Capability::new("image", Support::Supported),
    Capability::new("resources.ram", Support::Supported),
    Capability::new("resources.cpus", Support::Supported),
    Capability::new("resources.disks.*", Support::Supported),
    Capability::new("resources.nic.*", Support::Supported),
];

/// A driver that can do little.
const CLOUD: &[Capability] = &[
    Capability::new("image", Support::Supported),
    Capability::new("resources.ram", Support::Supported),
    Capability::new("resources.cpus", Support::Supported),
    Capability::new("resources.disks.*", Support::Supported),
    Capability::new("resources.disks.*.kernel-module", Support::Ignored("its kernels have every module")),
    Capability::new("resources.disks.*.path", Support::Unsupported("files do not go there")),
    Capability::new("resources.nic", Support::Unsupported("its network cards are what they are")),
    Capability::new("cloud-init", Support::Supported),
];

pub(crate) struct Project {
    folder: tempfile::TempDir,
    files: Vec<PathBuf>,
    stdin: Vec<u8>,
    environment: Environment,
    schema: Value,
    texts: Vec<Text>,
    profiles: Vec<String>,
    without: Vec<Layer>,
    flags: Vec<Flag>,
}

impl Project {
    /// A folder called `shop` with nothing in it.
    pub(crate) fn empty() -> Self {
        static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema::machinefile(&[]));
        let folder = tempfile::Builder::new().prefix("machine-").tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("shop")).expect("a folder in it");
        let schema = SCHEMA.clone();
        Self {
            folder,
            files: Vec::new(),
            stdin: Vec::new(),
            environment: Environment::new(),
            schema,
            texts: Vec::new(),
            profiles: Vec::new(),
            without: Vec::new(),
            flags: Vec::new(),
        }
    }

    pub(crate) fn new(machinefile: &str) -> Self {
        Self::empty().file("Machinefile", machinefile)
    }

    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("is in a folder")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
        self
    }

    pub(crate) fn layer(mut self, name: &str) -> Self {
        self.files.push(PathBuf::from(name));
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.into();
        self.layer(config::STDIN)
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A file of the computer's own settings.
    pub(crate) fn global(self, name: &str, text: &str) -> Self {
        self.file(&format!("../etc/{name}"), text)
    }

    /// A file of the user's own settings.
    pub(crate) fn user(self, name: &str, text: &str) -> Self {
        self.file(&format!("../config/{name}"), text)
    }

    pub(crate) fn profile(mut self, name: &str) -> Self {
        self.profiles.push(name.to_owned());
        self
    }

    pub(crate) fn without(mut self, layer: Layer) -> Self {
        self.without.push(layer);
        self
    }

    /// `--set`.
    pub(crate) fn set(mut self, text: &str) -> Self {
        self.flags.push(Flag { name: "--set", text: text.to_owned(), kind: FlagKind::Assignment });
        self
    }

    /// `--exclude-path`.
    pub(crate) fn exclude(mut self, path: &str) -> Self {
        self.flags.push(Flag { name: "--exclude-path", text: path.to_owned(), kind: FlagKind::Exclusion });
        self
    }

    /// A cloud-config that an URL gave or a drive held.
    pub(crate) fn text(mut self, layer: Layer, name: &str, text: &str, machine: Option<&str>) -> Self {
        let machine = machine.map(|name| Name::new(name).expect("a name"));
        self.texts.push(Text { layer, name: name.to_owned(), bytes: text.into(), machine });
        self
    }

    pub(crate) fn schema(mut self, schema: Value) -> Self {
        self.schema = schema;
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    pub(crate) fn load_in(&self, folder: &Path) -> Result<Config, config::Error> {
        let Self { files, stdin, environment, schema, texts, profiles, without, flags, .. } = self;
        let (global, user) = (self.folder.path().join("etc"), self.folder.path().join("config"));
        let (global, user) = (Some(global.as_path()), Some(user.as_path()));
        config::load(&Input {
            folder,
            files,
            stdin,
            environment,
            schema,
            global,
            user,
            profiles,
            without,
            flags,
            texts,
        })
    }

    pub(crate) fn load(&self) -> Result<Config, config::Error> {
        self.load_in(&self.path())
    }

    #[track_caller]
    pub(crate) fn config(&self) -> Config {
        self.load().unwrap_or_else(|error| {
            panic!("{}", self.redacted(&diagnostic::draw(&diagnostic::of_error(error), Style::PLAIN)))
        })
    }

    pub(crate) fn resolve(&self, config: &Config) -> (Option<Desired>, Vec<Note>) {
        let surroundings = Surroundings {
            project: None,
            drivers: &DRIVERS,
            downloads: &BTreeMap::new(),
            environment: &self.environment,
        };
        desired::resolve(config, &surroundings)
    }

    #[track_caller]
    pub(crate) fn desired(&self) -> Desired {
        let config = self.config();
        let (desired, notes) = self.resolve(&config);
        desired.unwrap_or_else(|| panic!("{}", diagnostic::draw(&diagnostic::of_notes(&notes, &config), Style::PLAIN)))
    }

    /// Everything there is to say about the Machinefile, as a user without colours reads it.
    pub(crate) fn findings(&self) -> String {
        let reports = match self.load() {
            Err(error) => diagnostic::of_error(error),
            Ok(config) => {
                let mut reports = diagnostic::of_warnings(&config);
                reports.extend(diagnostic::of_notes(&self.resolve(&config).1, &config));
                reports
            }
        };
        self.redacted(&diagnostic::draw(&reports, Style::PLAIN))
    }

    fn redacted(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "[DIR]")
    }
}
