//! What carrying out a change does to what is running.

/// How much a step disturbs, in rising order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disruption {
    /// Nothing running notices.
    #[default]
    None,
    /// A daemon re-reads its configuration.
    Reload,
    /// A daemon or a project's containers restart.
    Restart,
    /// The machine restarts.
    Reboot,
    /// The thing is deleted and made anew.
    Replace,
    /// Data that exists nowhere else is deleted.
    DataLoss,
}

impl Disruption {
    /// One word for tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Reboot => "reboot",
            Self::Replace => "replace",
            Self::DataLoss => "data-loss",
        }
    }
}

/// How a change can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Impact {
    /// By `update`, with this disruption; the text says what exactly, e.g. "restarts the engine, 3 containers stop".
    InPlace(Disruption, Option<String>),
    /// Only by deleting and creating the resource.
    Replace(Disruption),
    /// Not at all; the text says why and what to do instead.
    Refused(String),
}
