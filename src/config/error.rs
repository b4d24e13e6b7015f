//! Why a configuration could not be loaded.

use std::path::PathBuf;

use crate::origin::Origin;

/// What stops [`super::load`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Machinefile in `{}` or a folder above it", .folder.display())]
    NotFound { folder: PathBuf },

    #[error("two Machinefiles in one folder: `{first}` and `{second}`")]
    Ambiguous { first: String, second: String },

    #[error("cannot read `{name}`")]
    Unreadable {
        name: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("`{name}` is larger than {limit} bytes")]
    TooLarge { name: String, limit: u64 },

    #[error(
        "`{name}` is one file too many: {texts} files or {bytes} bytes are read, what is included several times each time"
    )]
    TooMuch { name: String, texts: usize, bytes: usize },

    /// Everything found wrong with the texts, in the order in which it is written. Not empty.
    #[error("{}", .problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid {
        problems: Vec<Problem>,
        /// What there is to say beside.
        warnings: Vec<Problem>,
    },

    #[error("`{name}` is a link to `{}`, which is not there", .target.display())]
    Dangling { name: String, target: PathBuf },
}

impl Error {
    /// What to do about it, apart from the message.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { .. } => Some("write one with `machine init`, or name a file with `-f FILE`"),
            Self::Ambiguous { .. } => Some("keep one of them, or name the one you mean with `-f FILE`"),
            Self::TooMuch { .. } => Some("include each file once, from one place"),
            Self::TooLarge { .. } => Some("a Machinefile is written by hand: is this the file you meant?"),
            Self::Dangling { .. } => Some("put the file where the link leads, or remove the link"),
            Self::Unreadable { cause, .. } if cause.kind() == std::io::ErrorKind::IsADirectory => {
                Some("this is a folder: name the file in it")
            }
            Self::Unreadable { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// One thing wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub origin: Origin,
    /// Whether the key rather than the value is at fault.
    pub at_key: bool,
    pub hint: Option<String>,
    /// A second place that explains the first, and what is there.
    pub also: Option<Box<(Origin, &'static str)>>,
}

impl Problem {
    #[must_use]
    pub fn new(origin: Origin, message: impl Into<String>) -> Self {
        Self { message: crate::cover::shown(message.into()), origin, at_key: false, hint: None, also: None }
    }

    #[must_use]
    pub fn at_key(self) -> Self {
        Self { at_key: true, ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(crate::cover::shown(hint.into())), ..self }
    }

    #[must_use]
    pub fn also(self, origin: Origin, what: &'static str) -> Self {
        Self { also: Some(Box::new((origin, what))), ..self }
    }
}
