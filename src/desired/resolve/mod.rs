//! What the configuration means: defaults, inheritance, members of counted machines, paths, names.

mod capabilities;
mod compose;
mod disks;
mod engine;
mod ignore;
mod image;
mod machine;
mod moved;
mod order;
mod rollout;
mod user_data;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, Environment, file};
use crate::desired::{Capability, Desired, Machine, Provider, Store, address, check, quantity};
use crate::id::{InvalidName, Name, Owner};
use crate::note::{self, Note};
use crate::value::Path;

/// A driver as far as a Machinefile knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driver<'a> {
    pub name: &'a str,
    /// Whether it has a setting that must be given: then it cannot be used by its own name.
    pub needs_settings: bool,
    /// How it takes each setting of a machine.
    pub capabilities: &'a [Capability],
}

/// What a Machinefile's meaning depends on beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// `--project-name`: wins over the file's `name`.
    pub project: Option<&'a str>,
    pub drivers: &'a [Driver<'a>],
    /// What the addresses that machines name as their user-data hold.
    pub downloads: &'a BTreeMap<String, Vec<u8>>,
    /// `HOME` is what `~/` means.
    pub environment: &'a Environment,
}

/// Decides everything. The project is there unless a note is an error; warnings come with it.
#[must_use]
pub fn resolve(config: &Config, surroundings: &Surroundings<'_>) -> (Option<Desired>, Vec<Note>) {
    let mut scope = Scope { config, surroundings, notes: Vec::new(), providers: BTreeMap::new() };
    let owner = owner(&mut scope);
    let (mut machines, members) = machines(&mut scope);
    // A provider that no machine names any more may still hold some that it has to be asked for.
    for name in config.file.providers.iter().flat_map(|providers| providers.keys()) {
        let before = scope.notes.len();
        scope.provider(name, &Path::parse("providers").join(name));
        // Those that machines name have been judged with their machines.
        let again = scope.notes.split_off(before);
        scope.notes.extend(again.into_iter().filter(|note| !scope.notes.contains(note)).collect::<Vec<_>>());
    }
    let moved = moved::names(&mut scope, &machines, &members);
    for (name, olds) in &moved {
        machines.get_mut(name).expect("only machines that are there are moved").former.clone_from(olds);
    }
    let compose = compose::projects(&mut scope, &members);
    let providers = std::mem::take(&mut scope.providers);
    let inherited = config.file.defaults.as_ref().and_then(|defaults| defaults.timeouts.clone()).unwrap_or_default();
    let timeouts = machine::timeouts(&mut scope, &inherited, &Path::parse("defaults.timeouts"));
    let mut notes = scope.notes;
    let store = store(config, &mut notes);
    let groups = order::groups(&machines, &members);
    let contexts = config.file.contexts.unwrap_or_default();
    let desired = owner.map(|owner| Desired {
        fleets: rollout::fleets(&config.file, &owner.project, &machines, &members),
        owner,
        store,
        providers,
        machines,
        groups,
        moved,
        timeouts,
        contexts,
        compose,
    });
    notes.extend(desired.iter().flat_map(check));
    // What follows from a fault that was reported already is not said again.
    notes.retain(|note| !config.faults.iter().any(|fault| are_related(fault, &note.path)));
    (desired.filter(|_| config.problems.is_empty() && !note::has_errors(&notes)), notes)
}

fn store(config: &Config, notes: &mut Vec<Note>) -> Store {
    let written = config.file.store.clone().unwrap_or_default();
    let at = Path::parse("store");
    let lease = written.lease.as_deref().map_or(Some(Store::LEASE), quantity::duration);
    if lease.is_none_or(|lease| lease < Duration::from_secs(1)) {
        notes.push(Note::error(at.join("lease"), "a lease is at least a second: `20s`"));
    }
    let account = written.postgres.as_deref().and_then(|address| address.split_once("://")?.1.split_once('@'));
    if account.is_some_and(|(account, _)| account.contains(':')) {
        let hint = "give it as PGPASSWORD, or the whole address as MACHINE_STORE";
        notes.push(Note::error(at.join("postgres"), "a password does not belong in the Machinefile").hint(hint));
    }
    Store {
        postgres: written.postgres,
        lease: lease.unwrap_or(Store::LEASE),
        encrypt_to: written.encrypt_to.unwrap_or_default(),
    }
}

fn are_related(one: &Path, other: &Path) -> bool {
    one.keys().starts_with(other.keys()) || other.keys().starts_with(one.keys())
}

/// What is known while the parts are resolved, and what was found.
pub(super) struct Scope<'a> {
    pub(super) config: &'a Config,
    pub(super) surroundings: &'a Surroundings<'a>,
    pub(super) notes: Vec<Note>,
    pub(super) providers: BTreeMap<Name, Provider>,
}

