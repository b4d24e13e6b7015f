//! A project as every command needs it: loaded, resolved, expanded, with its findings told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::CommandFactory as _;
use tokio_util::sync::CancellationToken;

use super::args::{Args, Global};
use super::elsewhere::{self, Contact, Elsewhere, Stop};
use super::error::Error;
use super::settings;
use super::terminal::{self, Stream};
use crate::catalog::{self, Catalog};
use crate::config::{self, Config, FlagKind};
use crate::desired::{self, Desired, Protocol};
use crate::dirs::Dirs;
use crate::host::Seen;
use crate::id::{Name, Owner};
use crate::keyring::{Cipher, Keyring};
use crate::note::{Note, has_errors, suggestion};
use crate::plan::Allowed;
use crate::provider::DRIVERS;
use crate::reconcile::{Goal, Proposal, Request, propose};
use crate::report::{Face, First, Pulse, Style, diagnostic};
use crate::resource::{Context, Failure, Limits, Outputs, Progress};
use crate::saved::Basis;
use crate::store::{Place, Postgres, Target};
use crate::transport::quote;

/// What takes longer than this is told of.
const SOON: Duration = Duration::from_millis(80);

/// Prints data. A reader that closed the pipe has had enough.
pub(super) fn say(text: &str) {
    _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Prints narration.
pub(super) fn tell(text: &str) {
    _ = std::io::stderr().lock().write_all(text.as_bytes());
}

pub(super) struct Project {
    pub(super) desired: Desired,
    pub(super) catalog: Catalog,
    pub(super) dirs: Dirs,
    pub(super) place: Place,
    pub(super) keyring: Arc<Keyring>,
    texts: BTreeMap<String, String>,
    pub(super) config: Config,
    /// Warnings about what the settings mean.
    pub(super) notes: Vec<Note>,
    pub(super) contact: Contact,
    /// The settings on machines' drives that it was made with.
    pub(super) drives: Seen,
    /// What may be asked of whom, and for how long.
    limits: Limits,
    /// What there was to say about it.
    pub(super) said: String,
    /// The flags that say what the project is, for the command that goes on from here.
    words: Vec<String>,
    style: Style,
}

/// What could not be made of a project.
pub(super) struct Broken {
    pub(super) error: Error,
    /// What was written, where that could be read.
    pub(super) config: Option<Config>,
}

impl Project {
    /// Loads what the flags name. Warnings are told; errors come back drawn, all of them.
    pub(super) async fn load(global: &Global) -> Result<Self, Error> {
        let project = Self::remembering(global, Contact::Allowed, terminal::face(global)).await?;
        tell(&project.said);
        Ok(project)
    }

    /// The same without contacting anybody.
    pub(super) async fn load_offline(global: &Global) -> Result<Self, Error> {
        let project = Self::remembering(global, Contact::Forbidden, terminal::face(global)).await?;
        tell(&project.said);
        Ok(project)
    }

    /// The same as [`Project::load`], for who reads it again and again and says so in its own words.
    pub(super) async fn load_silently(global: &Global) -> Result<Self, Error> {
        Self::remembering(global, Contact::Allowed, Face::Quiet).await
    }

    async fn remembering(global: &Global, contact: Contact, face: Face) -> Result<Self, Error> {
        let reading = reading(face);
        let project = Self::read(global, contact, Seen::new()).await?;
        drop(reading);
        project.remembered(global).await
    }

    /// As [`Project::load`]; the settings are there even when they make no sense.
    pub(super) async fn load_or_settings(global: &Global) -> Result<Self, Box<Broken>> {
        let reading = reading(terminal::face(global));
        let project = Box::pin(Self::attempt(global, Contact::Allowed, Seen::new())).await?;
        drop(reading);
        let project = project.remembered(global).await.map_err(|error| Box::new(Broken { error, config: None }))?;
        tell(&project.said);
        Ok(project)
    }

    /// With the settings on machines' drives that an earlier run saw.
    async fn remembered(self, global: &Global) -> Result<Self, Error> {
        let remembered = self.remembered_drives();
        if remembered.is_empty() { Ok(self) } else { self.with_drives(global, remembered).await }
    }

    pub(super) async fn read(global: &Global, contact: Contact, drives: Seen) -> Result<Self, Error> {
        Box::pin(Self::attempt(global, contact, drives)).await.map_err(|broken| broken.error)
    }

    async fn attempt(global: &Global, contact: Contact, drives: Seen) -> Result<Self, Box<Broken>> {
        let style = terminal::style(global, Stream::Error);
        let unread = |error| Box::new(Broken { error, config: None });
        let dirs = Dirs::from_env().ok_or_else(|| unread(Error::failed("there is no home folder").hint("set HOME")))?;
        let environment = config::environment();
        let mut said = misspelt(&environment, style);
        let elsewhere = Elsewhere::new(&dirs, contact, style).map_err(unread)?;
        let config = read(global, &dirs, &environment, &elsewhere, &drives, style).await;
        let config = config.map_err(|error| unread(error.after(&said)))?;
        said.push_str(&diagnostic::draw(&diagnostic::of_warnings(&config), style));
        let meaning = Meaning::of(global, &config, &dirs, &environment, &elsewhere, &mut said).await;
        let meaning = match meaning {
            Ok(meaning) => meaning,
            Err(error) => return Err(Box::new(Broken { error: error.after(&said), config: Some(config) })),
        };
        let Meaning { desired, catalog, place, keyring, notes } = meaning;
        let texts = config.contents();
        let words = words(global);
        let limits = catalog::limits(&desired);
        Ok(Self {
            desired,
            catalog,
            dirs,
            place,
            keyring,
            texts,
            config,
            notes,
            contact,
            drives,
            limits,
            said,
            words,
            style,
        })
    }

    /// What was asked of providers on behalf of an earlier reading still counts.
    pub(super) fn going_on_from(self, earlier: &Self) -> Self {
        Self { limits: self.limits.going_on_from(&earlier.limits), ..self }
    }

    /// Tells that a look goes on, until it is dropped.
    pub(super) fn looking(&self, face: Face) -> Pulse {
        let (machines, providers) = self.size();
        Pulse::looking(face, machines, providers)
    }

    /// Machines and providers.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.catalog.machines.len(), self.catalog.providers.len())
    }

    /// What a saved plan is bound to before anything is looked at.
    pub(super) fn basis(&self) -> Basis<'_> {
        Basis { owner: self.owner(), catalog: &self.catalog, texts: self.texts.clone() }
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.desired.owner
    }

    /// Findings about it, at their places.
    pub(super) fn at(&self, notes: &[Note]) -> Error {
        at(&self.config, notes, self.style)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.dirs.state.join(self.owner().slug())
    }

    /// After everything else is gone: our memory of it. What cannot be removed is found and used by the next run.
    pub(super) async fn remove_state(&self) {
        self.place.clear().await;
        // Once only: the next run may hold its lock in a new folder of the same name already.
        if matches!(self.place, Place::Shared(_)) {
            _ = std::fs::remove_dir_all(self.folder());
        }
    }

    pub(super) fn context(&self, cancel: CancellationToken) -> Context {
        Context {
            owner: self.owner().clone(),
            outputs: Outputs::default(),
            progress: Progress::silent(),
            limits: self.limits.clone(),
            cancel,
            token: String::new(),
        }
    }

    /// Looks and plans without changing anything, and tells what could not be seen. Settings on drives that are found on the
    /// way become the project's own.
    pub(super) async fn propose(&mut self, global: &Global, request: &Request) -> Result<Proposal, Error> {
        let mut proposal = self.look(request, terminal::face(global)).await?;
        if request.goal == Goal::Up
            && let Some(revised) = self.revised(global, Some(&proposal)).await?
        {
            *self = revised;
            proposal = self.look(request, terminal::face(global)).await?;
        }
        self.warn_blind(&proposal.sight.blind);
        Ok(proposal)
    }

    async fn look(&self, request: &Request, face: Face) -> Result<Proposal, Error> {
        let cx = self.context(super::interrupt::token());
        let _looking = self.looking(face);
        let store = self.place.look().await?;
        let looking = propose(&self.catalog, request, store.as_deref(), &cx);
        tokio::select! {
            proposal = looking => Ok(proposal?),
            () = cx.cancel.cancelled() => Err(Error::interrupted()),
        }
    }

    /// Tells which sources could not be listed.
    pub(super) fn warn_blind(&self, blind: &[(String, Failure)]) {
        for (source, failure) in blind {
            let warning = self.style.caution("warning:");
            tell(&format!(
                "{warning} {source} cannot be listed, what is no longer wanted there is not seen: {failure}\n"
            ));
        }
    }

    /// Says which flags that allow a loss name nothing.
    pub(super) fn warn_unmatched(&self, proposal: &Proposal, allowed: &Allowed) {
        let flags = [("--allow-replace", &allowed.replace), ("--allow-destroy", &allowed.destroy)];
        for (flag, patterns) in flags {
            for (pattern, hint) in proposal.unmatched(patterns) {
                let warning = self.style.caution("warning:");
                tell(&format!("{warning} {flag} {} names nothing of this project: {hint}\n", pattern.as_str()));
            }
        }
    }

    /// The command line that runs `verb` on this project again.
    pub(super) fn command(&self, verb: &str) -> String {
        let mut words = vec!["machine".to_owned()];
        words.extend(self.words.iter().cloned());
        format!("{} {verb}", quote::line(&words))
    }

    /// The one machine that `machines.web` or `web` means.
    pub(super) fn machine_called(&self, written: &str) -> Result<Name, Error> {
        let name = written.strip_prefix("machines.").unwrap_or(written);
        match &self.machines_named(&[name.to_owned()])?[..] {
            [one] => Ok(one.clone()),
            several => {
                let names: Vec<_> = several.iter().map(Name::as_str).collect();
                Err(Error::usage(format!("`{name}` is several machines"))
                    .hint(format!("name one: {}", names.join(", "))))
            }
        }
    }

    /// The machines meant by names on the command line; a counted machine's name means all its members.
    pub(super) fn machines_named(&self, names: &[String]) -> Result<Vec<Name>, Error> {
        let mut found = Vec::new();
        for name in names {
            let is_member = |full: &str| {
                full == name
                    || full.strip_prefix(name.as_str()).is_some_and(|rest| {
                        rest.trim_start_matches('-').parse::<u32>().is_ok() && rest.starts_with('-')
                    })
            };
            let before = found.len();
            found.extend(self.desired.machines.keys().filter(|full| is_member(full.as_str())).cloned());
            if found.len() == before {
                let known = suggestion(name, self.desired.machines.keys().map(Name::as_str));
                return Err(Error::usage(format!("there is no machine `{name}`")).hint(known));
            }
        }
        Ok(found)
    }

    /// A line per forwarded TCP port: where to look from here.
    pub(super) fn urls(&self) -> String {
        let mut text = String::new();
        for machine in self.desired.machines.values() {
            for port in machine.ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
                _ = writeln!(text, "{}: http://{}:{}", machine.name, port.address, port.port);
            }
        }
        text
    }
}

