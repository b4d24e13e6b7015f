//! Paths as compose files write them: variables, and what they are relative to.

use std::collections::BTreeMap;

/// Variables by name, from env files: the machine does not see this computer's environment.
pub(super) type Variables = BTreeMap<String, String>;

/// Why a text cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// Compose would fill in nothing and go on.
    Unset(String),
    /// The text itself says that it must be set.
    Required(String),
    /// No form that is known.
    Unclear(String),
}

impl std::fmt::Display for Unfilled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset(name) | Self::Required(name) => write!(f, "`{name}` is not set in any env file of the project"),
            Self::Unclear(expression) => write!(f, "`${{{expression}}}` is not understood"),
        }
    }
}

/// Adds the `KEY=value` lines of a text to those of the files before it. Values may refer to these, and to what is `known` and counts
/// more. Quotes are taken off, and what stands within `'` is left as it is.
pub(super) fn extend(own: &mut Variables, text: &str, known: &Variables) {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        let Some((key, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim_start());
        if key.starts_with('#') {
            continue;
        }
        let value = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => {
                let mut whole = value[1..].to_owned();
                while !whole.contains(quote) {
                    let Some(more) = lines.next() else { break };
                    whole = format!("{whole}\n{more}");
                }
                let value = whole.split(quote).next().unwrap_or_default();
                if quote == '\'' { value.to_owned() } else { filled(value, own, known) }
            }
            None => filled(value.split(" #").next().unwrap_or_default().trim_end(), own, known),
        };
        own.insert(key.to_owned(), value);
    }
}

fn filled(value: &str, own: &Variables, others: &Variables) -> String {
    let known: Variables = own.iter().chain(others).map(|(k, v)| (k.clone(), v.clone())).collect();
    interpolate(value, &known).unwrap_or_else(|_| value.to_owned())
}

/// Replaces `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?why}`, `${VAR:+other}`; `$$` is a dollar sign. What
/// is filled in instead may hold variables itself.
pub(super) fn interpolate(text: &str, variables: &Variables) -> Result<String, Unfilled> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((expression, after)) = after.strip_prefix('{').and_then(braced) {
            result.push_str(&value(expression, variables)?);
            rest = after;
        } else {
            let (name, after) = after.split_at(after.find(|c: char| !is_name(c)).unwrap_or(after.len()));
            if name.starts_with(|c: char| !c.is_ascii_digit()) {
                result.push_str(&value(name, variables)?);
            } else {
                result.push('$');
                result.push_str(name);
            }
            rest = after;
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// What stands before the brace that ends an expression, and what stands behind it.
fn braced(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    let end = text.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    })?;
    Some((&text[..end], &text[end + 1..]))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn value(expression: &str, variables: &Variables) -> Result<String, Unfilled> {
    let (name, rest) = expression.split_at(expression.find(|c: char| !is_name(c)).unwrap_or(expression.len()));
    let (strict, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    let set = variables.get(name).filter(|value| !(strict && value.is_empty()));
    let other = |rest: &str| interpolate(&rest[1..], variables);
    match (rest.chars().next(), set) {
        (None | Some('-' | '?'), Some(value)) => Ok(value.clone()),
        (None, None) if !strict => Err(Unfilled::Unset(name.to_owned())),
        (Some('-'), None) | (Some('+'), Some(_)) => other(rest),
        (Some('+'), None) => Ok(String::new()),
        (Some('?'), None) => Err(Unfilled::Required(name.to_owned())),
        _ => Err(Unfilled::Unclear(expression.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unfilled, Variables, extend, interpolate};

    #[test]
    fn variables_in_paths_come_from_env_files() {
        let (outer, mut known) = (Variables::from([("FIRST".to_owned(), "1".to_owned())]), Variables::new());
        extend(&mut known, "# c\nDIR=./conf\nexport NAME=\"a b\"\nEMPTY=\nLATE=x # why\nFIRST=2\nLAST=w\n", &outer);
        extend(&mut known, "SUB=${DIR}/sub\nRAW='$DIR'\nLONG=\"a\nb\"\nLAST=x$FIRST\n", &outer);
        known.extend(outer);
        let check = |text: &str| interpolate(text, &known).unwrap();
        assert_eq!(check("$DIR/${NAME}"), "./conf/a b");
        assert_eq!(check("${EMPTY:-d}${EMPTY-d}${NONE-e}$$x${LATE}$FIRST"), "de$xx1");
        assert_eq!(check("${NONE:-${DIR:-x}/y}${NAME:+${FIRST}}${NONE+x} $ $1"), "./conf/y1 $ $1");
        assert_eq!(check("$SUB$RAW${LONG}$LAST"), "./conf/sub$DIRa\nbx1");
        assert_eq!(interpolate("${NONE}", &known), Err(Unfilled::Unset("NONE".into())));
        assert_eq!(interpolate("${EMPTY:?}", &known), Err(Unfilled::Required("EMPTY".into())));
        assert!(matches!(interpolate("${A:x}", &known), Err(Unfilled::Unclear(_))));
    }
}
