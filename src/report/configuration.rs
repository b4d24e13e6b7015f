//! A configuration as text that can be loaded again, with the place of every value where that is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::config::history::Leaf;
use crate::config::{Layer, selector};
use crate::origin::Origin;
use crate::value::{Path, Value, json};

/// What stands behind a value: where it was written.
pub type Places = BTreeMap<Path, String>;

/// A place in one word: file, line and column; the name alone where there is only one line.
#[must_use]
pub fn place(layer: Layer, origin: &Origin) -> String {
    let name = &origin.source.name;
    match layer {
        Layer::Environment | Layer::CommandLine => name.clone(),
        _ => {
            let (line, column) = origin.line_column();
            format!("{name}:{line}:{column}")
        }
    }
}

/// The place of every leaf.
#[must_use]
pub fn places(leaves: &[Leaf]) -> Places {
    let words = |leaf: &Leaf| (leaf.path.clone(), format!("{} {}", leaf.layer, place(leaf.layer, &leaf.origin)));
    leaves.iter().map(words).collect()
}

/// As YAML.
#[must_use]
pub fn yaml(settings: &Value, places: &Places) -> String {
    let mut text = String::new();
    if let Value::Object(map) = settings {
        yaml_map(map, &mut Path::root(), places, &mut text);
    }
    text
}

fn yaml_map(map: &serde_json::Map<String, Value>, at: &mut Path, places: &Places, text: &mut String) {
    let indent = "  ".repeat(at.keys().len());
    for (key, value) in map {
        at.push(key);
        let comment = places.get(at).map(|place| format!("  # {place}")).unwrap_or_default();
        let key = yaml_key(key, &format!("\n{indent}"));
        match value {
            Value::Object(map) if !map.is_empty() => {
                _ = writeln!(text, "{indent}{key}:{comment}");
                yaml_map(map, at, places, text);
            }
            Value::Array(items) if !items.is_empty() => {
                _ = writeln!(text, "{indent}{key}:{comment}");
                for (i, item) in items.iter().enumerate() {
                    let comment = places.get(&at.join(i)).map(|place| format!("  # {place}")).unwrap_or_default();
                    _ = writeln!(text, "{indent}  - {}{comment}", flow(item));
                }
            }
            Value::String(lines) if is_block(lines) => {
                let chomp = if lines.ends_with('\n') { "" } else { "-" };
                _ = writeln!(text, "{indent}{key}: |{chomp}{comment}");
                for line in lines.lines() {
                    _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "{indent}  {line}") };
                }
            }
            leaf => _ = writeln!(text, "{indent}{key}: {}{comment}", flow(leaf)),
        }
        at.pop();
    }
}

/// Whether a text of several lines can stand as it is.
fn is_block(text: &str) -> bool {
    let odd = |c: char| c != '\n' && needs_escape(c);
    let one_end = !text.ends_with("\n\n") && text.trim_end_matches('\n').len() + 1 >= text.len();
    text.contains('\n') && one_end && !text.starts_with([' ', '\t', '\n']) && !text.contains(odd)
}

/// A value in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", yaml_key(key, " "), flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// Words that some YAML takes for a flag or for nothing.
const SPECIAL: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A text bare where every reader takes it for one, else quoted.
fn word(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_./@+-".contains(c);
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(allowed)
        && !SPECIAL.contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_owned() } else { quoted(text) }
}

/// A key up to its colon. One of more than 1,024 characters is a key only when that is said before it (YAML 1.2.2, 7.4.3).
fn yaml_key(key: &str, colon: &str) -> String {
    let word = word(key);
    if word.len() <= 1024 { word } else { format!("? {word}{colon}") }
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// In double quotes, as YAML, TOML and JSON all read them.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    let escaped = json.chars().map(|c| if needs_escape(c) { format!("\\u{:04x}", c as u32) } else { c.to_string() });
    escaped.collect()
}

/// As TOML, a line for each leaf. `None` when a list has an item that says nothing, which TOML cannot write.
#[must_use]
pub fn toml(settings: &Value, places: &Places) -> Option<String> {
    let mut text = String::new();
    toml_lines(settings, &mut Path::root(), places, &mut text)?;
    Some(text)
}

fn toml_lines(value: &Value, at: &mut Path, places: &Places, text: &mut String) -> Option<()> {
    match value {
        Value::Object(map) if !map.is_empty() || at.keys().is_empty() => {
            for (key, value) in map {
                at.push(key);
                toml_lines(value, at, places, text)?;
                at.pop();
            }
        }
        leaf => {
            let key: Vec<_> = at.keys().iter().map(|key| toml_key(key)).collect();
            let mut comments: Vec<_> = places.get(at).cloned().into_iter().collect();
            let items = leaf.as_array().map_or(0, Vec::len);
            comments.extend((0..items).filter_map(|i| places.get(&at.join(i)).cloned()));
            let comment = if comments.is_empty() { String::new() } else { format!("  # {}", comments.join("; ")) };
            _ = writeln!(text, "{} = {}{comment}", key.join("."), toml_value(leaf)?);
        }
    }
    Some(())
}

fn toml_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

fn toml_value(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Option<Vec<_>>>()?.join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| Some(format!("{} = {}", toml_key(key), toml_value(value)?));
            format!("{{ {} }}", map.iter().map(entry).collect::<Option<Vec<_>>>()?.join(", "))
        }
        other => other.to_string(),
    })
}

/// The leaves with their origins and what they took the place of.
#[must_use]
pub fn origins(leaves: &[Leaf]) -> Value {
    let at = |layer: Layer, origin: &Origin, value: &Value| {
        let (line, column) = origin.line_column();
        json!({ "layer": layer.as_str(), "source": origin.source.name, "line": line, "column": column, "value": value })
    };
    let leaf = |leaf: &Leaf| {
        let mut entry = at(leaf.layer, &leaf.origin, &leaf.value);
        entry["path"] = selector::written(&leaf.path).into();
        let shadowed = leaf.shadowed.iter().map(|said| at(said.layer, &said.origin, &said.value));
        entry["shadowed"] = shadowed.collect();
        entry
    };
    leaves.iter().map(leaf).collect()
}
