//! The driver's settings and how they are read.

use std::path::PathBuf;

use crate::desired;
use crate::note::{Note, suggestion};
use crate::provider::cidr::Cidr;
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
