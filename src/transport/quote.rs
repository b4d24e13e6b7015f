//! POSIX shell quoting: SSH carries one line, we speak in argument vectors.

/// One line that a POSIX shell splits back into exactly these arguments.
#[must_use]
pub fn line<S: AsRef<str>>(argv: &[S]) -> String {
    argv.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// One argument as one shell word.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@%+:,./-_".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{line, quote};

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(line(&["docker", "compose", "-p", "shop", "--project-directory", "/a/b"]), {
            "docker compose -p shop --project-directory /a/b"
        });
    }

    #[test]
    fn nothing_in_a_word_reaches_the_shell() {
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("$(reboot) `x` \\ \" ; & | > * ~ # =!"), "'$(reboot) `x` \\ \" ; & | > * ~ # =!'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("two\nlines"), "'two\nlines'");
    }

    proptest::proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(words in proptest::collection::vec("[^\0]{0,12}", 1..5)) {
            let script = format!("printf '%s\\0' {}", line(&words));
            let output = std::process::Command::new("sh").arg("-c").arg(&script).output().expect("sh runs");
            let read: Vec<_> = output.stdout.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            proptest::prop_assert_eq!(&read[..words.len()], &words[..]);
        }
    }
}
