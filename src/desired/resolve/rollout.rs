//! Which machines are not to be away all at once.

use std::collections::{BTreeMap, BTreeSet};

use super::Members;
use crate::config::file::{Machinefile, Most, Rollout};
use crate::desired::{Fleet, Machine};
use crate::id::Name;

/// The whole project first, then the machines of each name that says so or inherits it.
pub(super) fn fleets(
    file: &Machinefile,
    project: &Name,
    machines: &BTreeMap<Name, Machine>,
    members: &Members,
) -> Vec<Fleet> {
    let all = fleet(project, machines.keys().cloned().collect(), file.rollout.as_ref());
    let inherited = file.defaults.as_ref().and_then(|defaults| defaults.rollout.as_ref());
    let declared = members.iter().filter_map(|(name, names)| {
        let machine = file.machines.as_ref()?.get(name.as_str())?;
        let own = machine.as_ref().and_then(|machine| machine.rollout.as_ref());
        fleet(name, names.iter().cloned().collect(), own.or(inherited))
    });
    all.into_iter().chain(declared).collect()
}

fn fleet(name: &Name, machines: BTreeSet<Name>, rollout: Option<&Rollout>) -> Option<Fleet> {
    let most = match *rollout?.max_unavailable.as_ref()? {
        Most::Number(most) => usize::try_from(most).unwrap_or(usize::MAX),
        Most::Percent(part) => machines.len() * usize::try_from(part).unwrap_or(100) / 100,
    };
    Some(Fleet { name: name.clone(), machines, most: most.max(1) })
}
