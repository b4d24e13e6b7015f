//! Questions, on standard error; no is the default, and Ctrl-C is a no.

use std::io::{BufRead as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::terminal;

/// Yes or no; an error where nobody can be asked.
pub(super) fn agreed(question: &str, cancel: &CancellationToken) -> Result<bool, Error> {
    if terminal::can_ask() { Ok(confirm(question, cancel)) } else { Err(nobody("to go ahead")) }
}

/// Nobody can be asked. `purpose` says what `-y` is for.
pub(super) fn nobody(purpose: &str) -> Error {
    Error::failed("there is nobody to ask for consent").hint(format!("run with -y (or MACHINE_YES=true) {purpose}"))
}

fn confirm(question: &str, cancel: &CancellationToken) -> bool {
    let answer = ask(&format!("{question} [y/N] "), cancel);
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Whether exactly this word is typed.
pub(super) fn typed(question: &str, word: &str, cancel: &CancellationToken) -> bool {
    ask(question, cancel) == word
}

/// The line typed, or nothing once the user has asked to stop: a thread that waits for a line cannot be woken otherwise.
fn ask(question: &str, cancel: &CancellationToken) -> String {
    let mut stderr = std::io::stderr().lock();
    _ = write!(stderr, "{question}");
    _ = stderr.flush();
    drop(stderr);
    let (answer, answers) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        _ = std::io::stdin().lock().read_line(&mut line);
        _ = answer.send(line.trim().to_owned());
    });
    loop {
        match answers.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => return line,
            Err(RecvTimeoutError::Timeout) if !cancel.is_cancelled() => {}
            Err(_) => return String::new(),
        }
    }
}
