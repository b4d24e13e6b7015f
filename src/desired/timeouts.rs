//! How long operations may take.

use std::time::Duration;

/// As far as the Machinefile says; what it does not say, each kind of thing decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    pub create: Option<Duration>,
    pub read: Option<Duration>,
    pub update: Option<Duration>,
    pub delete: Option<Duration>,
}
