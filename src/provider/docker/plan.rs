//! What of a container is fixed when it is made; its label `machine.plan`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::attributes;
use crate::desired::{self, Forward, Protocol};
use crate::provider::docker::image::Recipe;
use crate::provider::docker::{ROOT, Setup};
use crate::resource::{Change, follow};
use crate::value::Attributes;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The name of the image among the resources.
    pub(super) image: String,
    /// `127.0.0.1:8080/tcp` here leads to this port in the machine.
    pub(super) ports: BTreeMap<String, u16>,
    /// Where each disk is mounted.
    pub(super) disks: BTreeMap<String, String>,
    pub(super) address: Ipv4Addr,
    /// `10.85.0.0/16`.
    pub(super) segment: String,
    pub(super) init: String,
}

impl Plan {
    pub(super) fn of(setup: &Setup, machine: &desired::Machine, recipe: &Recipe) -> Self {
        let disks = machine.resources.disks.iter().filter(|(name, _)| name.as_str() != ROOT);
        Self {
            image: recipe.name.clone(),
            ports: machine.ports.iter().map(|forward| (listen(forward), forward.target)).collect(),
            disks: disks.filter_map(|(name, disk)| Some((name.to_string(), disk.mount.clone()?))).collect(),
            address: machine.address,
            segment: setup.settings.segment.to_string(),
            init: setup.settings.init.clone(),
        }
    }

    pub(super) fn attributes(&self) -> Attributes {
        attributes! {
            "image": self.image,
            "ports": self.ports,
            "disks": self.disks,
            "address": self.address.to_string(),
            "segment": self.segment,
            "init": self.init,
        }
    }

    /// This with some changes on the way to `target`.
    pub(super) fn with(&self, target: &Self, changes: &[Change]) -> Self {
        let mut all = self.clone();
        for change in changes {
            match change.path.keys() {
                [name, ..] if name == "image" => all.image.clone_from(&target.image),
                [name, ..] if name == "address" => all.address = target.address,
                [name, ..] if name == "segment" => all.segment.clone_from(&target.segment),
                [name, ..] if name == "init" => all.init.clone_from(&target.init),
                [name, rest @ ..] if name == "ports" => follow(&mut all.ports, &target.ports, rest),
                [name, rest @ ..] if name == "disks" => follow(&mut all.disks, &target.disks, rest),
                _ => {}
            }
        }
        all
    }

    /// `10.85.3.7/16`.
    pub(super) fn end(&self) -> String {
        format!("{}/{}", self.address, self.segment.rsplit_once('/').map_or("32", |(_, prefix)| prefix))
    }

    /// Each port of the machine that is published, as `80/tcp`, and the address and port of this computer.
    pub(super) fn published(&self) -> impl Iterator<Item = (String, String, String)> {
        self.ports.iter().filter_map(|(listen, target)| {
            let (end, protocol) = listen.split_once('/')?;
            let (address, port) = end.rsplit_once(':')?;
            Some((format!("{target}/{protocol}"), address.to_owned(), port.to_owned()))
        })
    }
}

/// As ports are called among the attributes.
fn listen(forward: &Forward) -> String {
    let protocol = match forward.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    format!("{}:{}/{protocol}", forward.address, forward.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::diff;

    fn plan(image: &str, port: u16, disk: &str, address: [u8; 4]) -> Plan {
        Plan {
            image: image.into(),
            ports: BTreeMap::from([("127.0.0.1:8080/tcp".into(), port), (format!("127.0.0.1:{port}/tcp"), 1)]),
            disks: BTreeMap::from([(disk.to_owned(), "/data".into())]),
            address: address.into(),
            segment: format!("{}.0.0.0/8", address[0]),
            init: format!("/{image}"),
        }
    }

    #[test]
    fn some_changes_are_made_without_the_others() {
        let (before, after) = (plan("a", 80, "data", [10, 0, 0, 1]), plan("b", 81, "more", [11, 0, 0, 2]));
        let changes = diff(&after.attributes(), &before.attributes());
        assert_eq!(changes.len(), 9);
        for (nth, change) in changes.iter().enumerate() {
            let with = before.with(&after, std::slice::from_ref(change));
            let mut left = changes.clone();
            left.remove(nth);
            assert_eq!(diff(&after.attributes(), &with.attributes()), left, "{}", change.path);
        }
        assert_eq!(before.with(&after, &changes), after);
    }

    #[test]
    fn a_plan_says_where_ports_lead_and_which_address_is_added() {
        let plan = Plan {
            image: "debian-13".into(),
            ports: BTreeMap::from([("127.0.0.1:8080/tcp".into(), 80), ("0.0.0.0:53/udp".into(), 5353)]),
            disks: BTreeMap::new(),
            address: Ipv4Addr::new(10, 85, 3, 7),
            segment: "10.85.0.0/16".into(),
            init: "/sbin/init".into(),
        };
        assert_eq!(plan.end(), "10.85.3.7/16");
        let published: Vec<_> = plan.published().map(|(port, ip, at)| format!("{ip}:{at} {port}")).collect();
        assert_eq!(published, ["0.0.0.0:53 5353/udp", "127.0.0.1:8080 80/tcp"]);
    }
}
