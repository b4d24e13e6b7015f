//! What of a text is not to be shown: found by what it stands behind and by how it looks, and put under stars.
//!
//! Nothing here is certain. A text that must not be seen at all is not shown at all; this is for those that are worth
//! reading and may hold a secret in passing.

mod address;
mod line;
mod word;

use std::borrow::Cow;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::value::{Value, json};

/// What stands for something that is not shown.
pub const STARS: &str = "***";

/// Keys that name secrets to whoever wrote them, at their end.
const WORDS: [&str; 18] = [
    "password",
    "passwords",
    "passwd",
    "pass",
    "pwd",
    "passphrase",
    "secret",
    "secret-key-base",
    "token",
    "tokens",
    "apikey",
    "secretkey",
    "accesskey",
    "credential",
    "credentials",
    "authorization",
    "signature",
    "private",
];

/// Keys of which a part is public.
const OPEN: [&str; 4] = ["public-key", "host-key", "known-key", "primary-key"];

/// Whether what stands behind a key is probably a secret.
#[must_use]
pub fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace('_', "-");
    let ends = |word: &str| key.ends_with(word);
    WORDS.into_iter().any(ends) || names_key(&key)
}

/// A key to something may also be the path of a file that holds it.
fn names_key(key: &str) -> bool {
    key.ends_with("-key") && !OPEN.into_iter().any(|open| key.ends_with(open))
}

/// Whether a file is probably all secret, by its name.
#[must_use]
pub fn is_secret_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name.as_str(), ""));
    let is_env = name == ".env" || name.starts_with(".env.") || ending == "env";
    let known = [".htpasswd", ".netrc", ".pgpass", ".my.cnf", ".npmrc", ".pypirc", "id_rsa", "id_ed25519", "id_ecdsa"];
    is_env
        || known.contains(&name.as_str())
        || ["pem", "key", "p12", "pfx", "jks", "keystore", "kdbx", "age", "gpg", "asc", "vault"].contains(&ending)
        || path.to_lowercase().split('/').any(|part| part == "secrets")
        || [name.as_str(), stem].into_iter().any(names_secret)
}

/// Whether what a key says is to be covered. `known` are keys that certainly name secrets.
fn is_covered(key: &str, said: &str, known: &dyn Fn(&str) -> bool) -> bool {
    let key = key.to_lowercase().replace('_', "-");
    if known(&key) {
        return true;
    }
    let said = said.trim().trim_end_matches([',', ']']).trim().trim_matches(['"', '\'']);
    // The end of a map on one line.
    let last = said.trim_end_matches('}').trim().trim_matches(['"', '\'']);
    let says_nothing = matches!(last, "true" | "false" | "null" | "~") || is_variable(said);
    let is_path = || said.starts_with(['/', '.', '~']) && !said.contains(char::is_whitespace);
    let is_word = WORDS.into_iter().any(|word| key.ends_with(word));
    !says_nothing && (is_word || (names_key(&key) && !is_path()))
}

/// `${NAME}` and nothing beside it: what it holds stands elsewhere.
fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// Where a text has passwords and tokens of addresses, and what is a secret by its own look.
#[must_use]
pub fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut found = address::secrets(text);
    found.extend(word::tokens(text));
    found
}

/// Where a text has anything that looks like a secret. `known` are keys, in lower case and with dashes, that certainly
/// name secrets.
#[must_use]
pub fn secrets(text: &str, known: &dyn Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found = tokens(text);
    found.extend(word::opaque(text));
    found.extend(line::secrets(text, known));
    found
}

/// A text without the passwords and tokens of its addresses, and without words that are tokens.
#[must_use]
pub fn without_tokens(text: &str) -> Cow<'_, str> {
    // Most texts are short and hold none.
    if text.len() < 8 {
        return Cow::Borrowed(text);
    }
    let found = tokens(text);
    if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(starred(text, found)) }
}

