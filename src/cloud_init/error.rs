//! Why user-data could not be read.

/// What is wrong with a user-data; the part is `user-data` itself, or `part 2`, `part 2.1`, with its file name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{part} is gzip that cannot be unpacked: {why}")]
    Gzip { part: String, why: String },

    #[error("{part} is larger than {limit} bytes")]
    TooLarge { part: String, limit: usize },

    #[error("{part} holds more than {limit} parts")]
    TooMany { part: String, limit: usize },

    #[error("{part} is packed within more than {limit} others")]
    TooDeep { part: String, limit: usize },

    #[error("{part} is not the MIME it says it is: {why}")]
    Mime { part: String, why: &'static str },

    #[error("{part} is not a list of parts: {why}")]
    Archive { part: String, why: String },

    #[error("{part} is not in UTF-8 at byte {at}")]
    NotUtf8 { part: String, at: usize },

    /// The header is the beginning of the first line.
    #[error("{part} begins with `{header}`, which is no format of cloud-init")]
    Unknown { part: String, header: String },

    #[error("{part} holds settings in {what}, and they cannot be known before a machine has it")]
    Unknowable { part: String, what: &'static str },

    #[error("{part} includes other addresses")]
    Include { part: String },

    #[error("{part} holds `{key}`, which cannot be taken out without changing the rest")]
    Entangled { part: String, key: String },
}

impl Error {
    /// What to do about it, apart from the message.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { .. } => Some("begin it with `#cloud-config`"),
            Self::NotUtf8 { .. } => Some("save it in UTF-8"),
            Self::Unknowable { .. } => Some("write the settings in a `#cloud-config` part of their own"),
            Self::Include { .. } => Some("addresses are followed from `cloud-init-url` and CLOUD-INIT drives only"),
            Self::Entangled { .. } => Some("write it at the top of the text, each key on lines of its own"),
            Self::TooLarge { .. } | Self::TooMany { .. } | Self::TooDeep { .. } => {
                Some("user-data is written by hand: is this what you meant?")
            }
            Self::Gzip { .. } | Self::Mime { .. } | Self::Archive { .. } => None,
        }
    }
}
