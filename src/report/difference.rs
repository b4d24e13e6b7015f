//! How one change reads: on one line where it fits there, as a unified diff where it has lines of its own.

use similar::TextDiff;

use super::text::value;
use crate::plan::Step;
use crate::resource::{Change, Shown, Text};
use crate::value::Value;

/// What stands for a value that only the world decides.
pub(super) const UNKNOWN: &str = "(known after apply)";

/// Lines of context around a change in a text.
const CONTEXT: usize = 3;
/// Lists and maps up to this long are shown on one line.
const SHORT: usize = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    Line {
        before: String,
        after: String,
    },
    /// The lines of a unified diff.
    Lines(Vec<String>),
}

pub(super) fn difference(change: &Change) -> Difference {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    if !is_long(before) && !is_long(after) {
        let name = change.path.to_string();
        return Difference::Line { before: value(&name, before), after: value(&name, after) };
    }
    let (before, after) = (spread(before), spread(after));
    Difference::Lines(unified(&before, &after))
}

/// What is told of a text beside the digests that change.
pub(super) fn of_text(text: &Text) -> Result<Vec<String>, String> {
    match &text.shown {
        Shown::Nothing(why) => Err(format!("  (not shown: {why})")),
        Shown::Lines { before, after, covered } => {
            let mut lines = unified(before, after);
            if *covered {
                lines.push("(what is covered changes too)".to_owned());
            }
            Ok(lines)
        }
    }
}

pub(super) fn unified(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(CONTEXT).missing_newline_hint(false).to_string();
    text.lines().map(str::to_owned).collect()
}

/// The texts of a step that stand behind no change of their own, but behind several.
pub(super) fn texts_apart(step: &Step) -> impl Iterator<Item = &Text> {
    step.texts.iter().filter(|text| step.changes.iter().all(|change| change.path != text.path))
}

/// The text behind a change.
pub(super) fn text_behind<'a>(step: &'a Step, change: &Change) -> Option<&'a Text> {
    step.texts.iter().find(|text| text.path == change.path)
}

/// A text of several lines, or a list or map that would not fit on one.
pub(super) fn is_long(value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(text)) => text.trim_end().contains('\n'),
        Some(tree @ (Value::Array(_) | Value::Object(_))) => tree.to_string().len() > SHORT,
        _ => false,
    }
}

/// A text as it is, anything else as JSON with a line per leaf; ends with a line break unless it is empty.
pub(super) fn spread(value: Option<&Value>) -> String {
    let mut text = match value {
        None => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).expect("a JSON value"),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