/// The same for words that are told: what others say may hold the addresses that they were given.
#[must_use]
pub fn shown(text: String) -> String {
    match without_tokens(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

/// A text without anything that looks like a secret, line by line.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    starred(text, secrets(text, &|_| false))
}

/// What [`without_secrets`] leaves out, to tell whether it has changed.
#[must_use]
pub fn covered(text: &str) -> Vec<&str> {
    merged(secrets(text, &|_| false)).into_iter().filter_map(|span| text.get(span)).collect()
}

fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// Three stars for each covered part of a line, however long it is.
fn starred(text: &str, spans: Vec<Range<usize>>) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for span in merged(spans) {
        shown.push_str(&text[at..span.start]);
        for line in text[span.clone()].split_inclusive('\n') {
            let bare = line.trim();
            if bare.is_empty() {
                shown.push_str(line);
                continue;
            }
            let (before, after) = line.split_once(bare).expect("a part of the line");
            shown.extend([before, STARS, after]);
        }
        at = span.end;
    }
    shown.push_str(&text[at..]);
    shown
}

/// A setting without its secrets. Beside what is covered stands a digest of the whole, so that a change is seen.
#[must_use]
pub fn sealed(value: &Value) -> Value {
    seal(None, value)
}

fn seal(key: Option<&str>, value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), seal(below(key, name), value))).collect(),
        Value::Array(items) => items.iter().map(|item| seal(key, item)).collect(),
        Value::String(text) => seal_text(key, text),
        Value::Number(number) if key.is_some_and(names_secret) => digest(STARS, &number.to_string()),
        other => other.clone(),
    }
}

/// What is below a secret is one, whatever it is called.
fn below<'a>(key: Option<&'a str>, name: &'a str) -> Option<&'a str> {
    key.filter(|key| names_secret(key)).or(Some(name))
}

fn seal_text(key: Option<&str>, text: &str) -> Value {
    setting(key, text).map_or_else(|| text.into(), |shown| digest(&shown, text))
}

/// A setting under a key as it may be shown; `None` when nothing of it is covered.
#[must_use]
pub fn setting(key: Option<&str>, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if key.is_some_and(|key| is_covered(key, text, &|_| false)) {
        return Some(STARS.to_owned());
    }
    // `NAME=value`, as in lists of labels and variables.
    if let Some((name, said)) = text.split_once('=').filter(|(name, _)| !name.contains(['/', ' ']))
        && is_covered(name, said, &|_| false)
    {
        return Some(format!("{name}={STARS}"));
    }
    match without_tokens(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(shown),
    }
}

fn digest(shown: &str, text: &str) -> Value {
    json!(format!("{shown} (sha256:{})", &hex::encode(Sha256::digest(text))[..12]))
}

#[cfg(test)]
mod tests {
    use super::{covered, is_secret_file, names_secret, sealed, without_secrets, without_tokens};
    use crate::value::json;

    #[test]
    fn addresses_are_shown_without_what_opens_them() {
        for (text, shown) in [
            ("https://u:hunter2@h/x", "https://u:***@h/x"),
            ("https://u:hunter/2@h/x", "https://u:***@h/x"),
            ("postgres://user@h/db", "postgres://user@h/db"),
            ("postgres://h/db?password=hunter2&sslmode=require", "postgres://h/db?password=***&sslmode=require"),
            ("https://hunter2@github.com/a/b.git", "https://***@github.com/a/b.git"),
            ("git+https://hunter2@h/x", "git+https://***@h/x"),
            ("https://hunter2:x-oauth-basic@h/x", "https://***@h/x"),
            ("https://hunter2:@h/x", "https://***@h/x"),
            ("ssh://git@h/x", "ssh://git@h/x"),
            ("https://h:80/x@y", "https://h:80/x@y"),
            ("see https://h/x?a=1&token=hunter2.", "see https://h/x?a=1&token=***"),
            (
                "(https://h/x?X-Amz-Credential=hunter2&X-Amz-Date=1&X-Amz-Signature=hunter3)",
                "(https://h/x?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=***",
            ),
            ("https://h/x?sig=hunter2&sv=2", "https://h/x?sig=***&sv=2"),
            ("https://h/x#access_token=hunter2", "https://h/x#access_token=***"),
            ("https://h/x?token=${TOKEN}", "https://h/x?token=${TOKEN}"),
            ("https://hooks.slack.com/services/T0/B0/hunter2", "https://hooks.slack.com/services/***"),
            ("a ghp_0123456789abcdefghijABCDEFGHIJ012345 b", "a *** b"),
            ("Bearer hunter2hunter2", "Bearer ***"),
        ] {
            assert_eq!(without_tokens(text), shown);
        }
    }

