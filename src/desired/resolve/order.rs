//! Which machines come before others.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Members, Scope};
use crate::desired::Machine;
use crate::id::Name;
use crate::note::{self, Note};
use crate::value::Path;

/// The names in `depends-on`, each once.
pub(super) fn names(scope: &mut Scope<'_>, written: &[String], at: &Path) -> Vec<Name> {
    let mut names = Vec::new();
    for (i, text) in written.iter().enumerate() {
        names.extend(scope.name(text, &at.join(i)).filter(|name| !names.contains(name)));
    }
    names
}

/// The names that some machine waits for, with what they mean.
pub(super) fn groups(machines: &BTreeMap<Name, Machine>, members: &Members) -> BTreeMap<Name, Vec<Name>> {
    let named: HashSet<&Name> = machines.values().flat_map(|machine| &machine.depends_on).collect();
    named.into_iter().filter_map(|name| Some((name.clone(), members.get(name)?.clone()))).collect()
}

/// That every name is there and that no machine waits for itself.
pub(super) fn check(scope: &mut Scope<'_>, machines: &BTreeMap<Name, Machine>, members: &Members) {
    let mut needs: HashMap<&Path, Vec<&Path>> = HashMap::new();
    for machine in machines.values() {
        if machine.depends_on.is_empty() || needs.contains_key(&machine.at) {
            continue;
        }
        let mut before = Vec::new();
        for (i, name) in machine.depends_on.iter().enumerate() {
            let first = members.get(name).map(|members| members.first().and_then(|first| machines.get(first)));
            match first {
                Some(first) => before.extend(first.map(|machine| &machine.at)),
                None if scope.config.file.machines.iter().any(|all| all.contains_key(name.as_str())) => {}
                None => {
                    let at = machine.at.join("depends-on").join(i);
                    let note = Note::error(at, format!("no machine is called `{name}`"));
                    scope.note(note.hint(note::suggestion(name.as_str(), members.keys().map(Name::as_str))));
                }
            }
        }
        needs.insert(&machine.at, before);
    }
    if let Some(circle) = circle(machines, &needs) {
        let names: Vec<_> = circle.iter().filter_map(|at| at.keys().last()).map(|name| format!("`{name}`")).collect();
        let message = format!("these machines wait for each other: {}", names.join(" → "));
        let note = Note::error(circle[0].join("depends-on"), message);
        scope.note(note.hint("take one of the names out"));
    }
}

/// The first declarations, in the order of names, that lead back to themselves, the first again at the end.
fn circle<'a>(
    machines: &'a BTreeMap<Name, Machine>,
    needs: &HashMap<&'a Path, Vec<&'a Path>>,
) -> Option<Vec<&'a Path>> {
    let mut cleared = HashSet::new();
    for machine in machines.values() {
        let mut way: Vec<(&Path, usize)> = vec![(&machine.at, 0)];
        let mut on_way = HashSet::from([&machine.at]);
        while let Some((at, next)) = way.last_mut() {
            let following = needs.get(*at).and_then(|before| before.get(*next)).copied();
            *next += 1;
            match following {
                _ if cleared.contains(*at) => _ = way.pop().map(|(at, _)| on_way.remove(at)),
                Some(before) if on_way.contains(before) => {
                    let start = way.iter().position(|(at, _)| *at == before)?;
                    return Some(way[start..].iter().map(|(at, _)| *at).chain([before]).collect());
                }
                Some(before) => {
                    on_way.insert(before);
                    way.push((before, 0));
                }
                None => {
                    cleared.insert(*at);
                    _ = way.pop().map(|(at, _)| on_way.remove(at));
                }
            }
        }
    }
    None
}
