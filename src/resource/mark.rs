//! What the user has written on an object, beside what it is: attributes that stay with it whatever becomes of the
//! Machinefile and of our records.

use std::collections::BTreeMap;

use crate::value::{Attributes, Value, json};

/// `true` on what may not be deleted or made anew.
pub const PROTECT: &str = "protect";
/// The user's own words, by key.
pub const TAGS: &str = "tags";

/// The marks as attributes; what is not said is null, so that an object without marks has none to differ in.
pub fn attributes(protect: bool, tags: &BTreeMap<String, String>) -> [(String, Value); 2] {
    let tags = if tags.is_empty() { Value::Null } else { json!(tags) };
    [(PROTECT.to_owned(), json!(protect.then_some(true))), (TAGS.to_owned(), tags)]
}

/// Whether attributes, desired or observed, say that the thing is protected.
#[must_use]
pub fn is_protected(attributes: &Attributes) -> bool {
    attributes.get(PROTECT) == Some(&Value::Bool(true))
}
