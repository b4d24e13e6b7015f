//! Disks that are attached while the machine runs.

use crate::provider::qemu::drive::Drive;
use crate::provider::qemu::folder::Folder;
use crate::provider::qemu::monitor::Monitor;
use crate::provider::qemu::power::{Applied, monitor_of};
use crate::resource::Failure;
use crate::value::json;

/// How many disks a machine can be given between two starts.
pub(super) const SLOTS: u8 = 8;

/// The values of `-device` of the slots.
pub(super) fn slots() -> impl Iterator<Item = String> {
    (1..=SLOTS).map(|slot| format!("pcie-root-port,id=slot-{slot},chassis={slot},slot={slot}"))
}

/// The disks that a running machine lacks, when attaching them is all there is to do.
pub(super) fn lacking<'a>(applied: &Applied, target: &'a Applied) -> Option<Vec<(&'a String, &'a Drive)>> {
    let stays = |(name, drive): (&String, &Drive)| target.disks.get(name) == Some(drive);
    let lacking: Vec<_> = target.disks.iter().filter(|(name, _)| !applied.disks.contains_key(*name)).collect();
    (applied.disks.iter().all(stays) && lacking.iter().all(|(_, drive)| drive.plugs())).then_some(lacking)
}

/// Attaches one disk after the other, each recorded once it is so.
pub(super) async fn plug(folder: &Folder, applied: &mut Applied, target: &Applied) -> Result<(), Failure> {
    let lacking = lacking(applied, target).unwrap_or_default();
    if lacking.is_empty() {
        return Ok(());
    }
    let Some(mut monitor) = monitor_of(folder).await? else { return Ok(()) };
    for (name, drive) in lacking {
        let free = (1..=applied.slots).find(|slot| !applied.plugged.values().any(|taken| taken == slot));
        let slot = free.ok_or_else(|| {
            let failure = Failure::new(format!("{} has no slot left for disk {name}", folder.machine()));
            failure.hint(format!("`machine restart {}` makes room", folder.machine()))
        })?;
        attach(&mut monitor, folder, name, drive, slot).await?;
        applied.plugged.insert(name.clone(), slot);
        applied.disks.insert(name.clone(), drive.clone());
        applied.write(folder)?;
    }
    Ok(())
}

/// An earlier attempt may have been cut after QEMU took it and before we wrote it down.
async fn attach(monitor: &mut Monitor, folder: &Folder, name: &str, drive: &Drive, slot: u8) -> Result<(), Failure> {
    let blocks = monitor.execute("query-block", json!({})).await?;
    let known = |block: &&crate::value::Value| block["device"] == format!("disk-{name}");
    let block = blocks.as_array().into_iter().flatten().find(known);
    if block.is_none() {
        let backend = drive.backend(name, folder.path()).unwrap_or_default();
        let said = monitor.human(&format!("drive_add 0 \"{backend}\"")).await?;
        if said != "OK" {
            return Err(Failure::new(format!("QEMU refuses disk {name}: {said}")));
        }
    }
    if block.is_some_and(|block| block["qdev"].as_str().is_some_and(|device| !device.is_empty())) {
        return Ok(());
    }
    let arguments = json!({
        "driver": "virtio-blk-pci", "id": format!("plugged-{name}"), "bus": format!("slot-{slot}"),
        "drive": format!("disk-{name}"), "serial": name,
    });
    monitor.execute("device_add", arguments).await.map(drop)
}
