//! `qemu.vm/<machine>`: the running machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Map;

use crate::attributes;
use crate::desired::{self, quantity};
use crate::id::ResourceId;
use crate::provider::qemu::accelerator::Accelerator;
use crate::provider::qemu::command_line::CONSOLE;
use crate::provider::qemu::drive::Drive;
use crate::provider::qemu::folder::Folder;
use crate::provider::qemu::power::{self, Applied, check_free, forward, listen, monitor_of};
use crate::provider::qemu::{Setup, VM, access, card, disk, plug, seed};
use crate::provider::{self, output};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, mark};
use crate::value::{Attributes, Value, json};

#[derive(Debug)]
pub(super) struct Vm {
    id: ResourceId,
    parents: Vec<Parent>,
    setup: Arc<Setup>,
    folder: Folder,
    /// `None` for a machine that is only there to be deleted.
    plan: Option<Applied>,
    /// Bytes of memory in the Machinefile.
    asked: u64,
    desired: Attributes,
}

pub(super) fn id(machine: &str) -> ResourceId {
    ResourceId::new(VM, machine)
}

impl Vm {
    pub(super) fn new(setup: &Arc<Setup>, machine: &desired::Machine) -> Self {
        let disks = &machine.resources.disks;
        let drive = |(name, disk): (&crate::id::Name, &desired::Disk)| (name.to_string(), Drive::of(disk));
        let plan = Applied {
            cpus: machine.resources.cpus,
            ram: memory(machine.resources.ram),
            ports: machine.ports.iter().map(|forward| (listen(forward), forward.target)).collect(),
            disks: disks.iter().map(drive).collect(),
            cards: card::cards(setup, machine),
            address: machine.address,
            protect: machine.protect.is_some(),
            tags: machine.tags.clone(),
            ssh: 0,
            accelerator: None,
            emulate: false,
            project_key: None,
            slots: 0,
            plugged: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let mut desired = settled(&plan);
        // Who logs in with another key needs no restart for ours.
        let logs_in = machine.ssh.identity.is_none() && !machine.ssh.agent;
        if logs_in {
            desired.insert(access::ATTRIBUTE.into(), json!(access::LET_IN));
        }
        desired.insert(output::POWER.into(), json!("running"));
        let name = machine.name.as_str();
        let ours = disks.iter().filter(|(_, disk)| disk.size().is_some());
        // Another root disk is another machine; other disks come and go.
        let disk_parent = |(disk, _): (&crate::id::Name, _)| match disk.as_str() {
            disk::ROOT => Parent::uses(disk::id(name, disk::ROOT)),
            other => Parent::after(disk::id(name, other)),
        };
        let mut parents: Vec<_> = ours.map(disk_parent).collect();
        parents.extend([Parent::after(seed::id(name)), Parent::after(setup.segment_id())]);
        parents.extend(provider::comes_after(machine));
        let asked = machine.resources.ram;
        Self {
            id: id(name),
            parents,
            folder: setup.folder(name),
            setup: setup.clone(),
            plan: Some(plan),
            asked,
            desired,
        }
    }

    pub(super) fn revived(setup: &Arc<Setup>, machine: &str, parents: Vec<Parent>) -> Self {
        let (folder, setup) = (setup.folder(machine), setup.clone());
        Self { id: id(machine), parents, setup, folder, plan: None, asked: 0, desired: Attributes::new() }
    }

    async fn observe(&self, cx: &Context) -> Result<Option<Attributes>, Failure> {
        let Some(applied) = Applied::read(&self.folder)? else { return Ok(None) };
        Ok(Some(self.seen(&applied, power::state(&self.folder).await.as_str(), cx)))
    }

    fn seen(&self, applied: &Applied, power: &str, cx: &Context) -> Attributes {
        let mut attributes = observed(&self.folder, applied, power);
        let held = access::observed(&self.setup, applied.project_key.as_deref(), cx);
        attributes.insert(access::ATTRIBUTE.into(), held);
        attributes
    }

    async fn running(&self, applied: &Applied, cx: &Context) -> Result<Attributes, Failure> {
        if power::is_running(&self.folder).await {
            return Ok(self.seen(applied, "running", cx));
        }
        let console = std::fs::read_to_string(self.folder.file(CONSOLE)).unwrap_or_default();
        Err(Failure::new(format!("{} stopped as soon as it was started", self.folder.machine())).detail(&console))
    }

    /// Brings the machine to `target` from wherever it is.
    async fn converge(&self, known: Option<Applied>, mut target: Applied, cx: &Context) -> Result<Attributes, Failure> {
        if power::recover(&self.setup, &self.folder, &mut target).await? {
            let mut applied = known.unwrap_or_else(|| target.clone());
            applied.mark(&target);
            applied.write(&self.folder)?;
            let same = Applied { ports: target.ports.clone(), disks: target.disks.clone(), ..applied.clone() };
            let live = (same == target && applied.lost(&self.folder).next().is_none())
                .then(|| plug::difference(&applied, &target))
                .flatten();
            if let Some(change) = live {
                plug::plug(&self.folder, &mut applied, change).await?;
                forward_live(&self.folder, &mut applied, &target).await?;
                return self.running(&applied, cx).await;
            }
            power::stop(&self.setup, &self.folder, applied.patience(), cx).await?;
        }
        power::start(&self.setup, &self.folder, &mut target, cx).await?;
        self.running(&target, cx).await
    }

    /// What is wanted, with what earlier starts chose.
    fn target(&self, applied: Option<&Applied>) -> Result<Applied, Failure> {
        let plan = self.plan.clone().ok_or_else(|| Failure::new("nothing says what it should be"))?;
        let Some(known) = applied else { return Ok(plan) };
        let project_key = if self.desired.contains_key(access::ATTRIBUTE) {
            seed::project_key(&self.folder)?
        } else {
            known.project_key.clone()
        };
        let Applied { ssh, accelerator, emulate, slots, .. } = *known;
        let (plugged, files) = (known.plugged.clone(), known.files.clone());
        Ok(Applied { ssh, accelerator, emulate, project_key, slots, plugged, files, ..plan })
    }
}

const MIB: u64 = 1 << 20;

/// What QEMU offers: whole MiB, at least as many bytes as asked for.
const fn memory(asked: u64) -> u64 {
    asked.next_multiple_of(MIB)
}

/// The attributes that are declared.
fn settled(applied: &Applied) -> Attributes {
    let mut attributes = attributes! {
        "cpus": applied.cpus,
        "ram": applied.ram,
        "ports": applied.ports,
        "disks": applied.disks.iter().map(|(name, drive)| (name.clone(), json!(drive.to_string()))).collect::<Map<_, _>>(),
        "nic": card::NAMES.iter().zip(&applied.cards).map(|(name, card)| ((*name).to_owned(), json!(card.to_string()))).collect::<Map<_, _>>(),
        "address": applied.address.to_string(),
    };
    attributes.extend(mark::attributes(applied.protect, &applied.tags));
    attributes
}

pub(super) fn observed(folder: &Folder, applied: &Applied, power: &str) -> Attributes {
    let mut attributes = settled(applied);
    // The next start takes what is there then.
    let lost: Vec<_> = if power == "stopped" { Vec::new() } else { applied.lost(folder).collect() };
    if let Some(Value::Object(disks)) = attributes.get_mut("disks") {
        disks.retain(|name, _| !lost.contains(&name));
    }
    attributes.insert("lost".into(), json!(lost));
    attributes.insert("plugged".into(), json!(applied.plugged.keys().collect::<Vec<_>>()));
    attributes.insert(output::POWER.into(), json!(power));
    attributes.insert(output::SSH.into(), json!(format!("127.0.0.1:{}", applied.ssh)));
    attributes.insert(output::HOST_KEY.into(), json!(seed::public_host_key(folder)));
    attributes.insert(output::CONSOLE.into(), json!(folder.file(CONSOLE).display().to_string()));
    attributes.insert(output::PATIENCE.into(), json!(applied.patience()));
    attributes.insert("slots".into(), json!(usize::from(applied.slots).saturating_sub(applied.plugged.len())));
    let accelerator = applied.accelerator.map(Accelerator::as_str);
    attributes.insert("accelerator".into(), json!(accelerator));
    attributes
}

/// What a change of the disks does to the machine as it runs.
fn disk_impact(change: &Change, observed: &Attributes) -> Impact {
    let restarts = |text: &str| Impact::InPlace(Disruption::Reboot, Some(text.to_owned()));
    let live = |text: &str| Impact::InPlace(Disruption::None, Some(text.to_owned()));
    let [_, name] = change.path.keys() else { return restarts("restarts the machine with other disks") };
    let is_among = |list: &str| {
        observed.get(list).and_then(Value::as_array).is_some_and(|names| names.iter().any(|listed| listed == name))
    };
    let is_disk = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("read-"));
    let has_slot = || observed.get("slots").and_then(Value::as_u64).is_some_and(|free| free > 0);
    match (&change.before, &change.after) {
        (None, _) if is_among("lost") => restarts("restarts the machine: the file of its disk was taken away under it"),
        (None, Some(disk)) if is_disk(disk) && has_slot() => live("is attached while the machine runs"),
        (Some(_), None) if is_among("plugged") => live("is taken out while the machine runs"),
        _ => restarts("restarts the machine with other disks"),
    }
}

