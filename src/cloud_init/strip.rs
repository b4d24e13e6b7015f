//! Taking our own keys out of a cloud-config and leaving every other byte where it is.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, Span};
use yaml_serde::Value;

/// The keys of a cloud-config that are ours. cloud-init from 23.4 on complains of keys that it does not know.
pub const OWN_KEYS: [&str; 5] = ["cloud-machine", "rancher", "docker", "swarm", "compose"];

/// One entry of the map at the top.
#[derive(Debug)]
struct Entry {
    key: String,
    start: usize,
    end: usize,
}

/// The map at the top of a text.
#[derive(Debug)]
struct Top {
    entries: Vec<Entry>,
    /// Whether it is written in braces.
    flow: bool,
}

/// The text without our keys, as it is where there are none. The error is a key that cannot be taken out: it shares an
/// anchor with the rest, or the text is not YAML.
pub(super) fn strip(text: &str) -> Result<Cow<'_, str>, String> {
    let Some(top) = top(text) else {
        let named = |line: &str| OWN_KEYS.into_iter().find(|key| line.starts_with(&format!("{key}:")));
        return match text.lines().find_map(named) {
            Some(key) => Err(key.to_owned()),
            None => Ok(Cow::Borrowed(text)),
        };
    };
    let Some(first) = top.entries.iter().find(|entry| is_own(&entry.key)) else { return Ok(Cow::Borrowed(text)) };
    let expected = without_own(text).ok_or_else(|| first.key.clone())?;
    // Comments after a value stay; where the end of the value is not plain they go with it.
    for cut in [lines(text, &top, false), lines(text, &top, true)] {
        let rest = without(text, &cut);
        if yaml_serde::from_str::<Value>(&rest).is_ok_and(|value| same(&value, &expected)) {
            return Ok(Cow::Owned(rest));
        }
    }
    Err(first.key.clone())
}

fn is_own(key: &str) -> bool {
    OWN_KEYS.contains(&key)
}

/// What the text should mean afterwards.
fn without_own(text: &str) -> Option<Value> {
    let mut value: Value = yaml_serde::from_str(text).ok()?;
    if let Value::Mapping(map) = &mut value {
        for key in OWN_KEYS {
            map.remove(key);
        }
    }
    Some(value)
}

/// A map without entries may be left as nothing at all.
fn same(value: &Value, expected: &Value) -> bool {
    let is_empty = |value: &Value| value.is_null() || value.as_mapping().is_some_and(yaml_serde::Mapping::is_empty);
    value == expected || (is_empty(value) && is_empty(expected))
}

fn top(text: &str) -> Option<Top> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut top = Top { entries: Vec::new(), flow: false };
    let (mut depth, mut at_key) = (0_usize, true);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        let range = bytes(&span);
        let (opens, closes) = (
            matches!(event, Event::MappingStart(..) | Event::SequenceStart(..)),
            matches!(event, Event::MappingEnd | Event::SequenceEnd),
        );
        if closes {
            depth -= 1;
        }
        match (&event, depth) {
            (Event::MappingStart(..), 0) => top.flow = text[range.start..].starts_with('{'),
            (Event::Scalar(..) | Event::Alias(..) | Event::SequenceStart(..), 0) => return Some(top),
            (Event::Scalar(key, ..), 1) if at_key => {
                top.entries.push(Entry { key: key.to_string(), start: range.start, end: range.end });
            }
            // The value: nothing has a place of its own where it is not written.
            (_, 1..) if !range.is_empty() => {
                if let Some(entry) = top.entries.last_mut() {
                    entry.end = entry.end.max(range.end);
                }
            }
            _ => {}
        }
        let is_node = depth == 1 && (closes || matches!(event, Event::Scalar(..) | Event::Alias(..)));
        if is_node {
            at_key = !at_key;
        }
        if opens {
            depth += 1;
        }
    }
    Some(top)
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}

/// The bytes to leave out, ascending. `whole` reaches to where the next entry begins.
fn lines(text: &str, top: &Top, whole: bool) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    for (index, entry) in top.entries.iter().enumerate().filter(|(_, entry)| is_own(&entry.key)) {
        let next = top.entries.get(index + 1).map(|next| next.start);
        let cut = if top.flow {
            match (next, index.checked_sub(1).map(|before| top.entries[before].end)) {
                (Some(next), _) => entry.start..next,
                (None, Some(before)) => before..entry.end,
                (None, None) => entry.start..entry.end,
            }
        } else {
            let start = text[..entry.start].rfind('\n').map_or(0, |newline| newline + 1);
            let value = text[..entry.end].trim_end().len().max(entry.start);
            let line_end = text[value..].find('\n').map_or(text.len(), |newline| value + newline + 1);
            let until_next = next.map_or(text.len(), |next| text[..next].rfind('\n').map_or(0, |newline| newline + 1));
            start..if whole { until_next } else { line_end }
        };
        cuts.push(cut);
    }
    cuts
}

fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        rest.push_str(text.get(from..cut.start).unwrap_or_default());
        from = cut.end.max(from);
    }
    rest.push_str(&text[from..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::strip;

    fn stripped(text: &str) -> String {
        strip(text).expect("can be taken out").into_owned()
    }

    #[test]
    fn what_is_not_ours_keeps_every_byte() {
        for text in ["#cloud-config\npackages: [vim]\r\n# end", "#cloud-config\n- a list\n", "#!/bin/sh\n: {", ""] {
            assert_eq!(stripped(text), text);
        }
    }

    #[test]
    fn our_keys_go_and_their_neighbours_stay_as_they_are() {
        let text = "#cloud-config\n# about packages\npackages:   [vim]   # ü\ncloud-machine:  # ours\n  resources:\n    \
                    ram: 2\n    note: |\n      text\n\n# about users\nusers:\n- default\nrancher:\ndocker:\n...\n";
        assert_eq!(
            stripped(text),
            "#cloud-config\n# about packages\npackages:   [vim]   # ü\n\n# about users\nusers:\n- default\n...\n"
        );
    }

    #[test]
    fn braces_work_too() {
        let text = "#cloud-config\n{cloud-machine: {ram: 2}, packages: [vim], docker: {}}\n";
        assert_eq!(stripped(text), "#cloud-config\n{packages: [vim]}\n");
        assert_eq!(stripped("#cloud-config\n{docker: {}}\n"), "#cloud-config\n{}\n");
    }

    #[test]
    fn nested_keys_of_the_same_name_are_not_ours() {
        let text = "#cloud-config\nwrite_files:\n- path: /a\n  docker: 1\nx:\n  compose: 2\n";
        assert_eq!(stripped(text), text);
    }

    #[test]
    fn what_the_rest_depends_on_cannot_go() {
        let text = "#cloud-config\ncloud-machine: &a { ram: 2 }\nother: *a\n";
        assert_eq!(strip(text), Err("cloud-machine".to_owned()));
        assert_eq!(strip("#cloud-config\ndocker: [\n"), Err("docker".to_owned()));
    }
}
