//! Texts that attributes hold only the digest of, before and after a change, as far as they may be shown.

use crate::cover;
use crate::value::Path;

/// What is larger is told by digest and size.
pub const LARGEST: usize = 64 << 10;

/// A text that changes. It stands behind one attribute, or behind all that lie below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As in [`super::Change::path`].
    pub path: Path,
    pub shown: Shown,
}

/// What of a text that changes may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Both sides, without what looks like a secret. `covered` says whether something that is not shown changes too.
    Lines { before: String, after: String, covered: bool },
    /// Nothing, and why: `covered`.
    Nothing(String),
}

impl Text {
    /// A text that may be shown where nothing in it looks like a secret.
    #[must_use]
    pub fn between(path: Path, before: &[u8], after: &[u8]) -> Self {
        let shown = match [before, after].map(readable) {
            [Ok(before), Ok(after)] => lines(before, after),
            [Err(why), _] | [_, Err(why)] => Shown::Nothing(why),
        };
        Self { path, shown }
    }

    /// A text of which nothing is shown.
    #[must_use]
    pub fn hidden(path: Path, why: impl Into<String>) -> Self {
        Self { path, shown: Shown::Nothing(why.into()) }
    }

    /// A text that is all secret.
    #[must_use]
    pub fn covered(path: Path) -> Self {
        Self::hidden(path, "covered")
    }
}

fn readable(text: &[u8]) -> Result<&str, String> {
    if text.len() > LARGEST {
        return Err(format!("larger than {} KiB", LARGEST >> 10));
    }
    let text = std::str::from_utf8(text).map_err(|_| "not text".to_owned())?;
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    if text.contains(is_control) { Err("not text".to_owned()) } else { Ok(text) }
}

fn lines(before: &str, after: &str) -> Shown {
    let covered = cover::covered(before) != cover::covered(after);
    let [before, after] = [before, after].map(cover::without_secrets);
    if before == after { Shown::Nothing("covered".to_owned()) } else { Shown::Lines { before, after, covered } }
}

#[cfg(test)]
mod tests {
    use super::{Shown, Text};
    use crate::value::Path;

    fn shown(before: &[u8], after: &[u8]) -> Shown {
        Text::between(Path::parse("a"), before, after).shown
    }

    #[test]
    fn what_is_no_text_or_only_a_secret_is_not_shown() {
        let nothing = |why: &str| Shown::Nothing(why.to_owned());
        assert_eq!(shown(b"a\0", b"b"), nothing("not text"));
        assert_eq!(shown(b"\xff", b"b"), nothing("not text"));
        assert_eq!(shown(b"a\x1b[2J", b"b"), nothing("not text"), "nor what a terminal would act upon");
        assert_eq!(shown(b"a", &vec![b'x'; 65_537]), nothing("larger than 64 KiB"));
        assert_eq!(shown(b"token: a\n", b"token: b\n"), nothing("covered"));
        let Shown::Lines { before, after, covered } = shown(b"token: a\nx: 1\n", b"token: b\nx: 2\n") else { panic!() };
        assert_eq!((before.as_str(), after.as_str(), covered), ("token: ***\nx: 1\n", "token: ***\nx: 2\n", true));
    }
}
