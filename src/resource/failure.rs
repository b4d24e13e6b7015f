//! Why an operation on a resource failed, in words for the user.

use std::time::Duration;

use crate::cover::{shown, without_tokens};

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// After the executor's own back-off, or after the time the other side asked for.
    Later(Option<Duration>),
}

/// A failed operation. Passwords and tokens of addresses are in none of its words. The executor adds which resource it was.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// A lower-case fragment that fits after "failed: ".
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The last lines of what was said remotely: a console, a package manager, a daemon's log.
    pub detail: Vec<String>,
    pub retry: Retry,
}

impl Failure {
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: shown(message.into()), hint: None, detail: Vec::new(), retry: Retry::Never }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(shown(hint.into())), ..self }
    }

    /// Keeps the last 20 non-empty lines of `text`.
    #[must_use]
    pub fn detail(self, text: &str) -> Self {
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
        let skip = lines.len().saturating_sub(20);
        Self { detail: lines[skip..].iter().map(|line| without_tokens(line).into_owned()).collect(), ..self }
    }

    #[must_use]
    pub fn retry(self, after: Option<Duration>) -> Self {
        Self { retry: Retry::Later(after), ..self }
    }
}