/// What the settings come to.
struct Meaning {
    desired: Desired,
    catalog: Catalog,
    place: Place,
    keyring: Arc<Keyring>,
    notes: Vec<Note>,
}

impl Meaning {
    async fn of(
        global: &Global,
        config: &Config,
        dirs: &Dirs,
        environment: &config::Environment,
        elsewhere: &Elsewhere,
        said: &mut String,
    ) -> Result<Self, Error> {
        let style = terminal::style(global, Stream::Error);
        let downloads = elsewhere.user_data(config).await.map_err(|note| at(config, &[note], style))?;
        let surroundings = desired::Surroundings {
            project: global.project_name.as_deref(),
            drivers: &catalog::drivers(),
            downloads: &downloads,
            environment,
        };
        let (desired, mut notes) = desired::resolve(config, &surroundings);
        let desired = accept(config, desired, &notes, style, said)?;
        let place = place(global, environment, dirs, &desired)?;
        let keyring = keyring(&place, environment, dirs, &desired)?;
        let (catalog, more) = match catalog::expand(&desired, dirs, &keyring) {
            Ok((catalog, notes)) => (Some(catalog), notes),
            Err(notes) => (None, notes),
        };
        let catalog = accept(config, catalog, &more, style, said)?;
        notes.extend(more);
        Ok(Self { desired, catalog, place, keyring, notes })
    }
}