/// Brings the forwarding of a running machine to `target`, one port at a time, each recorded once it is so.
async fn forward_live(folder: &Folder, applied: &mut Applied, target: &Applied) -> Result<(), Failure> {
    let Some(mut monitor) = monitor_of(folder).await? else { return Ok(()) };
    let old: Vec<_> = applied.ports.iter().map(|(listen, port)| (listen.clone(), *port)).collect();
    for (listen, port) in old.into_iter().filter(|(listen, port)| target.ports.get(listen) != Some(port)) {
        if let Some(forward) = forward(&listen, port) {
            monitor.remove_forward(&forward).await?;
        }
        applied.ports.remove(&listen);
        applied.write(folder)?;
    }
    for (listen, port) in &target.ports {
        if applied.ports.contains_key(listen) {
            continue;
        }
        if let Some(forward) = forward(listen, *port) {
            // An earlier attempt may have been cut after QEMU took it and before we wrote it down.
            monitor.remove_forward(&forward).await?;
            check_free(folder.machine(), &forward)?;
            monitor.add_forward(&forward).await?;
        }
        applied.ports.insert(listen.clone(), *port);
        applied.write(folder)?;
    }
    Ok(())
}

#[async_trait]
impl Resource for Vm {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn realm(&self) -> Option<&str> {
        Some(self.folder.provider())
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.folder.machine())
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn is_machine(&self) -> bool {
        true
    }

