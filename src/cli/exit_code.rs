//! The exit codes, a promise to scripts.

use std::process::ExitCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or nothing to do.
    Done,
    Failed,
    /// Changes are pending; only with `--detailed-exitcode`.
    Pending,
    /// `audit` has something to tell.
    Findings,
    Usage,
    Interrupted,
    /// Of a command run elsewhere.
    Remote(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Pending | Exit::Findings => 2,
            Exit::Usage => 64,
            Exit::Interrupted => 130,
            Exit::Remote(code) => code,
        })
    }
}
