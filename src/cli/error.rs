//! What stops a command, and how it is told.

use std::io::Write as _;
use std::process::ExitCode;

use super::args::Global;
use super::exit_code::Exit;
use super::terminal;
use crate::cover::without_tokens;

/// An error with everything its reader needs.
#[derive(Debug)]
pub(super) struct Error {
    /// One fragment, or whole rendered diagnostics.
    text: String,
    rendered: bool,
    hint: Option<String>,
    exit: Exit,
    /// What there was to say before it: warnings, each ending with a line break.
    before: String,
}

impl Error {
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self { text: text.into(), rendered: false, hint: None, exit: Exit::Failed, before: String::new() }
    }

    /// The command was typed wrongly.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(text) }
    }

    /// The user asked to stop.
    pub(super) fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, ..Self::failed("stopped on request") }
    }

    /// Diagnostics that were drawn with their places.
    pub(super) fn drawn(text: impl Into<String>) -> Self {
        Self { rendered: true, ..Self::failed(text) }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With what there was to say before it.
    pub(super) fn after(self, said: &str) -> Self {
        let gap = if said.is_empty() { "" } else { "\n" };
        Self { before: format!("{said}{gap}{}", self.before), ..self }
    }

    /// Tells it on standard error. A closed one changes nothing.
    pub(super) fn tell(&self, global: &Global) -> ExitCode {
        let style = terminal::style(global, terminal::Stream::Error);
        let mut stderr = std::io::stderr().lock();
        let text = without_tokens(&self.text);
        _ = write!(stderr, "{}", self.before);
        if self.rendered {
            _ = write!(stderr, "{text}");
        } else {
            _ = writeln!(stderr, "{} {}", style.bad("error:"), text);
        }
        if let Some(hint) = &self.hint {
            _ = writeln!(stderr, "hint: {}", without_tokens(hint));
        }
        self.exit.into()
    }
}

impl From<crate::reconcile::Error> for Error {
    fn from(error: crate::reconcile::Error) -> Self {
        match error {
            crate::reconcile::Error::Store(error) => error.into(),
            crate::reconcile::Error::Unmatched { ref hint, .. } => Self::usage(error.to_string()).hint(hint.clone()),
            crate::reconcile::Error::Graph(_) => Self::failed(error.to_string()),
        }
    }
}

impl From<crate::custody::Error> for Error {
    fn from(error: crate::custody::Error) -> Self {
        match error {
            crate::custody::Error::Failure(failure) => failure.into(),
            crate::custody::Error::Store(error) => error.into(),
        }
    }
}

impl From<crate::resource::Failure> for Error {
    fn from(failure: crate::resource::Failure) -> Self {
        let text = std::iter::once(failure.message).chain(failure.detail).collect::<Vec<_>>().join("\n");
        Self { hint: failure.hint, ..Self::failed(text) }
    }
}

impl From<crate::store::Error> for Error {
    fn from(error: crate::store::Error) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::failed(error.to_string()) }
    }
}
