//! Disks that come and go while the machine runs.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::provider::qemu::disk::ROOT;
use crate::provider::qemu::drive::Drive;
use crate::provider::qemu::folder::Folder;
use crate::provider::qemu::monitor::Monitor;
use crate::provider::qemu::power::{Applied, monitor_of};
use crate::resource::Failure;
use crate::value::{Value, json};

/// How many disks a machine can be given between two starts.
pub(super) const SPARE: u8 = 8;
/// How many slots a machine can have: eight in each place on its main bus from the sixteenth to the last free one.
const MOST: u8 = 15 * 8;
/// Disks beside the one it boots from.
pub(super) const MOST_DISKS: u8 = MOST - SPARE;
/// The place of the first slots on the machine's main bus; what needs no slot is put before it.
const PLACE: u8 = 0x10;
/// How long a guest may take to let go of a disk, on hardware.
const LET_GO: Duration = Duration::from_secs(15);

/// The slots of a machine that is about to start, and which disks are in them.
pub(super) fn arrange(disks: &BTreeMap<String, Drive>) -> (u8, BTreeMap<String, u8>) {
    let others = disks.iter().filter(|(name, drive)| *name != ROOT && drive.plugs());
    let plugged: BTreeMap<_, _> = others.map(|(name, _)| name.clone()).zip(1..=MOST_DISKS).collect();
    let slots = u8::try_from(plugged.len()).unwrap_or(MOST_DISKS) + SPARE;
    (slots, plugged)
}

/// The values of `-device` of that many slots.
pub(super) fn slots(n: u8) -> impl Iterator<Item = String> {
    (1..=n).map(|slot| {
        let (place, part) = (PLACE + (slot - 1) / 8, (slot - 1) % 8);
        format!("pcie-root-port,id=slot-{slot},chassis={slot},slot={slot},addr={place:#x}.{part},multifunction=on")
    })
}

/// What a running machine's disks lack of those that are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    leave: Vec<String>,
    join: Vec<(&'a String, &'a Drive)>,
}

/// `None` where only a restart brings the disks that are wanted.
pub(super) fn difference<'a>(applied: &Applied, target: &'a Applied) -> Option<Difference<'a>> {
    let mut difference = Difference::default();
    for (name, drive) in &applied.disks {
        match target.disks.get(name) {
            Some(wanted) if wanted == drive => {}
            None if applied.plugged.contains_key(name) => difference.leave.push(name.clone()),
            _ => return None,
        }
    }
    difference.join = target.disks.iter().filter(|(name, _)| !applied.disks.contains_key(*name)).collect();
    difference.join.iter().all(|(_, drive)| drive.plugs()).then_some(difference)
}

/// Takes out and puts in one disk after the other, each recorded once it is so.
pub(super) async fn plug(folder: &Folder, applied: &mut Applied, change: Difference<'_>) -> Result<(), Failure> {
    if change == Difference::default() {
        return Ok(());
    }
    let Some(mut monitor) = monitor_of(folder).await? else { return Ok(()) };
    for name in change.leave {
        detach(&mut monitor, folder, &name, LET_GO * applied.patience()).await?;
        applied.detached(&name);
        applied.write(folder)?;
    }
    for (name, drive) in change.join {
        let free = (1..=applied.slots).find(|slot| !applied.plugged.values().any(|taken| taken == slot));
        let slot = free.ok_or_else(|| {
            let failure = Failure::new(format!("{} has no slot left for disk {name}", folder.machine()));
            failure.hint(format!("`machine restart {}` makes room", folder.machine()))
        })?;
        attach(&mut monitor, folder, name, drive, slot).await?;
        applied.plugged.insert(name.clone(), slot);
        applied.attached(folder, name, drive);
        applied.write(folder)?;
    }
    Ok(())
}

/// What QEMU knows of a disk's back end.
async fn block(monitor: &mut Monitor, name: &str) -> Result<Option<Value>, Failure> {
    let blocks = monitor.execute("query-block", json!({})).await?;
    let known = |block: &&Value| block["device"] == format!("disk-{name}");
    Ok(blocks.as_array().into_iter().flatten().find(known).cloned())
}

fn is_in_use(block: &Value) -> bool {
    block["qdev"].as_str().is_some_and(|device| !device.is_empty())
}

/// An earlier attempt may have been cut after QEMU took it and before we wrote it down.
async fn attach(monitor: &mut Monitor, folder: &Folder, name: &str, drive: &Drive, slot: u8) -> Result<(), Failure> {
    let block = block(monitor, name).await?;
    if block.is_none() {
        let backend = drive.backend(name, &folder.path()).unwrap_or_default();
        let said = monitor.human(&format!("drive_add 0 \"{backend}\"")).await?;
        if said != "OK" {
            return Err(Failure::new(format!("QEMU refuses disk {name}: {said}")));
        }
    }
    if block.as_ref().is_some_and(is_in_use) {
        return Ok(());
    }
    let arguments = json!({
        "driver": "virtio-blk-pci", "id": format!("plugged-{name}"), "bus": format!("slot-{slot}"),
        "drive": format!("disk-{name}"), "serial": name,
    });
    monitor.execute("device_add", arguments).await.map(drop)
}

/// The guest is asked to let go of it and has the last word. Its back end goes with it.
async fn detach(monitor: &mut Monitor, folder: &Folder, name: &str, limit: Duration) -> Result<(), Failure> {
    let end = Instant::now() + limit;
    let mut asked = None;
    while let Some(block) = block(monitor, name).await? {
        if !is_in_use(&block) {
            return monitor.human(&format!("drive_del disk-{name}")).await.map(drop);
        }
        if Instant::now() >= end {
            let failure = Failure::new(format!("{} does not let go of disk {name}", folder.machine()));
            let stop = format!("`machine stop {}`, then `machine up`, takes it away", folder.machine());
            return Err(failure.hint(stop));
        }
        // A guest that was busy booting misses it; QEMU refuses to ask again while it still waits for the answer.
        if asked.is_none_or(|asked: Instant| asked.elapsed() > Duration::from_secs(6)) {
            let said = monitor.execute("device_del", json!({ "id": format!("plugged-{name}") })).await;
            if asked.is_none() {
                said?;
            }
            asked = Some(Instant::now());
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own_before_the_end_of_the_bus() {
        let all: std::collections::BTreeSet<_> =
            slots(MOST).map(|slot| slot.split_once("addr=").unwrap().1.to_owned()).collect();
        assert_eq!(all.len(), usize::from(MOST));
        // The last place is the bridge to the old bus.
        assert!(all.iter().all(|addr| addr.as_str() < "0x1f"), "{all:?}");
    }

    #[test]
    fn a_machine_starts_with_each_disk_in_a_slot_and_room_for_more() {
        let disks = ["a", "b", ROOT].map(|name| (name.to_owned(), Drive::default())).into();
        let (slots, plugged) = arrange(&disks);
        assert_eq!((slots, plugged), (2 + SPARE, [("a".to_owned(), 1), ("b".to_owned(), 2)].into()));
    }
}
