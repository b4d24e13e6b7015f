//! One machine as written, made definite.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::{Scope, disks, engine, ignore, image, order, user_data};
use crate::config::file;
use crate::desired::{Card, Forward, Machine, Protocol, Registry, Resources, Secret, Ssh, Timeouts, address, quantity};
use crate::id::Name;
use crate::note::Note;
use crate::value::Path;

pub(super) const PROVIDER: &str = "qemu";
const RAM: u64 = 2 * quantity::GB;
/// No kernel starts with less.
const LEAST_RAM: u64 = 1 << 20;
const CPUS: u32 = 2;
const USER: &str = "machine";
const WAIT: Duration = Duration::from_mins(3);

/// The machine that a declaration describes, named for it; `None` when a note says why there is none.
/// Without `address:` its address is not decided yet.
pub(super) fn machine(scope: &mut Scope<'_>, name: &Name, at: &Path, written: file::Machine) -> Option<Machine> {
    let before = scope.notes.len();
    let provider = scope.provider(written.provider.as_deref().unwrap_or(PROVIDER), &at.join("provider"));
    let image = image::image(scope, written.image, &at.join("image"));
    let resources = resources(scope, written.resources.unwrap_or_default(), &at.join("resources"));
    let engine = engine::engine(scope, written.engine, &at.join("engine"));
    let registries = registries(scope, written.registries.unwrap_or_default(), &at.join("registries"));
    let ports = ports(scope, &written.ports.unwrap_or_default(), &at.join("ports"));
    let ssh = ssh(scope, written.ssh.unwrap_or_default(), &at.join("ssh"));
    let user_data = written.cloud_init.as_ref();
    let user_data =
        user_data.map(|texts| user_data::user_data(scope, texts, &at.join("cloud-init"))).unwrap_or_default();
    let address = written.address.map_or(Some(Ipv4Addr::UNSPECIFIED), |text| fixed_address(scope, &text, at));
    let depends_on = order::names(scope, written.depends_on.as_deref().unwrap_or_default(), &at.join("depends-on"));
    let timeouts = timeouts(scope, &written.timeouts.unwrap_or_default(), &at.join("timeouts"));
    let protect = written.protect.unwrap_or(false).then(|| scope.place(&at.join("protect")));
    let (resources, engine) = (resources?, engine);
    let ignore =
        ignore::paths(scope, &written.ignore.unwrap_or_default(), &at.join("ignore"), &resources, engine.as_ref());
    if scope.notes.len() > before && crate::note::has_errors(&scope.notes[before..]) {
        return None;
    }
    Some(Machine {
        name: name.clone(),
        former: Vec::new(),
        provider: provider?,
        image: image?,
        resources: Arc::new(resources),
        engine,
        registries,
        ports,
        ssh: ssh?,
        user_data,
        timeouts,
        protect,
        ignore,
        tags: written.tags.unwrap_or_default(),
        address: address?,
        depends_on,
        at: at.clone(),
    })
}

fn resources(scope: &mut Scope<'_>, written: file::Resources, at: &Path) -> Option<Resources> {
    let ram = match &written.ram {
        Some(ram) => size(scope, ram, &at.join("ram")).filter(|bytes| enough(scope, *bytes, &at.join("ram"))),
        None => Some(RAM),
    };
    let disks = disks::disks(scope, written.disks.unwrap_or_default(), &at.join("disks"));
    let cards = cards(scope, written.nic.unwrap_or_default(), &at.join("nic"));
    Some(Resources { ram: ram?, cpus: written.cpus.unwrap_or(CPUS), disks: disks?, cards: cards? })
}

fn enough(scope: &mut Scope<'_>, ram: u64, at: &Path) -> bool {
    if ram < LEAST_RAM {
        let note = Note::error(at.clone(), format!("a machine cannot have {} of memory", quantity::shown(ram)));
        scope.note(note.hint("write a number of GB, such as `2`, or a number and a unit: `512MiB`"));
    }
    ram >= LEAST_RAM
}

fn cards(scope: &mut Scope<'_>, written: BTreeMap<String, file::Nic>, at: &Path) -> Option<BTreeMap<Name, Card>> {
    let n_written = written.len();
    let card = |(key, nic): (String, file::Nic)| {
        let name = scope.name(&key, &at.join(&key))?;
        Some((name, Card { model: nic.model, mac: nic.mac.map(|mac| mac.to_lowercase()) }))
    };
    let cards: BTreeMap<_, _> = written.into_iter().filter_map(card).collect();
    (cards.len() == n_written).then_some(cards)
}

