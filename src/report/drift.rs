//! What the world did without us, for eyes and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::difference::{Difference, difference};
use super::style::Style;
use super::text::count;
use crate::plan::{Drift, Fate};
use crate::resource::Change;

/// Ends with a line break.
#[must_use]
pub fn drift(drifts: &[Drift], style: Style) -> String {
    let mut text = String::new();
    for drift in drifts {
        let (symbol, words) = match &drift.fate {
            Fate::Changed(_) => (style.caution("  ~"), "changed without us"),
            Fate::Gone => (style.bad("  -"), "gone without us"),
            Fate::Found => (style.good("  +"), "here, and no record tells of it"),
        };
        _ = writeln!(text, "{symbol} {} {}", style.strong(drift.resource.as_str()), style.faint(words));
        if let Fate::Changed(changes) = &drift.fate {
            draw_changes(changes, style, &mut text);
        }
    }
    let of = |word: &str| drifts.iter().filter(|drift| drift.fate.as_str() == word).count();
    if drifts.is_empty() {
        text.push_str("Nothing was changed without us.\n");
    } else {
        let (changed, gone, found) = (of("changed"), of("gone"), of("found"));
        _ = writeln!(text, "\nWithout us: {changed} changed, {gone} gone, {found} found.");
    }
    text
}

fn draw_changes(changes: &[Change], style: Style, text: &mut String) {
    let width = changes.iter().map(|change| change.path.to_string().len()).max().unwrap_or(0);
    for change in changes {
        let name = change.path.to_string();
        match difference(change) {
            Difference::Line { before, after } => {
                _ = writeln!(text, "        {name:<width$}  {} → {}", style.bad(&before), style.good(&after));
            }
            Difference::Lines(lines) => {
                _ = writeln!(text, "        {name}");
                for line in lines {
                    _ = writeln!(text, "            {line}");
                }
            }
        }
    }
}

/// `1 record follows the world now.`
#[must_use]
pub fn refreshed(n: usize) -> String {
    match n {
        0 => "The records are as the world is.\n".to_owned(),
        1 => "1 record follows the world now.\n".to_owned(),
        n => format!("{} follow the world now.\n", count(n, "record")),
    }
}

/// Format 1, pretty-printed, ends with a line break.
#[must_use]
pub fn drift_json(drifts: &[Drift], project: &str) -> String {
    let change =
        |change: &Change| json!({"path": change.path.to_string(), "before": change.before, "after": change.after});
    let line = |drift: &Drift| {
        let changes: Vec<_> = match &drift.fate {
            Fate::Changed(changes) => changes.iter().map(change).collect(),
            Fate::Gone | Fate::Found => Vec::new(),
        };
        json!({"resource": drift.resource.as_str(), "fate": drift.fate.as_str(), "changes": changes})
    };
    let outside: Vec<_> = drifts.iter().map(line).collect();
    let document = json!({"format": 1, "project": project, "outside": outside});
    format!("{}\n", serde_json::to_string_pretty(&document).expect("plain data"))
}
