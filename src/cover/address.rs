//! What opens an address: passwords and tokens before the host, among the parameters, and in paths that are secret.

use std::ops::Range;

use super::{is_variable, names_secret};

/// Parameters that are secret under these names and nowhere else.
const PARAMETERS: [&str; 9] =
    ["sig", "key", "code", "auth", "jwt", "session", "awsaccesskeyid", "googleaccessid", "state"];

/// Addresses whose path is the secret.
const PATHS: [&str; 3] = ["hooks.slack.com/services/", "discord.com/api/webhooks/", "api.telegram.org/bot"];

/// A user alone, or with such a password, is a token.
const NO_PASSWORD: [&str; 2] = ["", "x-oauth-basic"];

/// Longer names of users are tokens.
const LONGEST_USER: usize = 24;

pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("://").map(|i| at + i + 3) {
        at = start;
        let rest = &text[start..];
        let whole = &rest[..rest.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(rest.len())];
        let scheme = text[..start - 3].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next();
        let is_web = scheme.is_some_and(|scheme| scheme.ends_with("http") || scheme.ends_with("https"));
        let user = user(whole, is_web);
        let host = user.as_ref().map_or(0, |user| user.end);
        let parameters = parameters(&whole[host..]).into_iter().map(|span| span.start + host..span.end + host);
        let inside = user.into_iter().chain(path(whole)).chain(parameters);
        found.extend(inside.map(|span| span.start + start..span.end + start));
        at += host;
    }
    found
}

/// What stands before the host and is not only a name.
fn user(whole: &str, is_web: bool) -> Option<Range<usize>> {
    let authority = whole.find(['/', '?', '#']).unwrap_or(whole.len());
    let colon = whole.find(':').filter(|colon| !whole[..*colon].contains(['/', '@', '?', '#']));
    let Some(colon) = colon else {
        let host = whole[..authority].rfind('@').filter(|host| *host > 0 && is_web)?;
        return (!is_variable(&whole[..host])).then_some(0..host);
    };
    let host = whole[..authority].rfind('@').or_else(|| {
        // A password may hold what ends a host; a port does not.
        let is_port = whole[colon + 1..authority].bytes().all(|byte| byte.is_ascii_digit());
        whole.rfind('@').filter(|_| !is_port)
    })?;
    let password = whole.get(colon + 1..host)?;
    if is_web && colon > 0 && (NO_PASSWORD.contains(&password) || colon > LONGEST_USER) {
        return Some(0..host);
    }
    (!password.is_empty() && !is_variable(password)).then_some(colon + 1..host)
}

fn path(whole: &str) -> Option<Range<usize>> {
    let end = whole.find(['?', '#']).unwrap_or(whole.len());
    let begin = PATHS.iter().find_map(|path| whole[..end].find(path).map(|at| at + path.len()))?;
    Some(begin..end)
}

/// Values of parameters behind `?` and `#`.
fn parameters(whole: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(mut at) = whole.find(['?', '#']).map(|i| i + 1) else { return found };
    for pair in whole[at..].split(['&', ';', '#', '?']) {
        if let Some((name, said)) = pair.split_once('=') {
            let name = name.to_lowercase();
            let is_secret = names_secret(&name) || PARAMETERS.contains(&name.as_str());
            let begin = at + pair.len() - said.len();
            found.extend((is_secret && !said.is_empty() && !is_variable(said)).then_some(begin..at + pair.len()));
        }
        at += pair.len() + 1;
    }
    found
}
