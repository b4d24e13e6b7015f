//! The variables that an engine runs with, as systemd reads them from a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::desired::Proxy;
use crate::transport::quote;

/// One line for each, in quotes; empty for none.
pub(super) fn write(variables: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        if !text.is_empty() {
            text.push('\n');
        }
        _ = write!(text, "{name}=\"");
        for c in value.chars() {
            if ['"', '\\', '`', '$'].contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text
}

/// Shell commands that give programs a proxy, under the names that any of them looks for.
pub(super) fn exports(proxy: &Proxy) -> String {
    let export = |(name, value): (&str, String)| {
        let value = quote::quote(&value);
        format!("export {name}={value} {}={value}\n", name.to_lowercase())
    };
    proxy.variables().into_iter().map(export).collect()
}

/// What [`write()`] wrote, whoever changed it since.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, value) = line.trim().split_once('=').filter(|(name, _)| !name.starts_with(['#', ';']))?;
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        Some((name.to_owned(), inner.map_or_else(|| value.to_owned(), bare)))
    };
    text.lines().filter_map(line).collect()
}

fn bare(quoted: &str) -> String {
    let mut bare = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        bare.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    bare
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{parse, write};

    proptest::proptest! {
        #[test]
        fn a_variable_is_read_as_it_was_written(value in "[^\r\n\0]{0,20}") {
            let variables = BTreeMap::from([("A".to_owned(), value), ("B_C".to_owned(), String::new())]);
            proptest::prop_assert_eq!(parse(&write(&variables)), variables);
        }
    }
}