impl Scope<'_> {
    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// A name as it is written at a path, or a note there.
    pub(super) fn name(&mut self, text: &str, at: &Path) -> Option<Name> {
        let invalid = |InvalidName(text)| {
            let hint = "use lower-case letters, digits and `-`, start with a letter, at most 63 characters";
            Note::error(at.clone(), format!("`{text}` is not a name")).hint(hint)
        };
        Name::new(text).map_err(|error| self.notes.push(invalid(error))).ok()
    }

    /// Where the value in effect at a path is written, in words: `Machinefile.yaml:7`.
    pub(super) fn place(&self, at: &Path) -> String {
        let origin = self.config.nearest_origin(at);
        format!("{}:{}", origin.source.name, origin.line_column().0)
    }

    /// A path as written at `at`: absolute, from the folder of the file that names it; `~/` is the home folder.
    pub(super) fn path(&self, written: &str, at: &Path) -> PathBuf {
        let home = self.surroundings.environment.get("HOME");
        if let (Some(rest), Some(home)) = (written.strip_prefix("~/"), home) {
            return PathBuf::from(home).join(rest);
        }
        // Components collected anew, so that `./` does not linger in what users read.
        self.config.base(at).join(written).components().collect()
    }

    /// A machine's provider, entered into the providers in use.
    pub(super) fn provider(&mut self, written: &str, at: &Path) -> Option<Name> {
        let name = self.name(written, at)?;
        if self.providers.contains_key(&name) {
            return Some(name);
        }
        let known = |driver: &&Driver<'_>| driver.name == written;
        let declared = self.config.file.providers.as_ref().and_then(|providers| providers.get(written));
        let provider = match (declared, self.surroundings.drivers.iter().find(known)) {
            (Some(declared), _) => self.declared(&name, declared)?,
            (None, Some(Driver { needs_settings: false, .. })) => Provider {
                driver: written.to_owned(),
                settings: BTreeMap::new(),
                base: self.config.folder.clone(),
                at: at.clone(),
                name: name.clone(),
            },
            (None, Some(_)) => {
                let note = Note::error(at.clone(), format!("driver `{written}` needs settings"));
                let hint = format!("declare it: `providers: {{ {written}: {{ driver: {written}, … }} }}`");
                self.note(note.hint(hint));
                return None;
            }
            (None, None) => {
                self.unknown_provider(written, at);
                return None;
            }
        };
        self.providers.insert(name.clone(), provider);
        Some(name)
    }

    fn declared(&mut self, name: &Name, declared: &file::Provider) -> Option<Provider> {
        let at = Path::root().join("providers").join(name);
        let driver = declared.driver()?;
        if !self.surroundings.drivers.iter().any(|known| known.name == driver) {
            let names: Vec<_> = self.surroundings.drivers.iter().map(|driver| driver.name).collect();
            let note = Note::error(at.join(file::Provider::DRIVER), format!("unknown driver `{driver}`"));
            self.note(note.hint(note::suggestion(driver, names)));
            return None;
        }
        let mut settings = declared.0.clone();
        settings.remove(file::Provider::DRIVER);
        for (key, setting) in &mut settings {
            // A secret's file is beside the text that names it, wherever the rest of the provider is written.
            if let Some(file) = setting.get_mut("file")
                && let Some(path) = file.as_str()
            {
                *file = self.path(path, &at.join(key).join("file")).display().to_string().into();
            }
        }
        let base = self.config.base(&at).to_owned();
        Some(Provider { name: name.clone(), driver: driver.to_owned(), settings, base, at })
    }

    fn unknown_provider(&mut self, written: &str, at: &Path) {
        let declaration = Path::parse("providers").join(written);
        if self.config.faults.iter().any(|fault| are_related(fault, &declaration)) {
            // It is declared, and what is wrong with that was said.
            return;
        }
        let declared = self.config.file.providers.iter().flat_map(BTreeMap::keys).map(String::as_str);
        let bare = self.surroundings.drivers.iter().filter(|driver| !driver.needs_settings).map(|driver| driver.name);
        let known: BTreeSet<_> = declared.chain(bare).collect();
        let note = Note::error(at.clone(), format!("unknown provider `{written}`"));
        self.note(note.hint(note::suggestion(written, known)));
    }
}

fn owner(scope: &mut Scope<'_>) -> Option<Owner> {
    let config = scope.config;
    let id = config.file.id.as_deref().map(|id| scope.name(id, &Path::parse("id")));
    let project = match (scope.surroundings.project, config.file.name.as_deref()) {
        (Some(given), _) => Name::new(given)
            .map_err(|error| scope.notes.push(Note::error(Path::root(), format!("project name {error}"))))
            .ok(),
        (None, Some(written)) => scope.name(written, &Path::parse("name")),
        (None, None) => Some(folder_name(&config.folder)),
    };
    match id {
        Some(None) => None,
        id => Some(Owner { project: project?, id: id.flatten() }),
    }
}