/// Said when it takes longer than a moment.
fn reading(face: Face) -> Pulse {
    Pulse::start(face, "reading the Machinefile", First::After(SOON))
}

/// Variables that may be meant for us and are read by nobody.
fn misspelt(environment: &config::Environment, style: Style) -> String {
    let warning = style.caution("warning:");
    let found = settings::misspelt(&Args::command(), environment);
    found.iter().fold(String::new(), |mut text, (name, meant)| {
        _ = writeln!(text, "{warning} {name} is not read; did you mean {meant}?");
        text
    })
}

/// The holder of the project's secrets. What was kept here before a team shared them moves there.
fn keyring(
    place: &Place,
    environment: &config::Environment,
    dirs: &Dirs,
    desired: &Desired,
) -> Result<Arc<Keyring>, Error> {
    let cipher = Cipher::new(&desired.store.encrypt_to, environment, dirs)
        .map_err(|why| Error::failed(format!("store.encrypt-to: {why}")))?;
    let keyring = Keyring::new(place.vault(), cipher);
    let here = || Place::Folder(dirs.state.join(desired.owner.slug())).vault();
    Ok(Arc::new(if matches!(place, Place::Shared(_)) { keyring.taking_over(here()) } else { keyring }))
}

/// Where the project's records and secrets are.
fn place(global: &Global, environment: &config::Environment, dirs: &Dirs, desired: &Desired) -> Result<Place, Error> {
    let slug = desired.owner.slug();
    let Some(address) = global.store.as_ref().or(desired.store.postgres.as_ref()) else {
        return Ok(Place::Folder(dirs.state.join(slug)));
    };
    let target = Target::parse(address, environment.get("PGPASSWORD").map(String::as_str))
        .map_err(|why| Error::usage(format!("the address of the store cannot be used: {why}")))?;
    Ok(Place::Shared(Arc::new(Postgres::new(target.lease(desired.store.lease), &slug))))
}

