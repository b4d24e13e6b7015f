//! Parts of a text that are not to be read: stars in their place, byte for byte, so that every place stays where it is.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::error::Problem;
use super::shape;
use crate::origin::{Origin, Source};
use crate::value::Value;

/// Keys that name secrets to whoever wrote them, beside those that the schema knows.
const WORDS: [&str; 9] =
    ["password", "passwd", "secret", "token", "api-key", "access-key", "private-key", "credential", "passphrase"];

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

/// Where addresses in a text have passwords: `scheme://user:PASSWORD@host`.
pub(super) fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("://").map(|i| at + i + 3) {
        at = start;
        let rest = &text[start..];
        let whole = &rest[..rest.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(rest.len())];
        let Some(colon) = whole.find(':').filter(|colon| !whole[..*colon].contains(['/', '@', '?', '#'])) else {
            continue;
        };
        let authority = whole.find(['/', '?', '#']).unwrap_or(whole.len());
        let host = whole[..authority].rfind('@').or_else(|| {
            // A password may hold what ends a host; a port does not.
            let is_port = whole[colon + 1..authority].bytes().all(|byte| byte.is_ascii_digit());
            whole.rfind('@').filter(|_| !is_port)
        });
        if let Some(host) = host.filter(|host| *host > colon + 1) {
            found.push(start + colon + 1..start + host);
            at = start + host;
        }
    }
    found
}

/// A text with stars for the passwords of its addresses.
pub(super) fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for span in passwords(text).into_iter().rev() {
        shown.to_mut().replace_range(span, "***");
    }
    shown
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
    let mut spans = by_their_look(&old.text, schema);
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

/// The rest of each line behind a key that names a secret, and all lines below it that are indented deeper.
fn by_their_look(text: &str, schema: &Value) -> Vec<Range<usize>> {
    let known = shape::secrets(schema);
    let mut found = passwords(text);
    let mut below = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let indent = line.len() - line.trim_start().len();
        if below.is_some_and(|secret| indent > secret) {
            found.push(start + indent..at);
            continue;
        }
        below = None;
        for (position, _) in line.match_indices([':', '=']) {
            let key = line[..position].trim_end().trim_end_matches(['"', '\'']);
            let begins = key.char_indices().rev().find(|(_, c)| !(c.is_alphanumeric() || "_-".contains(*c)));
            let key = key[begins.map_or(0, |(i, c)| i + c.len_utf8())..].to_lowercase().replace('_', "-");
            if !key.is_empty() && (known.contains(key.as_str()) || WORDS.iter().any(|word| key.ends_with(word))) {
                let value = start + position + 1;
                let end = closed(&text[value..]).map_or(at, |end| at.max(value + end));
                found.push(value..end);
                below = Some(indent);
                break;
            }
        }
    }
    found
}

/// Where TOML's texts of several lines end.
fn closed(value: &str) -> Option<usize> {
    let text = value.trim_start();
    let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| text.starts_with(quotes))?;
    let open = value.len() - text.len() + quotes.len();
    Some(value[open..].find(quotes).map_or(value.len(), |end| open + end + quotes.len()))
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