    fn outputs(&self) -> &'static [&'static str] {
        &[output::HOST_KEY, output::SSH]
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        let given = memory(self.asked);
        if given == self.asked {
            return Vec::new();
        }
        vec![("ram", format!("{} of memory → {} MiB", quantity::gigabytes(self.asked), given / MIB))]
    }

    fn claims(&self, attributes: &Attributes) -> Vec<String> {
        let disks = attributes.get("disks").and_then(Value::as_object).into_iter().flatten();
        let mut claims = provider::claims(attributes);
        claims.extend(disks.map(|(disk, _)| disk::claim(self.folder.machine(), disk)));
        claims
    }

    fn renaming(&self) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn moves_together(&self) -> bool {
        true
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        let is = |state: &str| observed.get(output::POWER).is_some_and(|power| power == state);
        let attribute = change.path.keys().first().map_or("", String::as_str);
        let text = match attribute {
            "ports" | mark::PROTECT | mark::TAGS => return Impact::InPlace(Disruption::None, None),
            output::POWER if is("paused") => {
                return Impact::InPlace(Disruption::None, Some("lets the machine go on".into()));
            }
            output::POWER => return Impact::InPlace(Disruption::None, Some("starts the machine".into())),
            _ if is("stopped") => return Impact::InPlace(Disruption::None, None),
            "nic" => "restarts the machine with other network cards".to_owned(),
            "disks" => return disk_impact(change, observed),
            "address" => "restarts the machine with another address".to_owned(),
            access::ATTRIBUTE => "restarts the machine to let the project's new key in".to_owned(),
            other => format!("restarts the machine to change its {other}"),
        };
        Impact::InPlace(Disruption::Reboot, Some(text))
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.observe(cx).await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.folder.prepare()?;
        let known = Applied::read(&self.folder)?;
        let target = self.target(known.as_ref())?;
        self.converge(known, target, cx).await
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        self.folder.prepare()?;
        let known = Applied::read(&self.folder)?;
        let known = known.ok_or_else(|| Failure::new(format!("{} vanished", self.id)).hint("run it again"))?;
        let target = known.with(&self.target(Some(&known))?, changes);
        if !changes.is_empty()
            && changes.iter().all(|change| [mark::PROTECT, mark::TAGS].iter().any(|mark| change.path.starts_with(mark)))
        {
            target.write(&self.folder)?;
            return Ok(self.seen(&target, power::state(&self.folder).await.as_str(), cx));
        }
        self.converge(Some(known), target, cx).await
    }

    async fn disown(&self, _cx: &Context) -> Result<String, Failure> {
        power::let_go(&self.folder)
    }

    async fn rename(&self, from: &ResourceId, _cx: &Context) -> Result<(), Failure> {
        self.setup.rename(from, self.folder.machine())
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        // A disk of data may be kept: what the guest has yet to write to it must not be lost.
        if self.folder.disks().iter().any(|disk| disk != disk::ROOT) {
            let applied = Applied::read(&self.folder).ok().flatten();
            let patience = applied.map_or(Accelerator::Tcg.patience(), |applied| applied.patience());
            power::stop(&self.setup, &self.folder, patience, cx).await?;
        }
        power::forget(&self.setup, &self.folder).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::diff;

    /// Another machine for each number.
    fn applied(n: u8) -> Applied {
        let text = format!(
            r#"{{ "cpus": {n}, "ram": {n}, "ports": {{ "127.0.0.1:80/tcp": {n}, "127.0.0.1:{n}/tcp": 80 }},
                "disks": {{ "root": {{ "readonly": {even} }}, "data-{n}": {{}} }},
                "cards": [{{ "model": "e1000", "mac": "{n}" }}, {{ "model": "virtio", "mac": "{n}" }}],
                "address": "10.85.1.{n}", "protect": {even}, "tags": {{ "tier": "{n}", "n{n}": "" }},
                "ssh": 2222, "accelerator": null }}"#,
            even = n.is_multiple_of(2),
        );
        serde_json::from_str(&text).expect("a record")
    }

    #[test]
    fn some_changes_are_made_without_the_others() {
        let (before, after) = (applied(1), applied(2));
        let changes = diff(&settled(&after), &settled(&before));
        assert_eq!(changes.len(), 15);
        for (nth, change) in changes.iter().enumerate() {
            let with = before.with(&after, std::slice::from_ref(change));
            let mut left = changes.clone();
            left.remove(nth);
            assert_eq!(diff(&settled(&after), &settled(&with)), left, "{}", change.path);
        }
        assert_eq!(before.with(&after, &changes), after);
    }
}
