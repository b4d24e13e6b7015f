//! The two network cards of a machine: one to the world, one to the other machines of the project.

use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use crate::id::Owner;
use crate::value::json;

/// The hardware addresses of a machine: to the world, and to the segment. The same on every run.
pub(super) fn hardware_addresses(owner: &Owner, machine: &str) -> [String; 2] {
    let hash = Sha256::digest(format!("{}/{machine}", owner.slug()));
    [0, 1].map(|card| {
        // QEMU's own prefix; the last bit tells the cards apart.
        let last = hash[2] & 0xfe | card;
        format!("52:54:00:{:02x}:{:02x}:{last:02x}", hash[0], hash[1])
    })
}

/// A `network-config` of version 2; JSON, which is YAML too.
pub(super) fn network_config(macs: &[String; 2], address: Ipv4Addr, prefix: u8) -> String {
    let config = json!({
        "version": 2,
        "ethernets": {
            "world": { "match": { "macaddress": macs[0] }, "dhcp4": true, "dhcp6": false },
            "segment": {
                "match": { "macaddress": macs[1] },
                "dhcp4": false,
                "dhcp6": false,
                "addresses": [format!("{address}/{prefix}")],
                "optional": true,
            },
        },
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Name;
    use crate::value::Value;

    #[test]
    fn hardware_addresses_differ_by_card_machine_and_project() {
        let owner = |project| Owner { project: Name::new(project).unwrap(), id: None };
        let web = hardware_addresses(&owner("shop"), "web");
        assert_eq!(web, hardware_addresses(&owner("shop"), "web"));
        assert!(web[0].starts_with("52:54:00:") && web[0] != web[1]);
        assert_ne!(web, hardware_addresses(&owner("shop"), "db"));
        assert_ne!(web, hardware_addresses(&owner("blog"), "web"));
    }

    #[test]
    fn the_cards_are_told_apart_by_hardware_address() {
        let macs = ["52:54:00:00:00:00".to_owned(), "52:54:00:00:00:01".to_owned()];
        let text = network_config(&macs, Ipv4Addr::new(10, 85, 0, 7), 16);
        let config: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["ethernets"]["world"]["match"]["macaddress"], macs[0]);
        assert_eq!(config["ethernets"]["segment"]["addresses"], json!(["10.85.0.7/16"]));
    }
}