/// The folder's name made a [`Name`]: what is not allowed in one becomes `-`.
fn folder_name(folder: &std::path::Path) -> Name {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = name.chars().map(allowed).take(63).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    Name::new(name).unwrap_or_else(|_| Name::new("machines").expect("is a name"))
}

/// Full names by what `compose` may call them: each machine's own, and a counted machine's for all its members.
pub(super) type Members = BTreeMap<Name, Vec<Name>>;

fn machines(scope: &mut Scope<'_>) -> (BTreeMap<Name, Machine>, Members) {
    let config = scope.config;
    let defaults = config.file.defaults.clone().unwrap_or_default();
    let mut machines = BTreeMap::<Name, Machine>::new();
    let mut members = Members::new();
    let mut addresses = Vec::new();
    for (base, written) in config.file.machines.iter().flatten().filter(|(name, _)| config.counted(name).is_none()) {
        let at = Path::root().join("machines").join(base);
        let Some(base) = scope.name(base, &at) else { continue };
        let written = written.clone().unwrap_or_default().over(&defaults);
        let (count, explicit) = (written.count, written.address.clone());
        let model = machine::machine(scope, &base, &at, written.clone());
        capable(scope, &at, &written);
        let Some(model) = model else { continue };
        counted(scope, &base, &model, explicit.is_some(), count);
        let names = full_names(scope, &base, count, &at);
        for name in &names {
            if let Some(twin) = machines.get(name) {
                let message = format!("two machines are called `{name}`: this one and `{}`", twin.at);
                scope.note(Note::error(at.clone(), message).at_key().hint("rename one of them"));
                continue;
            }
            if explicit.is_none() {
                addresses.push(name.clone());
            }
            let Some(model) = member(scope, name, &model, &written) else { continue };
            machines.insert(name.clone(), Machine { name: name.clone(), ..model });
            members.entry(name.clone()).or_insert_with(|| vec![name.clone()]);
        }
        members.insert(base, names);
    }
    place(scope, &mut machines, &addresses);
    order::check(scope, &machines, &members);
    (machines, members)
}

/// Findings about what the machine's driver can do; none where its provider is not known.
fn capable(scope: &mut Scope<'_>, at: &Path, written: &file::Machine) {
    let provider = written.provider.as_deref().unwrap_or(machine::PROVIDER);
    let known = scope.providers.iter().find(|(name, _)| name.as_str() == provider);
    if let Some(driver) = known.map(|(_, provider)| provider.driver.clone()) {
        capabilities::check(scope, at, written, &driver);
    }
}

/// A machine among several: what its own drive says counts for it alone.
fn member(scope: &mut Scope<'_>, name: &Name, model: &Machine, written: &file::Machine) -> Option<Machine> {
    let config = scope.config;
    let own = config.counted(name.as_str()).and(config.file.machines.as_ref()?.get(name.as_str()));
    match own.cloned().flatten() {
        None => Some(model.clone()),
        Some(own) => {
            let (at, own) = (Path::root().join("machines").join(name), own.over(written));
            capable(scope, &at, &own);
            machine::machine(scope, name, &at, own)
        }
    }
}

/// What cannot be said of several machines at once.
fn counted(scope: &mut Scope<'_>, name: &Name, model: &Machine, has_address: bool, count: Option<u32>) {
    if count.unwrap_or(1) < 2 {
        return;
    }
    if !model.ports.is_empty() {
        let message = format!("`{name}` is several machines, and a port here can lead to one of them only");
        let hint = "declare the machine that takes the port by itself, without `count`";
        scope.note(Note::error(model.at.join("ports"), message).hint(hint));
    }
    if has_address {
        let message = format!("`{name}` is several machines, and an address is of one");
        scope.note(Note::error(model.at.join("address"), message).hint("leave it out: each member gets its own"));
    }
}

fn full_names(scope: &mut Scope<'_>, base: &Name, count: Option<u32>, at: &Path) -> Vec<Name> {
    let Some(count) = count else { return vec![base.clone()] };
    if scope.name(base.member(count).as_str(), &at.join("count")).is_none() {
        return Vec::new();
    }
    (1..=count).map(|n| base.member(n)).collect()
}

/// Gives addresses to the machines that name none.
fn place(scope: &mut Scope<'_>, machines: &mut BTreeMap<Name, Machine>, without: &[Name]) {
    let without: BTreeSet<_> = without.iter().collect();
    let taken = machines.values().filter(|machine| !without.contains(&machine.name)).map(|machine| machine.address);
    for (name, address) in address::assign(without.iter().copied(), &taken.collect()) {
        let machine = machines.get_mut(&name).expect("only machines that are there are placed");
        match address {
            Some(address) => machine.address = address,
            None => scope.notes.push(Note::error(machine.at.clone(), "no address is left for this machine").at_key()),
        }
    }
}
