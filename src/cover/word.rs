//! What is a secret by its own look: tokens whose makers gave them a beginning to be known by, hashes of passwords,
//! private keys, and words that nobody would write by hand.

use std::ops::Range;

/// How tokens begin, and how many characters follow at least.
const TOKENS: [(&str, usize); 29] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("dop_v1_", 32),
    ("doo_v1_", 32),
    ("dckr_pat_", 16),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("hvs.", 20),
    ("npm_", 30),
    ("pypi-", 30),
    ("AGE-SECRET-KEY-1", 30),
    ("SWMTKN-1-", 20),
    ("eyJ", 40),
];

/// How hashes of passwords begin.
const HASHES: [&str; 9] = ["$1$", "$5$", "$6$", "$y$", "$7$", "$2a$", "$2b$", "$2y$", "$argon2"];

/// Salt and hash together.
const SHORTEST_HASH: usize = 12;

const BEGIN: &str = "-----BEGIN ";
const PRIVATE: &str = "PRIVATE KEY-----";
const END: &str = "-----END ";

/// A word with capitals, small letters and digits that is as long as this was made by a machine.
const LONGEST: usize = 24;

/// How words of that look begin that are public: keys of SSH, digests of packages.
const OPEN: [&str; 4] = ["AAAA", "sha256-", "sha384-", "sha512-"];

/// What is a secret for certain.
pub(super) fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut found = private_keys(text);
    for word in words(text, |c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        let said = &text[word.clone()];
        let is_token = |(begin, more): &(&str, usize)| said.len() >= begin.len() + more && said.starts_with(begin);
        found.extend(TOKENS.iter().any(is_token).then_some(word));
    }
    for begin in HASHES {
        let hashes = text.match_indices(begin).map(|(at, _)| at..at + end_of_word(&text[at..]));
        found.extend(hashes.filter(|hash| hash.len() >= SHORTEST_HASH));
    }
    for begin in ["Bearer ", "bearer "] {
        found.extend(text.match_indices(begin).filter_map(|(at, _)| {
            let at = at + begin.len();
            let end = at + end_of_word(&text[at..]);
            // A word of a sentence is none.
            (end - at >= 12 && !text[at..end].starts_with("${")).then_some(at..end)
        }));
    }
    found
}

/// The lines between those that begin and end a private key.
fn private_keys(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find(BEGIN).map(|i| at + i) {
        at = begin + BEGIN.len();
        let line = &text[at..at + text[at..].find('\n').unwrap_or(text.len() - at)];
        let Some(key) = line.find(PRIVATE).map(|i| at + i + PRIVATE.len()) else { continue };
        at = text[key..].find(END).map_or(text.len(), |i| key + i);
        found.push(key..at);
    }
    found
}

/// What nobody would write by hand, where it is not the name of something.
pub(super) fn opaque(text: &str) -> Vec<Range<usize>> {
    let is_opaque = |said: &str| {
        said.len() >= LONGEST
            && said.bytes().any(|byte| byte.is_ascii_uppercase())
            && said.bytes().any(|byte| byte.is_ascii_lowercase())
            && said.bytes().any(|byte| byte.is_ascii_digit())
            // A path is made of short words.
            && said.split('/').any(|part| part.len() >= LONGEST * 2 / 3)
            && said.split(['-', '_']).any(|part| part.len() >= LONGEST / 2)
    };
    let is_known = |word: &Range<usize>| {
        let is_key = text[word.end..].trim_start_matches(['"', '\'']).starts_with(':');
        is_key
            || OPEN.iter().any(|open| text[word.clone()].starts_with(open))
            || text[..word.start].ends_with("SHA256:")
    };
    let words = words(text, |c| c.is_ascii_alphanumeric() || "+/=_-".contains(c));
    words.filter(|word| is_opaque(&text[word.clone()]) && !is_known(word)).collect()
}

fn end_of_word(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || "\"'`<>,".contains(c)).unwrap_or(text.len())
}

fn words(text: &str, is_part: impl Fn(char) -> bool) -> impl Iterator<Item = Range<usize>> {
    let start = text.as_ptr() as usize;
    text.split(move |c| !is_part(c)).filter(|word| !word.is_empty()).map(move |word| {
        let at = word.as_ptr() as usize - start;
        at..at + word.len()
    })
}
