//! The Docker Engine of a machine.

use std::collections::BTreeMap;

use crate::value::{Path, Value};

#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// A version or the beginning of one: `26`, `26.1`, `26.1.5`. `None` takes what the distribution offers and leaves an installed one alone.
    pub version: Option<String>,
    /// Keys of `daemon.json` that are ours; all others on the machine are left as they are.
    pub options: BTreeMap<String, Value>,
    pub at: Path,
}
