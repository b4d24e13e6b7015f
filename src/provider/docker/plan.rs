//! What of a container is fixed when it is made; its label `machine.plan`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::attributes;
use crate::desired::{self, Forward, Protocol};
use crate::provider::docker::image::Recipe;
use crate::provider::docker::{ROOT, Setup};
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
