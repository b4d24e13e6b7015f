//! The two network cards of a machine: one to the world, one to the other machines of the project.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::desired::{self, Machine};
use crate::id::Name;
use crate::note::{Note, suggestion};
use crate::provider::qemu::Setup;

/// The cards' names, in the order in which the machine has them.
pub(super) const NAMES: [&str; 2] = ["world", "segment"];
const MODELS: [(&str, &str); 4] =
    [("virtio", "virtio-net-pci"), ("e1000", "e1000"), ("e1000e", "e1000e"), ("rtl8139", "rtl8139")];

/// A card as QEMU is given it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    model: String,
    pub(super) mac: String,
}

impl Card {
    /// The value of `-device` on a network back end.
    pub(super) fn device(&self, back_end: &str) -> String {
        let device = MODELS.iter().find(|(model, _)| *model == self.model).map_or(MODELS[0].1, |(_, device)| device);
        format!("{device},netdev={back_end},mac={},romfile=", self.mac)
    }
}

/// As the attribute `nic` has it.
impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.model, self.mac)
    }
}

/// The cards of a machine: as declared, the rest the same on every run and under every name that it has.
pub(super) fn cards(setup: &Setup, machine: &Machine) -> [Card; 2] {
    chosen(&setup.home_of(machine).origin(), &machine.resources.cards)
}

/// The cards of a machine whose Machinefile says nothing of them. `origin` is a folder's.
pub(super) fn usual(origin: &str) -> [Card; 2] {
    chosen(origin, &BTreeMap::new())
}

fn chosen(origin: &str, declared: &BTreeMap<Name, desired::Card>) -> [Card; 2] {
    let hash = Sha256::digest(origin);
    [0, 1].map(|i| {
        // QEMU's own prefix; the last bit tells the cards apart.
        let last = hash[2] & 0xfe | u8::from(i == 1);
        let mac = || format!("52:54:00:{:02x}:{:02x}:{last:02x}", hash[0], hash[1]);
        let said = declared.iter().find(|(name, _)| name.as_str() == NAMES[i]).map(|(_, card)| card);
        Card {
            model: said.and_then(|card| card.model.clone()).unwrap_or_else(|| MODELS[0].0.to_owned()),
            mac: said.and_then(|card| card.mac.clone()).unwrap_or_else(mac),
        }
    })
}

/// What is declared and cannot be.
pub(super) fn check(setup: &Setup, machine: &Machine) -> Vec<Note> {
    let at = machine.at.join("resources").join("nic");
    let mut notes = Vec::new();
    for name in machine.resources.cards.keys().filter(|name| !NAMES.contains(&name.as_str())) {
        let note = Note::error(at.join(name), format!("a qemu machine has no network card `{name}`")).at_key();
        notes.push(note.hint(suggestion(name.as_str(), NAMES)));
    }
    let mut taken = BTreeMap::new();
    for (name, card) in NAMES.iter().zip(cards(setup, machine)) {
        if let Some(other) = taken.insert(card.mac.clone(), *name) {
            let note = Note::error(at.join(name).join("mac"), format!("`{}` is the address of two cards", card.mac));
            notes.push(note.also(at.join(other).join("mac"), "the other card"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_differ_by_card_machine_and_project() {
        let web = usual("shop/web");
        assert_eq!(web, usual("shop/web"));
        assert!(web[0].mac.starts_with("52:54:00:") && web[0] != web[1]);
        assert_ne!(web, usual("shop/db"));
        assert_ne!(web, usual("blog/web"));
    }

    #[test]
    fn what_is_said_of_a_card_is_taken_and_the_rest_chosen() {
        let said = desired::Card { model: Some("e1000".into()), mac: None };
        let [world, segment] = chosen("shop/web", &BTreeMap::from([(Name::new("world").unwrap(), said)]));
        assert_eq!(world.device("user"), format!("e1000,netdev=user,mac={},romfile=", world.mac));
        assert!(segment.device("segment").starts_with("virtio-net-pci,netdev=segment,mac=52:54:00:"));
    }
}
