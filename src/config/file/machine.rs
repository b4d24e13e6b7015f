//! One machine, or what all machines inherit.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Disk, Engine, Image, Nic, Registry, Rollout, Timeouts, UserData, pattern};

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// Where it comes from: a name under `providers`, or a driver that needs no settings.
    #[schemars(extend("default" = "qemu"))]
    pub provider: Option<String>,

    /// What its root disk is made from: a name that the driver knows, or a map with `path`, `url` or `build`.
    #[schemars(extend("default" = "debian-13"))]
    pub image: Option<Image>,

    /// How many of them: `worker` with `count: 2` is `worker-1` and `worker-2`. Without it, one machine of the name itself.
    #[schemars(range(min = 0, max = 100_000))]
    pub count: Option<u32>,

    /// Memory, processors, disks and network cards.
    pub resources: Option<Resources>,

    /// The Docker Engine: a map of its settings, or `false` for none.
    #[schemars(extend("default" = true))]
    pub engine: Option<Engine>,

    /// Registries that the machine logs in at to pull images, by host: `ghcr.io`, `registry.example:5000`. `docker.io` is Docker's own.
    #[schemars(extend("propertyNames" = pattern::registry()))]
    pub registries: Option<BTreeMap<String, Registry>>,

    /// How many members of a counted machine may be away at once.
    pub rollout: Option<Rollout>,

    /// Ports of this computer that lead into the machine: `"8080:80"`, `"127.0.0.1:8080:80/tcp"`. They listen on 127.0.0.1 unless an address is given.
    #[schemars(extend("items" = pattern::text(pattern::PORT, pattern::PORT_MESSAGE), "default" = []))]
    pub ports: Option<Vec<String>>,

    /// How the machine is reached.
    pub ssh: Option<Ssh>,

    /// Your own cloud-init user-data: a file's path, an http, https or file address (`#sha256=…` pins it), or the text itself when it
    /// begins with `#` or has several lines. A list holds several of them, in order.
    pub cloud_init: Option<UserData>,

    /// How long each operation on it, and on what belongs to it, may take.
    pub timeouts: Option<Timeouts>,

    /// Never deleted or made anew without `--allow-destroy NAME`. Written on the machine and its disks: it holds until
    /// `machine up` has applied `false`, whatever becomes of this file.
    #[schemars(extend("default" = false))]
    pub protect: Option<bool>,

    /// Settings of this machine, such as `image` or `engine.options.debug`, that count when it is made and are left alone from
    /// then on, whatever becomes of them here or on the machine.
    #[schemars(extend("default" = []))]
    pub ignore: Option<Vec<String>>,

    /// Your own words for it, by key: `--target tag:KEY=VALUE` selects the machines that carry them.
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub tags: Option<BTreeMap<String, String>>,

    /// Its address among the project's machines, within 10.85.0.0/16. Chosen from its name unless given.
    #[schemars(regex(pattern = pattern::ADDRESS), extend("patternErrorMessage" = pattern::ADDRESS_MESSAGE))]
    pub address: Option<String>,

    /// Machines that come first, by name: this one is made once they are up, and deleted before them. A counted machine's name means all its members.
    #[schemars(extend("items" = pattern::name_item(), "default" = []), extend("uniqueItems" = true))]
    pub depends_on: Option<Vec<String>>,

    /// Settings of this machine, such as `resources.disks.data`, that its driver must be able to carry out. What the driver
    /// cannot do is an error for these and a warning for all others.
    #[schemars(extend("default" = []))]
    pub mandatory: Option<Vec<String>>,
}

/// What a machine has of its computer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Resources {
    /// Memory: a number of GB (fractions allowed), or a text with a unit, such as `512MiB`. A GB is 1024³ bytes.
    #[schemars(extend("default" = 2))]
    pub ram: Option<Size>,

    /// Processors.
    #[schemars(range(min = 1, max = 1024), extend("default" = 2))]
    pub cpus: Option<u32>,

    /// Disks by name; `root` is the one the machine starts from and is always there.
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub disks: Option<BTreeMap<String, Disk>>,

    /// Where more settings of the machine are: as the project's `cloud-init-url`.
    pub cloud_init_url: Option<String>,

    /// Network cards by name. Which names there are is the driver's business; `qemu` has `world` and `segment`.
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub nic: Option<BTreeMap<String, Nic>>,
}

