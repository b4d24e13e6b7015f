//! What the streams are: terminals or not, coloured or not.

use std::io::IsTerminal as _;

use super::args::{Color, Global, Progress};
use crate::report::{Face, Style};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

impl Stream {
    fn is_terminal(self) -> bool {
        match self {
            Self::Output => std::io::stdout().is_terminal(),
            Self::Error => std::io::stderr().is_terminal(),
        }
    }

    /// Columns, when it is a terminal that knows.
    fn width(self) -> Option<usize> {
        let size = match self {
            Self::Output => rustix::termios::tcgetwinsize(std::io::stdout()),
            Self::Error => rustix::termios::tcgetwinsize(std::io::stderr()),
        };
        size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

pub(super) fn style(global: &Global, stream: Stream) -> Style {
    let colour = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => !set("NO_COLOR") && (set("CLICOLOR_FORCE") || (stream.is_terminal() && !is_dumb())),
    };
    Style { colour, width: stream.width() }
}

pub(super) fn face(global: &Global) -> Face {
    match global.progress {
        Progress::Json => Face::Json,
        Progress::Quiet => Face::Quiet,
        Progress::Auto if !Stream::Error.is_terminal() || is_dumb() => Face::Plain,
        Progress::Plain => Face::Plain,
        Progress::Tty | Progress::Auto => Face::Tty,
    }
}

/// Whether someone is there to answer.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && Stream::Error.is_terminal()
}