    #[test]
    fn values_behind_keys_that_name_secrets_are_covered_line_by_line() {
        for (text, shown) in [
            ("a: 1\nDB_PASSWORD: hunter2\nb: 2\n", "a: 1\nDB_PASSWORD: ***\nb: 2\n"),
            ("  - DB_PASS=hunter2\n", "  - DB_PASS=***\n"),
            ("STRIPE_KEY=hunter2\nTLS_KEY=/run/tls.key\n", "STRIPE_KEY=***\nTLS_KEY=/run/tls.key\n"),
            ("password: ${DB_PASSWORD}\n", "password: ${DB_PASSWORD}\n"),
            ("password: ${DB_PASSWORD:-hunter2}\n", "password: ***\n"),
            ("passwords:\n- hunter2\n- hunter3\nx: y\n", "passwords:\n- ***\n- ***\nx: y\n"),
            ("token: |\n  hunter2\n\n  hunter3\nx: y\n", "token: |\n  ***\n\n  ***\nx: y\n"),
            ("curl --password hunter2 --user u\n", "curl --password *** --user u\n"),
            ("{\"token\": \"hunter2\", \"a\": 1}\n", "{\"token\": ***\n"),
            ("lock_passwd: true\n", "lock_passwd: true\n"),
            ("x: $6$salt$hunter2\ny: $y$\n", "x: ***\ny: $y$\n"),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\nx\n",
                "-----BEGIN OPENSSH PRIVATE KEY-----\n***\n-----END OPENSSH PRIVATE KEY-----\nx\n",
            ),
            ("odd: aZ9/bY8xcW7vdU6teS5rfQ4pgP3o\n", "odd: ***\n"),
            (
                "image: app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
                "image: app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
            ),
            (
                "- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxyz0123 me\n",
                "- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxyz0123 me\n",
            ),
            (
                "volumes: [\"./config/Prod2/Nginx.conf:/etc/nginx/Nginx2.conf\"]\n",
                "volumes: [\"./config/Prod2/Nginx.conf:/etc/nginx/Nginx2.conf\"]\n",
            ),
        ] {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
        assert_eq!(covered("a: 1\ntoken: x\n").len(), 1);
    }

    #[test]
    fn settings_keep_their_form_and_lose_their_secrets() {
        let sealed = |value| sealed(&value).to_string();
        let shown = sealed(
            json!({"proxies": {"http-proxy": "http://u:hunter2@h:3128"}, "labels": ["a=b", "token=hunter3"],
            "log-opts": {"splunk-token": "hunter4", "gelf-address": "udp://h:1"}, "auth-token": {"x": "hunter5"}, "pin": 1}),
        );
        assert!(!shown.contains("hunter") && shown.contains("http://u:***@h:3128 (sha256:"), "{shown}");
        assert!(shown.contains("udp://h:1") && shown.contains("\"a=b\"") && shown.contains("\"pin\":1"), "{shown}");
        assert_ne!(sealed(json!({"token": "a"})), sealed(json!({"token": "b"})), "a change is seen");
    }

    #[test]
    fn a_file_is_secret_by_its_name() {
        for file in
            [".env", "db.env", ".env.production", "tls/web.key", "secrets/x.txt", "db_password.txt", "api-token"]
        {
            assert!(is_secret_file(file), "{file}");
        }
        for file in ["compose.yaml", "web/nginx.conf", "environment.md", "keys.yaml", "passage.txt"] {
            assert!(!is_secret_file(file), "{file}");
        }
    }

    #[test]
    fn a_key_names_a_secret_by_its_end() {
        for key in
            ["POSTGRES_PASSWORD", "x-api_key", "hashed_passwd", "ed25519_private", "SECRET_KEY_BASE", "accessToken"]
        {
            assert!(names_secret(key), "{key}");
        }
        for key in ["secrets", "password_file", "ssh-public-key", "keys", "image", "bypass-x", "monkey"] {
            assert!(!names_secret(key), "{key}");
        }
    }
}
