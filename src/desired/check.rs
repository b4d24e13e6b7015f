//! What only shows when everything is decided: things that are right alone and clash together.

use std::collections::BTreeMap;

use super::{Desired, Forward, Machine, Protocol};
use crate::note::Note;

/// Findings about a whole project.
#[must_use]
pub fn check(desired: &Desired) -> Vec<Note> {
    let mut notes = ports(desired);
    notes.extend(addresses(desired));
    notes.extend(engines(desired));
    notes
}

fn ports(desired: &Desired) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut taken = BTreeMap::<(u16, Protocol), Vec<(&Machine, &Forward)>>::new();
    for machine in desired.machines.values() {
        for (i, forward) in machine.ports.iter().enumerate() {
            let holders = taken.entry((forward.port, forward.protocol)).or_default();
            let overlaps = |other: &Forward| {
                other.address == forward.address || other.address.is_unspecified() || forward.address.is_unspecified()
            };
            if let Some((holder, _)) = holders.iter().find(|(_, other)| overlaps(other)) {
                // Members of one counted machine are told so once, where they are resolved.
                if holder.at == machine.at && holder.name != machine.name {
                    continue;
                }
                let at = machine.at.join("ports").join(i);
                let message = format!("port {} of this computer leads to `{}` already", forward.port, holder.name);
                notes.push(Note::error(at, message).hint("choose another port before the `:`"));
            }
            holders.push((machine, forward));
        }
    }
    notes
}

fn addresses(desired: &Desired) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut taken = BTreeMap::new();
    for machine in desired.machines.values() {
        if let Some(holder) = taken.insert(machine.address, machine)
            && holder.at != machine.at
        {
            let message = format!("{} is the address of `{}` already", machine.address, holder.name);
            let at = machine.at.join("address");
            notes.push(Note::error(at, message).hint("choose another, or leave it out"));
        }
    }
    notes
}

/// A compose project needs an engine wherever it runs.
fn engines(desired: &Desired) -> Vec<Note> {
    let mut notes = Vec::new();
    for project in desired.compose.values() {
        let without = |name: &&crate::id::Name| desired.machines.get(name).is_some_and(|m| m.engine.is_none());
        for name in project.on.iter().filter(without) {
            let message = format!("`{}` has no engine to run `{}`", name, project.name);
            let hint = format!("remove `engine: false` from `{name}`, or run the project elsewhere");
            notes.push(Note::error(project.at.join("on"), message).hint(hint));
        }
    }
    notes
}
