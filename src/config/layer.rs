//! Where settings come from.

use std::fmt;
use std::str::FromStr;

/// The layers in rising precedence: the order of declaration is the order of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The computer's own files: `config.yaml`, `config.toml` and `config.d/*` in `/etc/machine`.
    Global,
    /// The user's files: the same names in `$XDG_CONFIG_HOME/machine`.
    User,
    /// The Machinefile, or what `-f` names, in the order given, and what they include.
    Project,
    /// Variables that begin with `MACHINE__`.
    Environment,
    /// `--set` and the flags that stand for settings.
    CommandLine,
    /// What `cloud-init-url` gives.
    CloudInitUrl,
    /// What filesystems labelled `CLOUD-INIT` hold.
    CloudInitDrive,
}

impl Layer {
    pub const ALL: [Self; 7] = [
        Self::Global,
        Self::User,
        Self::Project,
        Self::Environment,
        Self::CommandLine,
        Self::CloudInitUrl,
        Self::CloudInitDrive,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::User => "user",
            Self::Project => "project",
            Self::Environment => "environment",
            Self::CommandLine => "command-line",
            Self::CloudInitUrl => "cloud-init-url",
            Self::CloudInitDrive => "cloud-init-drive",
        }
    }

    /// Whether its texts were got from elsewhere: then they may neither read this computer's variables and files nor
    /// run its commands, nor say whose the project is.
    #[must_use]
    pub const fn is_foreign(self) -> bool {
        matches!(self, Self::CloudInitUrl | Self::CloudInitDrive)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no layer `{0}`")]
pub struct UnknownLayer(pub String);

impl FromStr for Layer {
    type Err = UnknownLayer;

    fn from_str(text: &str) -> Result<Self, UnknownLayer> {
        Self::ALL.into_iter().find(|layer| layer.as_str() == text).ok_or_else(|| UnknownLayer(text.to_owned()))
    }
}
