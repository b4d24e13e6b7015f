//! Paths as compose files write them: variables, and what they are relative to.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Variables by name, from env files: the machine does not see this computer's environment.
pub(super) type Variables = BTreeMap<String, String>;

/// Reads `KEY=value` lines; quotes around a value are taken off.
pub(super) fn variables(text: &str) -> Variables {
    let line = |line: &str| {
        let line = line.trim();
        let (key, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let value = value.trim();
        let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        let plain = || value.split(" #").next().unwrap_or_default().trim_end();
        (!key.starts_with('#')).then(|| (key.trim().to_owned(), bare.unwrap_or_else(plain).to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// Replaces `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?why}`; `$$` is a dollar sign.
/// An unset variable without a default is an error that names it.
pub(super) fn interpolate(text: &str, variables: &Variables) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let (expression, after) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(pair) => pair,
            None => after.split_at(after.find(|c: char| !is_name(c)).unwrap_or(after.len())),
        };
        result.push_str(&value(expression, variables)?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn value(expression: &str, variables: &Variables) -> Result<String, String> {
    let (name, rest) = expression.split_at(expression.find(|c: char| !is_name(c)).unwrap_or(expression.len()));
    let set = variables.get(name);
    let filled = set.filter(|value| !value.is_empty());
    let unset = || format!("`{name}` is not set in any env file of the project");
    match rest {
        "" => set.cloned().ok_or_else(unset),
        _ if rest.starts_with(":-") => Ok(filled.map_or(&rest[2..], String::as_str).to_owned()),
        _ if rest.starts_with('-') => Ok(set.map_or(&rest[1..], String::as_str).to_owned()),
        _ if rest.starts_with(":?") => filled.cloned().ok_or_else(unset),
        _ if rest.starts_with('?') => set.cloned().ok_or_else(unset),
        _ if rest.starts_with(":+") => Ok(filled.map(|_| rest[2..].to_owned()).unwrap_or_default()),
        _ => Err(format!("`${{{expression}}}` is not understood in a path")),
    }
}

/// Takes `.` and `..` out without asking the file system.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::{interpolate, normal, variables};

    #[test]
    fn variables_in_paths_come_from_env_files() {
        let known = variables("# c\nDIR=./conf\nexport NAME=\"a b\"\nEMPTY=\nLATE=x # why\n");
        let check = |text: &str| interpolate(text, &known).unwrap();
        assert_eq!(check("$DIR/${NAME}"), "./conf/a b");
        assert_eq!(check("${EMPTY:-d}${EMPTY-d}${NONE-e}$$x${LATE}"), "de$xx");
        assert!(interpolate("${NONE}", &known).unwrap_err().contains("`NONE` is not set"));
        assert!(interpolate("${EMPTY:?}", &known).is_err());
    }

    #[test]
    fn dots_are_taken_out() {
        assert_eq!(normal("/a/./b/../c".as_ref()), std::path::Path::new("/a/c"));
    }
}
