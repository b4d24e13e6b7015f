//! Where the project's records and secrets are to be kept.

use std::time::Duration;

/// As the Machinefile says; the command line may say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The address of a database, as written; `None` for a folder of the user's.
    pub postgres: Option<String>,
    /// How long a silent run keeps the project to itself.
    pub lease: Duration,
    /// The age recipients of the project's secrets; none: they are not encrypted.
    pub encrypt_to: Vec<String>,
}

impl Store {
    /// Unless said otherwise.
    pub const LEASE: Duration = Duration::from_secs(20);
}
