//! Questions, on standard error; no is the default.

use std::io::{BufRead as _, Write as _};

/// Yes or no.
pub(super) fn confirm(question: &str) -> bool {
    let answer = ask(&format!("{question} [y/N] "));
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Whether exactly this word is typed.
pub(super) fn typed(question: &str, word: &str) -> bool {
    ask(question) == word
}

fn ask(question: &str) -> String {
    let mut stderr = std::io::stderr().lock();
    _ = write!(stderr, "{question}");
    _ = stderr.flush();
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) => line.trim().to_owned(),
        Err(_) => String::new(),
    }
}
