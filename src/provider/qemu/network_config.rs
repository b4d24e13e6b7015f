//! What the machine is told about its network cards.

use std::net::Ipv4Addr;

use crate::value::json;

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
    use crate::value::Value;

    #[test]
    fn the_cards_are_told_apart_by_hardware_address() {
        let macs = ["52:54:00:00:00:00".to_owned(), "52:54:00:00:00:01".to_owned()];
        let text = network_config(&macs, Ipv4Addr::new(10, 85, 0, 7), 16);
        let config: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["ethernets"]["world"]["match"]["macaddress"], macs[0]);
        assert_eq!(config["ethernets"]["segment"]["addresses"], json!(["10.85.0.7/16"]));
    }
}
