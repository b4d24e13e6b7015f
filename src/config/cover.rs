//! Parts of a text that are not to be read: stars in their place, byte for byte, so that every place stays where it is.

use std::ops::Range;
use std::sync::Arc;

use super::error::Problem;
use super::shape;
use crate::origin::{Origin, Source};
use crate::value::Value;

/// The same text with stars for the bytes of some spans; lines stay lines.
pub(super) fn starred(text: &str, spans: impl Iterator<Item = Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        for byte in bytes.get_mut(span).into_iter().flatten().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            *byte = b'*';
        }
    }
    String::from_utf8(bytes).expect("whole values are covered, and so whole characters")
}

/// What follows the first line of a text that has several, else all of it.
pub(super) fn after_first_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let first = text.get(span.clone()).and_then(|value| value.find('\n'));
    first.map_or(span.start, |line| span.start + line)..span.end
}

/// Lets a place lie in the covered text.
pub(super) fn replace(origin: &mut Origin, old: &Arc<Source>, new: &Arc<Source>) {
    if Arc::ptr_eq(&origin.source, old) {
        origin.source = Arc::clone(new);
    }
}

/// Lets a problem be shown with the covered text, and its words quote nothing that is covered.
pub(super) fn hide(problem: &mut Problem, old: &Arc<Source>, new: &Arc<Source>, spans: &[Range<usize>]) {
    if Arc::ptr_eq(&problem.origin.source, old) {
        for covered in spans.iter().filter_map(|span| old.text.get(span.clone())) {
            let quoted = format!("`{}`", covered.trim().trim_matches(['"', '\'']));
            if quoted.len() > 2 && problem.message.contains(&quoted) {
                problem.message = problem.message.replace(&quoted, "this");
                problem.hint = None;
            }
        }
    }
    replace(&mut problem.origin, old, new);
    problem.also.iter_mut().for_each(|also| replace(&mut also.0, old, new));
}

/// Problems of a text of which there is no tree: what looks like a secret in it is covered by the look of its lines. Of
/// a text of somebody else's nothing is shown but the lines that are at fault.
pub(super) fn unparsed(mut problems: Vec<Problem>, schema: &Value, foreign: bool) -> Vec<Problem> {
    let Some(old) = problems.first().map(|problem| Arc::clone(&problem.origin.source)) else { return problems };
    let known = shape::secrets(schema);
    let mut spans = crate::cover::secrets(&old.text, &|key| known.contains(key));
    if foreign {
        let lines: Vec<_> = problems.iter().map(|problem| line_of(&old.text, problem.origin.span.start)).collect();
        spans.extend(gaps(&old.text, &lines));
    }
    if !spans.is_empty() {
        let new = Arc::new(Source { name: old.name.clone(), text: starred(&old.text, spans.iter().cloned()) });
        for problem in &mut problems {
            hide(problem, &old, &new, &spans);
        }
    }
    problems
}

fn line_of(text: &str, at: usize) -> Range<usize> {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    start..text[start..].find('\n').map_or(text.len(), |newline| start + newline)
}

/// A text of which only some parts are ours, without the others: they may hold anything.
pub(super) fn all_but(ours: &[Range<usize>], source: &Arc<Source>) -> Arc<Source> {
    // The line that says what the text is.
    let header = source.text.starts_with("#cloud-").then(|| line_of(&source.text, 0));
    let shown: Vec<_> = ours.iter().cloned().chain(header).collect();
    let text = starred(&source.text, gaps(&source.text, &shown).into_iter());
    Arc::new(Source { name: source.name.clone(), text })
}

/// What is between some parts of a text.
fn gaps(text: &str, parts: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|part| part.start);
    let mut found = Vec::new();
    let mut at = 0;
    for part in parts {
        found.extend((at < part.start).then_some(at..part.start));
        at = at.max(part.end.min(text.len()));
    }
    found.push(at..text.len());
    found
}