/// Findings that stop a run, at their places.
fn at(config: &Config, notes: &[Note], style: Style) -> Error {
    Error::drawn(diagnostic::draw(&diagnostic::of_notes(notes, config), style))
}

/// Reads twice where settings lie elsewhere: what was read first says where.
async fn read(
    global: &Global,
    dirs: &Dirs,
    environment: &config::Environment,
    elsewhere: &Elsewhere,
    drives: &Seen,
    style: Style,
) -> Result<Config, Error> {
    let folder =
        std::env::current_dir().map_err(|why| Error::failed(format!("cannot tell the working folder: {why}")))?;
    let mut stdin = Vec::new();
    if global.files.iter().any(|file| file.as_os_str() == config::STDIN) {
        let mut input = std::io::stdin().lock();
        input.read_to_end(&mut stdin).map_err(|why| Error::failed(format!("cannot read standard input: {why}")))?;
    }
    let flags = flags(global);
    let mut input = config::Input {
        global: Some(&dirs.global),
        user: Some(&dirs.config),
        profiles: &global.profiles,
        without: &global.exclude_layer,
        flags: &flags,
        folder: &folder,
        files: &global.files,
        stdin: &stdin,
        environment,
        schema: &crate::schema::machinefile(DRIVERS),
        texts: &[],
    };
    let drawn = |error| Error::drawn(diagnostic::draw(&diagnostic::of_error(error), style));
    let mut config = config::load(&input).map_err(drawn)?;
    let so_far =
        |error: Error, config: &Config| error.after(&diagnostic::draw(&diagnostic::of_warnings(config), style));
    let texts = elsewhere.layers(global, &config, drives).await.map_err(|stop| match stop {
        Stop::At(note) => so_far(at(&config, &[note], style), &config),
        Stop::Plain(error) => so_far(error, &config),
    })?;
    if !texts.is_empty() {
        input.texts = &texts;
        config = config::load(&input).map_err(drawn)?;
    }
    let nested = elsewhere::nested(&config);
    if !nested.is_empty() {
        return Err(so_far(at(&config, &nested, style), &config));
    }
    Ok(config)
}

/// The flags that say what the project is, as they are typed.
fn words(global: &Global) -> Vec<String> {
    let flag = |name: &'static str| move |text: String| [name.to_owned(), text];
    let files = global.files.iter().map(|file| file.display().to_string()).flat_map(flag("-f"));
    let layers = global.exclude_layer.iter().map(ToString::to_string).flat_map(flag("--exclude-layer"));
    let schema = crate::schema::machinefile(DRIVERS);
    let set: Vec<_> = global.set.iter().map(|text| config::without_secret(&schema, text)).collect();
    let several = [("--profile", &global.profiles), ("--exclude-path", &global.exclude_path), ("--set", &set)];
    let several = several.into_iter().flat_map(|(name, texts)| texts.iter().cloned().flat_map(flag(name)));
    let name = global.project_name.iter().cloned().flat_map(flag("-p"));
    files.chain(layers).chain(several).chain(name).collect()
}

/// The flags that stand for settings.
fn flags(global: &Global) -> Vec<config::Flag> {
    let flag = |name, kind: FlagKind| move |text: &String| config::Flag { name, text: text.clone(), kind };
    let excluded = global.exclude_path.iter().map(flag("--exclude-path", FlagKind::Exclusion));
    let named = global.project_name.iter().map(flag("--project-name", FlagKind::Value("name")));
    // Of two that set one thing the later counts: a flag of its own more than `--set`.
    excluded.chain(global.set.iter().map(flag("--set", FlagKind::Assignment))).chain(named).collect()
}

/// What a stage gave, unless its findings stop the run.
fn accept<T>(config: &Config, value: Option<T>, notes: &[Note], style: Style, said: &mut String) -> Result<T, Error> {
    let text = diagnostic::draw(&diagnostic::of_notes(notes, config), style);
    match value {
        Some(value) if !has_errors(notes) => {
            said.push_str(&text);
            Ok(value)
        }
        _ => Err(Error::drawn(text)),
    }
}
