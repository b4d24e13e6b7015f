//! `qemu.vm/<machine>`: the running machine.

use std::sync::Arc;

use async_trait::async_trait;

use crate::attributes;
use crate::desired;
use crate::id::ResourceId;
use crate::provider::qemu::accelerator::Accelerator;
use crate::provider::qemu::command_line::CONSOLE;
use crate::provider::qemu::folder::Folder;
use crate::provider::qemu::power::{self, Applied, check_free, forward, listen, monitor_of};
use crate::provider::qemu::{Setup, VM, access, disk, seed};
use crate::provider::{self, output};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::value::{Attributes, json};

#[derive(Debug)]
pub(super) struct Vm {
    id: ResourceId,
    parents: Vec<Parent>,
    setup: Arc<Setup>,
    folder: Folder,
    /// `None` for a machine that is only there to be deleted.
    plan: Option<Applied>,
    desired: Attributes,
}

pub(super) fn id(machine: &str) -> ResourceId {
    ResourceId::new(VM, machine)
}

impl Vm {
    pub(super) fn new(setup: &Arc<Setup>, machine: &desired::Machine) -> Self {
        let disks = machine.resources.disks.iter().filter(|(_, disk)| disk.size().is_some());
        let disks: Vec<_> = disks.map(|(name, _)| name.to_string()).collect();
        let plan = Applied {
            cpus: machine.resources.cpus,
            ram: machine.resources.ram,
            ports: machine.ports.iter().map(|forward| (listen(forward), forward.target)).collect(),
            disks,
            address: machine.address,
            ssh: 0,
            accelerator: None,
            emulate: false,
            project_key: None,
        };
        let mut desired = settled(&plan);
        // Who logs in with another key needs no restart for ours.
        let logs_in = machine.ssh.identity.is_none() && !machine.ssh.agent;
        if logs_in {
            desired.insert(access::ATTRIBUTE.into(), json!(access::LET_IN));
        }
        desired.insert(output::POWER.into(), json!("running"));
        let name = machine.name.as_str();
        let mut parents: Vec<_> = plan.disks.iter().map(|disk| Parent::uses(disk::id(name, disk))).collect();
        parents.extend([Parent::after(seed::id(name)), Parent::after(setup.segment_id())]);
        parents.extend(provider::comes_after(machine));
        Self { id: id(name), parents, folder: setup.folder(name), setup: setup.clone(), plan: Some(plan), desired }
    }

    pub(super) fn revived(setup: &Arc<Setup>, machine: &str, parents: Vec<Parent>) -> Self {
        let (folder, setup) = (setup.folder(machine), setup.clone());
        Self { id: id(machine), parents, setup, folder, plan: None, desired: Attributes::new() }
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

    /// What is wanted, with what earlier starts chose.
    fn target(&self, applied: Option<&Applied>) -> Result<Applied, Failure> {
        let plan = self.plan.clone().ok_or_else(|| Failure::new("nothing says what it should be"))?;
        let Some(Applied { ssh, accelerator, emulate, project_key, .. }) = applied else { return Ok(plan) };
        let project_key = if self.desired.contains_key(access::ATTRIBUTE) {
            seed::project_key(&self.folder)?
        } else {
            project_key.clone()
        };
        Ok(Applied { ssh: *ssh, accelerator: *accelerator, emulate: *emulate, project_key, ..plan })
    }
}

/// The attributes that are declared.
fn settled(applied: &Applied) -> Attributes {
    attributes! {
        "cpus": applied.cpus,
        "ram": applied.ram,
        "ports": applied.ports,
        "disks": applied.disks,
        "address": applied.address.to_string(),
    }
}

pub(super) fn observed(folder: &Folder, applied: &Applied, power: &str) -> Attributes {
    let mut attributes = settled(applied);
    attributes.insert(output::POWER.into(), json!(power));
    attributes.insert(output::SSH.into(), json!(format!("127.0.0.1:{}", applied.ssh)));
    attributes.insert(output::HOST_KEY.into(), json!(seed::public_host_key(folder)));
    attributes.insert(output::CONSOLE.into(), json!(folder.file(CONSOLE).display().to_string()));
    attributes.insert(output::PATIENCE.into(), json!(applied.patience()));
    let accelerator = applied.accelerator.map(Accelerator::as_str);
    attributes.insert("accelerator".into(), json!(accelerator));
    attributes
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

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn is_machine(&self) -> bool {
        true
    }

    fn outputs(&self) -> &'static [&'static str] {
        &[output::HOST_KEY, output::SSH]
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        let is = |state: &str| observed.get(output::POWER).is_some_and(|power| power == state);
        let attribute = change.path.keys().first().map_or("", String::as_str);
        let text = match attribute {
            "ports" => return Impact::InPlace(Disruption::None, None),
            output::POWER if is("paused") => {
                return Impact::InPlace(Disruption::None, Some("lets the machine go on".into()));
            }
            output::POWER => return Impact::InPlace(Disruption::None, Some("starts the machine".into())),
            _ if is("stopped") => return Impact::InPlace(Disruption::None, None),
            "disks" => "restarts the machine with other disks".to_owned(),
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
        self.update(cx, &[]).await
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.folder.prepare()?;
        let known = Applied::read(&self.folder)?;
        let mut target = self.target(known.as_ref())?;
        if power::recover(&self.setup, &self.folder, &mut target).await? {
            let mut applied = known.clone().unwrap_or_else(|| target.clone());
            if (Applied { ports: target.ports.clone(), ..applied.clone() }) == target {
                forward_live(&self.folder, &mut applied, &target).await?;
                return self.running(&applied, cx).await;
            }
            power::stop(&self.setup, &self.folder, applied.patience(), cx).await?;
        }
        power::start(&self.setup, &self.folder, &mut target, cx).await?;
        self.running(&target, cx).await
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
