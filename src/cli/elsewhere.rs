//! Settings that lie elsewhere: behind `cloud-init-url`, and on this computer's CLOUD-INIT drives.

use std::collections::BTreeMap;

use super::args::Global;
use super::error::Error;
use super::project::tell;
use crate::cloud_init::drive::{self, Search};
use crate::cloud_init::{FollowError, Settings, follow};
use crate::config::file::{UserData, is_address};
use crate::config::{Config, Layer, Text};
use crate::dirs::Dirs;
use crate::host::Seen;
use crate::id::Name;
use crate::note::Note;
use crate::report::Style;
use crate::transport::text::{self, Address, Texts};
use crate::value::Path;

const URL: &str = "cloud-init-url";

/// Whether anybody may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    Allowed,
    /// Copies of earlier runs, and files.
    Forbidden,
}

/// Gets texts and tells of those that are old.
pub(super) struct Elsewhere {
    texts: Texts,
    contact: Contact,
    style: Style,
}

/// What stops a run: a finding at its place, or words where nothing was written.
pub(super) enum Stop {
    At(Note),
    Plain(Error),
}

impl Elsewhere {
    pub(super) fn new(dirs: &Dirs, contact: Contact, style: Style) -> Result<Self, Error> {
        let texts = Texts::new(dirs.cache.join("cloud-init"), contact == Contact::Forbidden);
        Ok(Self { texts: texts.map_err(|error| Error::failed(error.to_string()))?, contact, style })
    }

    /// The texts of the last two layers, in their order.
    /// `drives` are those attached to machines.
    pub(super) async fn layers(&self, global: &Global, config: &Config, drives: &Seen) -> Result<Vec<Text>, Stop> {
        let wanted = |layer| !global.exclude_layer.contains(&layer);
        let mut texts = Vec::new();
        if wanted(Layer::CloudInitUrl) {
            texts.extend(self.behind_urls(global, config).await?);
        }
        if wanted(Layer::CloudInitDrive) {
            texts.extend(self.on_drives(global).await.map_err(Stop::Plain)?);
            texts.extend(self.on_machines(config, drives).await.map_err(Stop::Plain)?);
        }
        Ok(texts)
    }

    async fn behind_urls(&self, global: &Global, config: &Config) -> Result<Vec<Text>, Stop> {
        let mut texts = Vec::new();
        if let Some(url) = &global.cloud_init_url {
            let found = self.behind(url, None).await;
            texts.extend(found.map_err(|(message, hint)| Stop::Plain(plain(message, hint)))?);
        }
        for (at, machine, url) in declared(config, global.cloud_init_url.is_some()) {
            let found = self.behind(&url, machine).await;
            texts.extend(found.map_err(|(message, hint)| {
                let note = Note::error(at, message);
                Stop::At(hint.into_iter().fold(note, Note::hint))
            })?);
        }
        Ok(texts)
    }

    /// The settings behind one address. The error is what happened and what to do.
    async fn behind(&self, url: &str, machine: Option<Name>) -> Result<Vec<Text>, (String, Option<&'static str>)> {
        let Some(bytes) = self.part(url).await? else { return Ok(Vec::new()) };
        let name = Address::parse(url).map_or_else(|_| url.to_owned(), |address| address.to_string());
        let found = self.follow(&name, &bytes).await?;
        Ok(texts(Layer::CloudInitUrl, machine.as_ref(), found))
    }

    async fn get(&self, address: &Address) -> Result<Vec<u8>, text::Error> {
        let text = self.texts.get(address).await?;
        if let Some(why) = text.stale {
            self.warn(&format!("an older copy of {address} is used"), Some(&why));
        }
        Ok(text.bytes)
    }

    async fn follow(&self, name: &str, bytes: &[u8]) -> Result<Vec<Settings>, (String, Option<&'static str>)> {
        let fetch = async |address: &str| self.get(&Address::parse(address)?).await;
        follow(name, bytes, fetch).await.map_err(|error| match &error {
            FollowError::Fetch { error: why, .. } => (chain(why), why.hint()),
            _ => (error.to_string(), error.hint()),
        })
    }

    async fn on_drives(&self, global: &Global) -> Result<Vec<Text>, Error> {
        let search = match &global.drives {
            _ if global.no_drives => Search::Nowhere,
            Some(paths) => Search::In(std::env::split_paths(paths).collect()),
            None => Search::Devices,
        };
        let named = matches!(search, Search::In(_));
        let places = global.drives.as_ref().map(|paths| paths.to_string_lossy().into_owned()).unwrap_or_default();
        let looking = tokio::task::spawn_blocking(move || drive::find(&search));
        let found =
            looking.await.map_err(|_| Error::failed("a CLOUD-INIT drive is damaged").hint("try --no-drives"))?;
        if named && found.files.is_empty() && found.troubles.is_empty() {
            self.warn(&format!("no filesystem labelled {} is in {places}", drive::LABEL), None);
        }
        for trouble in found.troubles {
            if named {
                return Err(plain(trouble.to_string(), trouble.hint()));
            }
            self.warn(&trouble.to_string(), trouble.hint());
        }
        let mut texts = Vec::new();
        for file in found.files {
            let found = self.follow(&file.name, &file.bytes).await.map_err(|(message, hint)| plain(message, hint))?;
            texts.extend(self::texts(Layer::CloudInitDrive, None, found));
        }
        Ok(texts)
    }

