//! What the machines ask for against what their drivers can do: all of it, before anything is contacted.

use std::collections::BTreeSet;

use super::Scope;
use crate::config::file;
use crate::desired::ROOT;
use crate::desired::capability::{APART, Capability, support};
use crate::note::{Note, nearest};
use crate::value::Path;

/// A setting that has to hold, and where that is said.
struct Mark {
    setting: Path,
    at: Path,
}

/// Findings about one machine as it is declared.
pub(super) fn check(scope: &mut Scope<'_>, at: &Path, written: &file::Machine, driver: &str) {
    let Some(driver) = scope.surroundings.drivers.iter().find(|known| known.name == driver) else { return };
    let set: Vec<_> = scope.config.settings(at);
    let marks: Vec<_> = written.mandatory.iter().flatten().enumerate().map(|(i, text)| mark(at, i, text)).collect();
    for mark in &marks {
        judge(scope, mark, driver.capabilities, &set);
    }
    let disks = written.resources.iter().flat_map(|resources| resources.disks.iter().flatten());
    let boot = disks.filter(|(_, disk)| disk.boot_partition == Some(true)).map(|(name, _)| name.as_str()).next();
    for setting in &set {
        let support = support(driver.capabilities, setting, boot.unwrap_or(ROOT));
        let Some((verb, why)) = support.and_then(crate::desired::Support::missing) else { continue };
        let path = below(at, setting);
        let message = format!("driver `{}` {verb} `{setting}`: {why}", driver.name);
        let note = match marks.iter().find(|mark| setting.keys().starts_with(mark.setting.keys())) {
            Some(mark) => Note::error(path, message)
                .also(mark.at.clone(), "said to be mandatory here")
                .hint("choose a provider that can, or take it out of `mandatory`"),
            None => Note::warning(path, message).hint(format!("`mandatory: [{setting}]` makes this an error")),
        };
        once(scope, note);
    }
}

fn mark(at: &Path, i: usize, text: &str) -> Mark {
    Mark { setting: Path::parse(text), at: at.join("mandatory").join(i) }
}

fn below(at: &Path, setting: &Path) -> Path {
    setting.keys().iter().fold(at.clone(), |path, key| path.join(key))
}

/// A mark has to name something that is set.
fn judge(scope: &mut Scope<'_>, mark: &Mark, table: &[Capability], set: &[Path]) {
    let keys = mark.setting.keys();
    if !keys.is_empty() && set.iter().any(|setting| setting.keys().starts_with(keys)) {
        return;
    }
    let named = &mark.setting;
    let note = if is_known(table, named) {
        Note::warning(mark.at.clone(), format!("`{named}` is said to be mandatory and is not set"))
    } else {
        Note::error(mark.at.clone(), format!("a machine has no setting `{named}`"))
    };
    let prefixes = |path: &Path| std::iter::successors(Some(path.clone()), Path::parent).map(|path| path.to_string());
    let rows = table.iter().filter(|row| !row.setting.contains(['*', '<'])).map(|row| row.setting.to_owned());
    let known = set.iter().flat_map(prefixes).filter(|path| !path.is_empty()).chain(rows);
    let known: BTreeSet<_> = known.filter(|known| *known != named.to_string()).collect();
    let note = match nearest(&named.to_string(), known.iter().map(String::as_str)) {
        Some(near) => note.hint(format!("did you mean `{near}`?")),
        None => note.hint("name a setting of the machine, such as `resources.disks.data`"),
    };
    once(scope, note);
}

/// Whether there is such a setting, or a map that holds settings.
fn is_known(table: &[Capability], path: &Path) -> bool {
    let keys = path.keys();
    let matches = |(row, key): (&str, &String)| row == key || row == "*";
    let above = |row: &&Capability| {
        row.setting.split('.').count() >= keys.len() && row.setting.split('.').zip(keys).all(matches)
    };
    !keys.is_empty()
        && (APART.iter().any(|apart| path.starts_with(apart))
            || table.iter().any(|row| above(&row) || row.covers(path, crate::desired::capability::BOOT)))
}

/// What many machines inherit is said once, at its one place.
fn once(scope: &mut Scope<'_>, note: Note) {
    let config = scope.config;
    let same = |other: &Note| {
        other.message == note.message && config.nearest_origin(&other.path) == config.nearest_origin(&note.path)
    };
    if !scope.notes.iter().any(same) {
        scope.notes.push(note);
    }
}
