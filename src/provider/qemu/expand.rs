//! What one machine is made of.

use std::sync::Arc;

use crate::desired::{self, Image};
use crate::id::Name;
use crate::note::Note;
use crate::provider::Expansion;
use crate::provider::qemu::disk::{Disk, Plan, ROOT};
use crate::provider::qemu::drive::device_of;
use crate::provider::qemu::image::{ImageResource, Recipe};
use crate::provider::qemu::seed::Seed;
use crate::provider::qemu::segment::Segment;
use crate::provider::qemu::vm::{self, Vm};
use crate::provider::qemu::{Setup, card, plug};
use crate::resource::Resource;

/// The longest serial number of a virtio disk, by which the guest finds it.
const LONGEST_SERIAL: usize = 20;
/// With less, no current distribution boots.
const LEAST_RAM: u64 = 128 << 20;

pub(super) fn expand(setup: &Arc<Setup>, machine: &desired::Machine) -> Result<Expansion, Vec<Note>> {
    let notes = check(setup, machine);
    let recipe = Recipe::of(&machine.image).map_err(|hint| {
        let name = if let Image::Catalogue(name) = &machine.image { name } else { "this" };
        Note::error(machine.at.join("image"), format!("`{name}` is not an image the qemu driver knows")).hint(hint)
    });
    let (recipe, notes) = match recipe {
        Ok(recipe) if notes.is_empty() => (recipe, notes),
        Ok(_) => return Err(notes),
        Err(note) => return Err(notes.into_iter().chain([note]).collect()),
    };
    debug_assert!(notes.is_empty());
    let name = machine.name.as_str();
    let mut resources: Vec<Arc<dyn Resource>> = vec![Arc::new(ImageResource::new(setup, recipe.clone()))];
    for (disk, declared) in &machine.resources.disks {
        let Some(size) = declared.size() else { continue };
        let image = (disk.as_str() == ROOT).then(|| recipe.clone());
        let plan = Plan { size, image, protect: machine.protect.is_some() };
        resources.push(Arc::new(Disk::new(setup, name, disk.as_str(), Some(plan))));
    }
    resources.push(Arc::new(Seed::new(setup, machine)));
    resources.push(Arc::new(Segment::new(setup)));
    resources.push(Arc::new(Vm::new(setup, machine)));
    let device = |(disk, declared): (&Name, &desired::Disk)| (disk.clone(), device_of(disk.as_str(), declared));
    let devices = machine.resources.disks.iter().map(device).collect();
    Ok(Expansion { resources, machine: vm::id(name), devices })
}

fn check(setup: &Setup, machine: &desired::Machine) -> Vec<Note> {
    let mut notes = Vec::new();
    let resources = machine.at.join("resources");
    for (name, disk) in &machine.resources.disks {
        let at = resources.join("disks").join(name);
        if name.as_str().len() > LONGEST_SERIAL {
            notes.push(Note::error(at.clone(), format!("disk name `{name}` has more than 20 characters")).at_key());
        }
        if disk.size().is_some_and(|size| size % 512 != 0) {
            notes.push(Note::error(at, format!("the size of disk `{name}` is not a multiple of 512 bytes")));
        }
    }
    if machine.resources.disks.len() > usize::from(plug::MOST_DISKS) {
        let most = format!("a qemu machine takes at most {} disks", plug::MOST_DISKS);
        notes.push(Note::error(resources.join("disks"), most));
    }
    if machine.resources.ram < LEAST_RAM {
        notes.push(Note::error(resources.join("ram"), "a machine needs at least 128 MiB of memory"));
    }
    notes.extend(card::check(setup, machine));
    let segment = setup.settings.segment;
    if !segment.contains(machine.address) {
        let problem = format!("{} is not an address of the segment {segment}", machine.address);
        notes.push(Note::error(machine.at.join("address"), problem));
    }
    notes
}
