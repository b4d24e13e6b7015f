//! What a project owns here, found by looking into its folders: no process is started or asked.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use crate::provider::qemu::disk::{self, Disk};
use crate::provider::qemu::folder::{self, Folder, SEGMENT_FOLDER, problem, provider_folder};
use crate::provider::qemu::power::{self, Applied};
use crate::provider::qemu::seed::{self, Seed};
use crate::provider::qemu::segment::{self, Segment};
use crate::provider::qemu::vm::{self, Vm};
use crate::provider::qemu::{DISK, SEED, SEGMENT, Setup, VM};
use crate::resource::{Failure, Found, Parent, Resource};
use crate::value::Attributes;

pub(super) async fn list(setup: &Setup) -> Result<Vec<Found>, Failure> {
    let path = provider_folder(&setup.dirs, &setup.owner, &setup.provider);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(problem(&path))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(problem(&path))?;
        let Some(folder) = folder::listed(&setup.folder(""), &entry.path())? else { continue };
        if folder.machine() == SEGMENT_FOLDER {
            // As with a machine, a folder alone is deleted as what it was for.
            let attributes = segment::recorded(setup)?.unwrap_or_default();
            found.push(Found { id: setup.segment_id(), attributes });
        } else {
            found.extend(machine(&folder).await?);
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

async fn machine(folder: &Folder) -> Result<Vec<Found>, Failure> {
    let name = folder.machine();
    let mut found = Vec::new();
    for disk in folder.disks() {
        let attributes = disk::observe(folder, &disk)?;
        found.extend(attributes.map(|attributes| Found { id: disk::id(name, &disk), attributes }));
    }
    let attributes = seed::observe(folder)?;
    found.extend(attributes.map(|attributes| Found { id: seed::id(name), attributes }));
    match Applied::read(folder)? {
        Some(applied) => {
            let power = if power::is_running(folder).await { "running" } else { "stopped" };
            found.push(Found { id: vm::id(name), attributes: vm::observed(folder, &applied, power) });
        }
        // A labelled folder with nothing finished in it: deleting the machine that was never there sweeps it.
        None if found.is_empty() => found.push(Found { id: vm::id(name), attributes: Attributes::new() }),
        None => {}
    }
    Ok(found)
}

pub(super) fn revive(setup: &Arc<Setup>, found: &Found) -> Option<Arc<dyn Resource>> {
    let name = found.id.name();
    Some(match found.id.kind() {
        VM => Arc::new(Vm::revived(setup, name, parents(setup, name))),
        SEED => Arc::new(Seed::revived(setup, name)),
        SEGMENT => Arc::new(Segment::new(setup)),
        DISK => {
            let (machine, disk) = name.split_once('.')?;
            Arc::new(Disk::new(setup, machine, disk, None))
        }
        _ => return None,
    })
}

/// What of a machine is there to be deleted after it.
fn parents(setup: &Setup, machine: &str) -> Vec<Parent> {
    let folder = setup.folder(machine);
    let mut parents: Vec<_> = folder.disks().iter().map(|disk| Parent::uses(disk::id(machine, disk))).collect();
    if folder.file(seed::IMAGE).exists() {
        parents.push(Parent::after(seed::id(machine)));
    }
    if segment::recorded(setup).is_ok_and(|segment| segment.is_some()) {
        parents.push(Parent::after(setup.segment_id()));
    }
    parents
}