/// How a machine is reached.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Ssh {
    /// The account that is created and logged in to; it may use `sudo` without a password.
    #[schemars(
        regex(pattern = "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"),
        extend("patternErrorMessage" = "use lower-case letters, digits and `-`, start with a letter, at most 32 characters"),
        extend("default" = "machine")
    )]
    pub user: Option<String>,

    /// Public keys let in beside the project's own, one line each.
    #[schemars(extend("items" = pattern::text(pattern::PUBLIC_KEY, pattern::PUBLIC_KEY_MESSAGE), "default" = []))]
    pub authorized_keys: Option<Vec<String>>,

    /// The file of your own private key, used instead of the project's; its public half must be among `authorized-keys`.
    #[schemars(extend("format" = "path"))]
    pub identity: Option<String>,

    /// Whether the keys of the running SSH agent are tried too.
    #[schemars(extend("default" = false))]
    pub agent: Option<bool>,

    /// How long a new or started machine may take to answer, on hardware: `30s`, `3m`. Emulated ones get more.
    #[schemars(
        regex(pattern = pattern::DURATION),
        extend("patternErrorMessage" = pattern::DURATION_MESSAGE),
        extend("default" = "3m")
    )]
    pub wait: Option<String>,
}

/// An amount of memory or storage as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    /// In GB.
    Number(f64),
    /// With a unit.
    Text(String),
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "exclusiveMinimum": 0,
            "pattern": pattern::SIZE,
            "patternErrorMessage": pattern::SIZE_MESSAGE,
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of GB, or a text with a unit")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Size, E> {
                Ok(Size::Number(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "no size of 2^53 GB is meant exactly")]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Size, E> {
                Ok(Size::Number(number as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Ok(Size::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

impl Machine {
    /// What a machine says over what it inherits: maps merge by key, everything else its own word replaces.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        Self {
            provider: self.provider.or_else(|| base.provider.clone()),
            image: self.image.or_else(|| base.image.clone()),
            count: self.count.or(base.count),
            resources: merged(self.resources, base.resources.as_ref(), Resources::over),
            engine: match self.engine {
                Some(own) => Some(own.over(base.engine.as_ref())),
                None => base.engine.clone(),
            },
            registries: merged(self.registries, base.registries.as_ref(), |own, base| {
                by_name(own, base, Registry::over)
            }),
            rollout: merged(self.rollout, base.rollout.as_ref(), Rollout::over),
            ports: self.ports.or_else(|| base.ports.clone()),
            ssh: merged(self.ssh, base.ssh.as_ref(), Ssh::over),
            cloud_init: self.cloud_init.or_else(|| base.cloud_init.clone()),
            timeouts: merged(self.timeouts, base.timeouts.as_ref(), Timeouts::over),
            protect: self.protect.or(base.protect),
            ignore: self.ignore.or_else(|| base.ignore.clone()),
            tags: merged(self.tags, base.tags.as_ref(), |mut own, base| {
                for (key, value) in base {
                    own.entry(key.clone()).or_insert_with(|| value.clone());
                }
                own
            }),
            address: self.address.or_else(|| base.address.clone()),
            depends_on: self.depends_on.or_else(|| base.depends_on.clone()),
            mandatory: self.mandatory.or_else(|| base.mandatory.clone()),
        }
    }
}

impl Resources {
    fn over(self, base: &Self) -> Self {
        Self {
            ram: self.ram.or_else(|| base.ram.clone()),
            cpus: self.cpus.or(base.cpus),
            cloud_init_url: self.cloud_init_url.or_else(|| base.cloud_init_url.clone()),
            disks: merged(self.disks, base.disks.as_ref(), |own, base| by_name(own, base, Disk::over)),
            nic: merged(self.nic, base.nic.as_ref(), |own, base| by_name(own, base, Nic::over)),
        }
    }
}

impl Ssh {
    fn over(self, base: &Self) -> Self {
        Self {
            user: self.user.or_else(|| base.user.clone()),
            authorized_keys: self.authorized_keys.or_else(|| base.authorized_keys.clone()),
            identity: self.identity.or_else(|| base.identity.clone()),
            agent: self.agent.or(base.agent),
            wait: self.wait.or_else(|| base.wait.clone()),
        }
    }
}

fn merged<T: Clone>(own: Option<T>, base: Option<&T>, over: impl FnOnce(T, &T) -> T) -> Option<T> {
    match (own, base) {
        (Some(own), Some(base)) => Some(over(own, base)),
        (own, base) => own.or_else(|| base.cloned()),
    }
}

fn by_name<T: Default>(
    mut own: BTreeMap<String, T>,
    base: &BTreeMap<String, T>,
    over: impl Fn(T, &T) -> T,
) -> BTreeMap<String, T> {
    for (name, base) in base {
        let merged = over(own.remove(name).unwrap_or_default(), base);
        own.insert(name.clone(), merged);
    }
    own
}
