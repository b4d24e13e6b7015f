//! What stands behind a key that names a secret, in whatever language the lines are written.

use std::ops::Range;

use super::{is_covered, is_variable, names_secret};

/// The rest of each line behind such a key, and all lines below it that are indented deeper.
pub(super) fn secrets(text: &str, known: &dyn Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut below: Option<Below> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let said = line.trim_start();
        let indent = line.len() - said.len();
        if said.is_empty() && below.is_some() {
            continue;
        }
        if below.as_ref().is_some_and(|secret| secret.holds(indent, said)) {
            let item = if said.starts_with("- ") { 2 } else { 0 };
            found.push(start + indent + item..at);
            continue;
        }
        below = None;
        found.extend(flags(line).map(|span| span.start + start..span.end + start));
        for (position, _) in line.match_indices([':', '=']) {
            let value = start + position + 1;
            if is_covered(key(&line[..position]), &text[value..at], known) {
                let end = closed(&text[value..]).map_or(at, |end| at.max(value + end));
                // What says how the lines below it are to be read is no part of them.
                let is_header = matches!(text[value..at].trim(), "|" | ">" | "|-" | ">-" | "|+" | ">+");
                found.extend((!is_header).then_some(value..end));
                below = Some(Below { indent, is_item: said.starts_with('-') });
                break;
            }
        }
    }
    found
}

/// A line whose value may go on below it.
struct Below {
    indent: usize,
    is_item: bool,
}

impl Below {
    fn holds(&self, indent: usize, said: &str) -> bool {
        // The items of a list may stand right below its key.
        indent > self.indent || (indent == self.indent && !self.is_item && said.starts_with("- "))
    }
}

/// The last word before a `:` or `=`.
fn key(before: &str) -> &str {
    let key = before.trim_end().trim_end_matches(['"', '\'']);
    let begins = key.char_indices().rev().find(|(_, c)| !(c.is_alphanumeric() || "_-".contains(*c)));
    &key[begins.map_or(0, |(i, c)| i + c.len_utf8())..]
}

/// `--password VALUE` of a command.
fn flags(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("--").filter_map(|(at, _)| {
        let name = &line[at + 2..];
        let name = &name[..name.find(|c: char| !(c.is_alphanumeric() || "_-".contains(c)))?];
        // As a list of words: `--password", "VALUE"`.
        let rest = &line[at + 2 + name.len()..];
        let value = rest.trim_start_matches(['"', '\'', ',', ' ']);
        let begin = line.len() - value.len();
        let end = value.find(|c: char| c.is_whitespace() || "\"',]".contains(c)).unwrap_or(value.len());
        let said = &value[..end];
        let is_value = rest.contains(' ') && value.len() < rest.len() && !said.is_empty() && !said.starts_with('-');
        (names_secret(name) && is_value && !is_variable(said)).then_some(begin..begin + end)
    })
}

/// Where TOML's texts of several lines end.
fn closed(value: &str) -> Option<usize> {
    let text = value.trim_start();
    let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| text.starts_with(quotes))?;
    let open = value.len() - text.len() + quotes.len();
    Some(value[open..].find(quotes).map_or(value.len(), |end| open + end + quotes.len()))
}
