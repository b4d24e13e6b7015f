//! Drives speak of one machine each, by its full name: which of them that is in the Machinefile.

use std::collections::BTreeMap;

use super::error::Problem;
use super::provider::Document;
use crate::value::Path;

/// The counted machine that a member is one of, by the member's name.
pub(super) type Members = BTreeMap<String, String>;

/// What drives say of a member counts for that member alone; what they say of a machine that nothing else knows, as one
/// that is no longer wanted, does not make it wanted.
pub(super) fn settle(documents: &mut Vec<Document>, warnings: &mut Vec<Problem>) -> Members {
    let mut members = Members::new();
    let declared = |documents: &[Document], name: &str| {
        let path: Path = ["machines".to_owned(), name.to_owned()].into_iter().collect();
        documents.iter().any(|document| document.machine.is_none() && document.holds(&path).is_some())
    };
    let mut strays = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let Some(name) = document.machine.as_ref().map(crate::id::Name::as_str) else { continue };
        if declared(documents, name) {
            continue;
        }
        let base = name.rsplit_once('-').filter(|(_, n)| n.parse::<u32>().is_ok()).map(|(base, _)| base);
        if let Some(base) = base.filter(|base| declared(documents, base)) {
            members.insert(name.to_owned(), base.to_owned());
        } else {
            let message = format!("no machine `{name}` is declared, so what its drive says is left out");
            warnings.push(Problem::new(document.root.origin.clone(), message));
            strays.push(index);
        }
    }
    for index in strays.into_iter().rev() {
        documents.remove(index);
    }
    for (index, document) in documents.iter_mut().enumerate() {
        document.index = index;
    }
    members
}