    async fn on_machines(&self, config: &Config, drives: &Seen) -> Result<Vec<Text>, Error> {
        let mut texts = Vec::new();
        for (machine, files) in drives {
            if !config.file.machines.iter().flatten().any(|(name, _)| name == machine.as_str()) {
                self.warn(
                    &format!("the CLOUD-INIT drive of {machine} is not used"),
                    Some("it is one of several alike"),
                );
                continue;
            }
            for file in files {
                let name = format!("{machine}:{}", file.name);
                let found = self.follow(&name, &file.bytes).await.map_err(|(message, hint)| plain(message, hint))?;
                texts.extend(self::texts(Layer::CloudInitDrive, Some(machine), found));
            }
        }
        Ok(texts)
    }

    /// What the addresses hold that machines name as their user-data, by the addresses as they are written.
    pub(super) async fn user_data(&self, config: &Config) -> Result<BTreeMap<String, Vec<u8>>, Note> {
        let root = Path::root();
        let defaults = config.file.defaults.iter().map(|machine| (root.join("defaults"), machine));
        let machines = config.file.machines.iter().flatten();
        let machines =
            machines.filter_map(|(name, machine)| Some((root.join("machines").join(name), machine.as_ref()?)));
        let mut found = BTreeMap::new();
        for (at, machine) in defaults.chain(machines) {
            for (index, url) in machine.cloud_init.iter().flat_map(UserData::texts).filter(|(_, text)| is_address(text))
            {
                let at = at.join("cloud-init");
                let at = index.map_or_else(|| at.clone(), |index| at.join(index));
                if !found.contains_key(url) {
                    let bytes = self.part(url).await.map_err(|(message, hint)| {
                        let note = Note::error(at, message);
                        hint.into_iter().fold(note, Note::hint)
                    })?;
                    found.extend(bytes.map(|bytes| (url.to_owned(), bytes)));
                }
            }
        }
        Ok(found)
    }

    /// What an address holds; nothing when it was never fetched and nobody may be asked.
    async fn part(&self, url: &str) -> Result<Option<Vec<u8>>, (String, Option<&'static str>)> {
        let address = Address::parse(url).map_err(|error| (error.to_string(), error.hint()))?;
        match self.get(&address).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(text::Error::Offline { .. }) if self.contact == Contact::Forbidden => {
                self.warn(&format!("{address} was never fetched, so it is not checked"), None);
                Ok(None)
            }
            Err(error) => Err((chain(&error), error.hint())),
        }
    }

    fn warn(&self, message: &str, more: Option<&str>) {
        let more = more.map(|more| format!(": {more}")).unwrap_or_default();
        tell(&format!("{} {message}{more}\n", self.style.caution("warning:")));
    }
}

/// Findings about settings from elsewhere that name an elsewhere again: they would never be read.
pub(super) fn nested(config: &Config) -> Vec<Note> {
    let foreign = |at: &Path| config.layer(at).is_some_and(Layer::is_foreign);
    let note = |(at, ..): (Path, Option<Name>, String)| {
        let note = Note::error(at, format!("`{URL}` cannot be set by what another one gives, or by a drive"));
        note.hint("set it in the Machinefile, or use `#include` there")
    };
    let declared = declared(config, false);
    declared.into_iter().filter(|(at, ..)| foreign(at)).map(note).collect()
}

/// Every `cloud-init-url`, and whose settings lie there. One from the command line stands for the project's.
fn declared(config: &Config, given: bool) -> Vec<(Path, Option<Name>, String)> {
    let file = &config.file;
    let root = Path::root();
    let of = |resources: Option<&crate::config::file::Resources>| resources?.cloud_init_url.clone();
    let project = file.cloud_init_url.clone().filter(|_| !given).map(|url| (root.join(URL), None, url));
    let defaults = file.defaults.as_ref().and_then(|machine| of(machine.resources.as_ref()));
    let defaults = defaults.map(|url| (root.join("defaults").join("resources").join(URL), None, url));
    let machines = file.machines.iter().flatten().filter_map(|(name, machine)| {
        let url = of(machine.as_ref()?.resources.as_ref())?;
        let at = root.join("machines").join(name).join("resources").join(URL);
        Some((at, Some(Name::new(name).ok()?), url))
    });
    project.into_iter().chain(defaults).chain(machines).collect()
}

fn texts(layer: Layer, machine: Option<&Name>, found: Vec<Settings>) -> Vec<Text> {
    let text = |settings: Settings| Text {
        layer,
        name: settings.part,
        bytes: settings.text.into_bytes(),
        machine: machine.cloned(),
    };
    found.into_iter().map(text).collect()
}

fn plain(message: String, hint: Option<&'static str>) -> Error {
    let error = Error::failed(message);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn chain(error: &text::Error) -> String {
    crate::transport::http::chain(error)
}
