//! Colour by meaning. With colour off the text is the same without a single escape.

use crate::plan::Action;

/// What the place that is written to can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// Columns of a terminal, where long lines are folded; elsewhere they are left as they are.
    pub width: Option<usize>,
}

impl Style {
    pub const PLAIN: Self = Self { colour: false, width: None };

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub fn caution(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// A command to type.
    pub fn command(self, text: &str) -> String {
        self.paint("36", text)
    }

    pub fn action(self, action: Action, text: &str) -> String {
        match action {
            Action::Create => self.good(text),
            Action::Update => self.caution(text),
            Action::Replace | Action::Delete => self.bad(text),
        }
    }
}
