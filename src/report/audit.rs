//! Where a setting came from, and what a layer changes.

use std::fmt::Write as _;

use super::Style;
use super::configuration::place;
use crate::config::history::{Difference, Said};
use crate::config::{Layer, selector};
use crate::origin::Origin;
use crate::value::{Path, Value, json, plain};

/// What every text says at a path, the one in effect first.
#[must_use]
pub fn chain(path: &Path, chain: &[Said], style: Style) -> String {
    let mut text = format!("{}\n", style.strong(&selector::written(path)));
    let places: Vec<_> = chain.iter().map(|said| place(said.layer, &said.origin)).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or_default();
    let winner = chain.iter().rposition(|said| said.dropped.is_none());
    for (i, (said, place)) in chain.iter().zip(&places).enumerate().rev() {
        let state = match &said.dropped {
            Some(by) => format!("dropped at {}", by_place(by)),
            None => state(said, winner == Some(i)).to_owned(),
        };
        let line = format!("  {:<16}  {place:<width$}  {}  ({state})", said.layer.as_str(), plain(&said.value));
        let line = if Some(i) == winner || said.adds { line } else { style.faint(&line) };
        _ = writeln!(text, "{line}");
    }
    text
}

/// What became of what a text says.
fn state(said: &Said, wins: bool) -> &'static str {
    match said {
        Said { dropped: Some(_), .. } => "dropped",
        Said { adds: true, .. } => "adds up",
        _ if wins => "in effect",
        Said { value: Value::Object(_), .. } => "merged",
        _ => "shadowed",
    }
}

/// What every text says, for programs: the latest first.
#[must_use]
pub fn chain_json(chain: &[Said]) -> Value {
    let winner = chain.iter().rposition(|said| said.dropped.is_none());
    let at = |origin: &Origin| {
        let (line, column) = origin.line_column();
        json!({ "source": origin.source.name, "line": line, "column": column })
    };
    let entry = |(i, said): (usize, &Said)| {
        let mut entry = at(&said.origin);
        entry["layer"] = said.layer.as_str().into();
        entry["value"] = said.value.clone();
        entry["state"] = state(said, winner == Some(i)).into();
        entry["dropped"] = said.dropped.as_ref().map_or(Value::Null, at);
        entry
    };
    chain.iter().enumerate().rev().map(entry).collect()
}

fn by_place(origin: &Origin) -> String {
    let (line, column) = origin.line_column();
    format!("{}:{line}:{column}", origin.source.name)
}

/// What a layer makes different from what the others come to.
#[must_use]
pub fn difference(layer: Layer, found: &[Difference], style: Style) -> String {
    if found.is_empty() {
        return format!("Layer {layer} changes nothing.\n");
    }
    let mut text = String::new();
    for difference in found {
        let path = selector::written(&difference.path);
        let place = difference.origin.as_ref().map(|origin| style.faint(&format!("  # {}", by_place(origin))));
        let place = place.unwrap_or_default();
        let line = match (&difference.before, &difference.after) {
            (None, Some(after)) => style.good(&format!("+ {path}: {}", plain(after))),
            (Some(before), None) => style.bad(&format!("- {path}: {}", plain(before))),
            (Some(before), Some(after)) => style.caution(&format!("~ {path}: {} → {}", plain(before), plain(after))),
            (None, None) => continue,
        };
        _ = writeln!(text, "{line}{place}");
    }
    text
}

/// The same for programs.
#[must_use]
pub fn difference_json(found: &[Difference]) -> Value {
    let entry = |difference: &Difference| {
        let place = difference.origin.as_ref().map(|origin| (origin.source.name.clone(), origin.line_column()));
        let (source, line_column) = place.unzip();
        let (line, column) = line_column.unzip();
        json!({
            "path": selector::written(&difference.path), "before": difference.before, "after": difference.after,
            "source": source, "line": line, "column": column,
        })
    };
    found.iter().map(entry).collect()
}