pub(super) fn size(scope: &mut Scope<'_>, written: &file::Size, at: &Path) -> Option<u64> {
    let bytes = quantity::bytes(written);
    if bytes.is_none() {
        let note = Note::error(at.clone(), "no size that a machine could have");
        scope.note(note.hint("a number of GB, or a number and a unit: `512MiB`, `20GB`"));
    }
    bytes
}

fn ports(scope: &mut Scope<'_>, written: &[String], at: &Path) -> Vec<Forward> {
    let mut ports = Vec::new();
    for (i, text) in written.iter().enumerate() {
        if let Some(forward) = forward(text) {
            ports.push(forward);
        } else {
            let note = Note::error(at.join(i), format!("`{text}` is not a pair of ports"));
            scope.note(note.hint("ports are 1 to 65535, numbers in an address 0 to 255"));
        }
    }
    ports
}

fn registries(scope: &mut Scope<'_>, written: BTreeMap<String, file::Registry>, at: &Path) -> Vec<Registry> {
    let mut registries = Vec::new();
    for (address, written) in written {
        let at = at.join(&address);
        let (Some(username), Some(file::Secret(mut password))) = (written.username, written.password) else {
            // What `defaults` or another layer was to say.
            let note = Note::error(at, format!("a login at `{address}` takes a `username` and a `password`"));
            scope.note(note.hint("the password by reference: `password: { env: NAME }`"));
            continue;
        };
        let secret = at.join("password");
        if let Some(path) = password["file"].as_str() {
            password["file"] = scope.path(path, &secret.join("file")).display().to_string().into();
        }
        let base = scope.config.base(&secret).to_owned();
        let Some(password) = Secret::read(&password, &base) else { continue };
        registries.push(Registry { address, username, password, at });
    }
    registries
}

/// `[ADDRESS:]HERE:THERE[/PROTOCOL]`.
fn forward(text: &str) -> Option<Forward> {
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some((ports, "tcp")) => (ports, Protocol::Tcp),
        Some(_) => return None,
        None => (text, Protocol::Tcp),
    };
    let (rest, target) = ports.rsplit_once(':')?;
    let (address, port) = match rest.rsplit_once(':') {
        Some((address, port)) => (address.parse().ok()?, port),
        None => (Ipv4Addr::LOCALHOST, rest),
    };
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    Some(Forward { address, port: number(port)?, target: number(target)?, protocol })
}

fn ssh(scope: &mut Scope<'_>, written: file::Ssh, at: &Path) -> Option<Ssh> {
    let user = scope.name(written.user.as_deref().unwrap_or(USER), &at.join("user"));
    let identity = written.identity.map(|path| scope.path(&path, &at.join("identity")));
    if let Some(identity) = identity.as_ref().filter(|path| !path.is_file()) {
        let note = Note::error(at.join("identity"), format!("no file `{}`", identity.display()));
        scope.note(note.hint("name the file of a private key, or leave `identity` out"));
    }
    Some(Ssh {
        user: user?,
        authorized_keys: written.authorized_keys.unwrap_or_default(),
        identity,
        agent: written.agent.unwrap_or(false),
        wait: written.wait.as_deref().map_or(WAIT, |text| quantity::duration(text).unwrap_or(WAIT)),
    })
}

/// Each is some time: nothing is done in none.
pub(super) fn timeouts(scope: &mut Scope<'_>, written: &file::Timeouts, at: &Path) -> Timeouts {
    let mut time = |text: &Option<String>, key: &str| {
        let time = quantity::duration(text.as_deref()?);
        if time.is_none_or(|time| time.is_zero()) {
            scope.note(Note::error(at.join(key), "nothing can be done in that time").hint("give it some: `10m`"));
        }
        time
    };
    Timeouts {
        create: time(&written.create, "create"),
        read: time(&written.read, "read"),
        update: time(&written.update, "update"),
        delete: time(&written.delete, "delete"),
    }
}

fn fixed_address(scope: &mut Scope<'_>, text: &str, at: &Path) -> Option<Ipv4Addr> {
    let usable = text.parse().ok().filter(|parsed| address::is_usable(*parsed));
    if usable.is_none() {
        let note = Note::error(at.join("address"), format!("`{text}` is no address of the project's segment"));
        scope.note(note.hint("choose one from 10.85.1.1 to 10.85.254.254, not ending in .0 or .255"));
    }
    usable
}
