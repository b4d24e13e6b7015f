//! Addresses of machines on the project's segment, 10.85.0.0/16, from their names alone.
//!
//! The same file gives the same addresses on every computer, without anything being stored. A machine's address
//! follows from the hash of its name; of two that hash alike the one whose name sorts later moves on to the next free one.
//! Machines beyond the 64,516 that the segment holds are given addresses outside it, 10.86.1.1 and on: providers whose
//! machines stand on the segment refuse them, others need not care.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use crate::id::Name;

/// The third octet is 1 to 254 and so is the fourth: 10.85.0.x is left to switches and gateways.
const PER_OCTET: u32 = 254;
const CAPACITY: u32 = PER_OCTET * PER_OCTET;
/// 10.85 to 10.95: as many machines as all of this can tell apart.
const SEGMENTS: u32 = 11;

/// Whether a machine may be given this address.
#[must_use]
pub(super) fn is_usable(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    a == 10 && b == 85 && (1..=254).contains(&c) && (1..=254).contains(&d)
}

/// One address for each name, none of them taken. `None` for the names that no address is left for.
pub(super) fn assign<'a>(
    names: impl IntoIterator<Item = &'a Name>,
    taken: &BTreeSet<Ipv4Addr>,
) -> BTreeMap<Name, Option<Ipv4Addr>> {
    let names: BTreeSet<&Name> = names.into_iter().collect();
    let mut used = vec![false; CAPACITY as usize];
    for [_, _, c, d] in taken.iter().filter(|address| is_usable(**address)).map(Ipv4Addr::octets) {
        used[(u32::from(c) - 1) as usize * PER_OCTET as usize + usize::from(d) - 1] = true;
    }
    let mut n_free = used.iter().filter(|used| !**used).count();
    let mut beyond = CAPACITY..CAPACITY * SEGMENTS;
    let mut choose = |name: &Name| {
        if n_free == 0 {
            return beyond.next().map(address);
        }
        let first = slot(name);
        let free = (0..CAPACITY).map(|step| (first + step) % CAPACITY).find(|slot| !used[*slot as usize])?;
        used[free as usize] = true;
        n_free -= 1;
        Some(address(free))
    };
    names.into_iter().map(|name| (name.clone(), choose(name))).collect()
}

fn slot(name: &Name) -> u32 {
    let hash = Sha256::digest(name.as_str());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % CAPACITY
}

fn address(slot: u32) -> Ipv4Addr {
    let octet = |n: u32| u8::try_from(n + 1).expect("at most 254");
    let segment = u8::try_from(85 + slot / CAPACITY).expect("at most 95");
    let slot = slot % CAPACITY;
    Ipv4Addr::new(10, segment, octet(slot / PER_OCTET), octet(slot % PER_OCTET))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    #[test]
    fn an_address_depends_on_the_name_alone() {
        let alone = assign([&name("web")], &BTreeSet::new());
        let among = assign([&name("db"), &name("web"), &name("cache")], &BTreeSet::new());
        assert_eq!(alone[&name("web")], among[&name("web")]);
    }

    #[test]
    fn a_taken_address_is_passed_over() {
        let web = name("web");
        let first = assign([&web], &BTreeSet::new())[&web].expect("free");
        let second = assign([&web], &BTreeSet::from([first]))[&web].expect("free");
        assert_ne!(first, second);
        assert!(is_usable(first) && is_usable(second));
    }

    #[test]
    fn ten_thousand_machines_have_ten_thousand_addresses() {
        let names: Vec<_> = (1..=10_000).map(|n| name("worker").member(n)).collect();
        let assigned = assign(&names, &BTreeSet::new());
        let distinct: BTreeSet<_> = assigned.values().copied().flatten().collect();
        assert_eq!(distinct.len(), 10_000);
        assert!(distinct.into_iter().all(is_usable));
    }

    #[test]
    fn more_machines_than_the_segment_holds_still_have_an_address_each() {
        let names: Vec<_> = (1..=100_000).map(|n| name("worker").member(n)).collect();
        let assigned = assign(&names, &BTreeSet::new());
        let distinct: BTreeSet<_> = assigned.values().copied().flatten().collect();
        assert_eq!(distinct.len(), 100_000);
        assert_eq!(distinct.into_iter().filter(|address| is_usable(*address)).count(), CAPACITY as usize);
    }
}
