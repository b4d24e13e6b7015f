//! The range of addresses that a project's machines have among themselves.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A range of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    pub(super) network: Ipv4Addr,
    pub(super) prefix: u8,
}

impl Cidr {
    pub(super) const DEFAULT: Self = Self { network: Ipv4Addr::new(10, 85, 0, 0), prefix: 16 };

    pub(super) fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.network.to_bits()
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a range of addresses such as {}", Self::DEFAULT);
        let (network, prefix) = text.split_once('/').ok_or_else(bad)?;
        let cidr = Self { network: network.parse().map_err(|_| bad())?, prefix: prefix.parse().map_err(|_| bad())? };
        if !(1..=30).contains(&cidr.prefix) || !cidr.contains(cidr.network) {
            return Err(bad());
        }
        Ok(cidr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_a_network_and_its_prefix() {
        let cidr: Cidr = "10.9.4.0/22".parse().unwrap();
        assert!(cidr.contains("10.9.7.255".parse().unwrap()));
        assert!(!cidr.contains("10.9.8.0".parse().unwrap()));
    }

    #[test]
    fn a_segment_with_host_bits_or_no_room_is_refused() {
        for bad in ["10.9.4.1/22", "10.9.4.0", "10.9.4.0/31", "10.9.4.0/0", "ten/8"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }
}
