//! Machines that are called otherwise than they were.

use std::collections::BTreeMap;

use super::{Members, Scope};
use crate::config::file;
use crate::desired::Machine;
use crate::id::Name;
use crate::note::{Note, suggestion};
use crate::value::Path;

struct Move {
    from: Name,
    to: Name,
    at: Path,
}

/// What each machine may have been called before. A counted machine's members go by their numbers, and what was one machine
/// becomes the first of several.
pub(super) fn names(
    scope: &mut Scope<'_>,
    machines: &BTreeMap<Name, Machine>,
    members: &Members,
) -> BTreeMap<Name, Vec<Name>> {
    let written = scope.config.file.moved.clone().unwrap_or_default();
    let moves: Vec<_> = written.iter().enumerate().filter_map(|(i, moved)| parse(scope, moved, i)).collect();
    let mut former = BTreeMap::<Name, Vec<Name>>::new();
    for (i, moved) in moves.iter().enumerate() {
        if let Some(note) = clash(&moves, i) {
            scope.note(note);
            continue;
        }
        let Some(now) = members.get(&moved.to) else {
            let note = Note::error(moved.at.join("to"), format!("no machine is called `{}`", moved.to));
            scope.note(note.hint(suggestion(moved.to.as_str(), members.keys().map(Name::as_str))));
            continue;
        };
        let counted = *now != [moved.to.clone()];
        let pairs: Vec<_> = now.iter().zip(1..).map(|(name, n)| (name, before(&moved.from, counted, n))).collect();
        let mut olds = pairs.iter().flat_map(|(name, olds)| olds.iter().filter(move |old| old != name));
        if let Some(still) = olds.find(|old| machines.contains_key(*old)) {
            let note = Note::error(moved.at.join("from"), format!("`{still}` is still one of the machines"));
            let note = note.also(machines[still].at.clone(), "declared here");
            scope.note(note.hint("take one of the two out: a machine has one name"));
            continue;
        }
        for (name, olds) in pairs {
            let olds = olds.into_iter().filter(|old| old != name);
            former.entry(name.clone()).or_default().extend(olds);
        }
    }
    former
}

fn parse(scope: &mut Scope<'_>, moved: &file::Moved, i: usize) -> Option<Move> {
    let at = Path::parse("moved").join(i);
    let mut name = |text: &str, key: &str| {
        let bare = text.strip_prefix("machines.").unwrap_or(text);
        scope.name(bare, &at.join(key))
    };
    let (from, to) = (name(&moved.from, "from")?, name(&moved.to, "to")?);
    Some(Move { from, to, at })
}

fn before(from: &Name, counted: bool, n: u32) -> Vec<Name> {
    match (counted, n) {
        (false, _) => vec![from.clone()],
        (true, 1) => vec![from.member(1), from.clone()],
        (true, n) => vec![from.member(n)],
    }
}

/// What is wrong between a move and those beside it; told once for each pair.
fn clash(moves: &[Move], i: usize) -> Option<Note> {
    let this = &moves[i];
    for (j, other) in moves.iter().enumerate().filter(|(j, _)| *j != i) {
        if j < i && other.to == this.to {
            let note = Note::error(this.at.join("to"), format!("two machines cannot both become `{}`", this.to));
            return Some(note.also(other.at.join("to"), "the other one"));
        }
        if j < i && other.from == this.from {
            let note = Note::error(this.at.join("from"), format!("`{}` cannot become two machines", this.from));
            return Some(note.also(other.at.join("from"), "it moves here already"));
        }
        if other.to != this.from || other.from == other.to {
            continue;
        }
        if other.from == this.to {
            let note = Note::error(this.at.clone(), format!("`{}` and `{}` move in a circle", this.from, this.to));
            let note = note.also(other.at.clone(), "the way back").hint("take one of the two out");
            return (j < i).then_some(note);
        }
        let message = format!("`{}` moves on from where `{}` moved to", this.from, other.from);
        let hint = format!("write one step: from `machines.{}` to `machines.{}`", other.from, this.to);
        return Some(Note::error(this.at.clone(), message).also(other.at.clone(), "the step before").hint(hint));
    }
    None
}
