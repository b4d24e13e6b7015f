//! Machines that are not to be away all at once.

use std::collections::BTreeSet;

use crate::id::Name;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What its machines have in common: the name of a counted machine, or the project's.
    pub name: Name,
    pub machines: BTreeSet<Name>,
    /// How many of them may be away; at least one.
    pub most: usize,
}
