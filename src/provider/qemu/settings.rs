//! The driver's settings and how they are read.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::desired;
use crate::note::{Note, suggestion};
use crate::provider::qemu::accelerator::Accelerator;
use crate::provider::{Setting, SettingKind};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "binary",
        kind: SettingKind::Path,
        doc: "The QEMU system emulator to run.",
        default: Some("the qemu-system-… of this computer's architecture"),
    },
    Setting {
        name: "accelerator",
        kind: SettingKind::Text,
        doc: "`kvm`, `hvf` or `tcg` (emulation).",
        default: Some("the fastest that runs a test program"),
    },
    Setting {
        name: "segment",
        kind: SettingKind::Text,
        doc: "The addresses of the network that joins the machines.",
        default: Some("10.85.0.0/16"),
    },
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) binary: Option<PathBuf>,
    pub(super) accelerator: Option<Accelerator>,
    pub(super) segment: Cidr,
}

impl Settings {
    pub(super) fn read(provider: &desired::Provider) -> Result<Self, Vec<Note>> {
        let mut settings = Self { binary: None, accelerator: None, segment: Cidr::DEFAULT };
        let mut notes = Vec::new();
        for (name, value) in &provider.settings {
            let at = provider.at.join(name);
            let Some(text) = value.as_str() else {
                notes.push(Note::error(at, format!("`{name}` is a text")));
                continue;
            };
            let problem = match name.as_str() {
                "binary" => {
                    settings.binary = Some(provider.base.join(text));
                    None
                }
                "accelerator" => text.parse().map(|found| settings.accelerator = Some(found)).err(),
                "segment" => text.parse().map(|found| settings.segment = found).err(),
                _ => {
                    let known = SETTINGS.iter().map(|setting| setting.name);
                    let note = Note::error(at.clone(), format!("`{name}` is not a setting of the qemu driver"));
                    notes.push(note.at_key().hint(suggestion(name, known)));
                    None
                }
            };
            notes.extend(problem.map(|problem| Note::error(at, problem)));
        }
        if notes.is_empty() { Ok(settings) } else { Err(notes) }
    }
}

/// A range of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    pub(super) network: Ipv4Addr,
    pub(super) prefix: u8,
}

impl Cidr {
    const DEFAULT: Self = Self { network: Ipv4Addr::new(10, 85, 0, 0), prefix: 16 };

    pub(super) fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.network.to_bits()
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a range of addresses such as {}", Self::DEFAULT);
        let (network, prefix) = text.split_once('/').ok_or_else(bad)?;
        let cidr = Self { network: network.parse().map_err(|_| bad())?, prefix: prefix.parse().map_err(|_| bad())? };
        if !(1..=30).contains(&cidr.prefix) || !cidr.contains(cidr.network) {
            return Err(bad());
        }
        Ok(cidr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_a_network_and_its_prefix() {
        let cidr: Cidr = "10.9.4.0/22".parse().unwrap();
        assert!(cidr.contains("10.9.7.255".parse().unwrap()));
        assert!(!cidr.contains("10.9.8.0".parse().unwrap()));
    }

    #[test]
    fn a_segment_with_host_bits_or_no_room_is_refused() {
        for bad in ["10.9.4.1/22", "10.9.4.0", "10.9.4.0/31", "10.9.4.0/0", "ten/8"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }
}
