//! Who is changing a project, as others are told.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A run that may change a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What was typed: `machine up`.
    pub command: String,
    pub user: String,
    pub host: String,
    pub process: u32,
    /// Milliseconds since 1970, by the clock of its own computer.
    pub since: u64,
}

impl Holder {
    /// This process, from now on.
    #[must_use]
    pub fn this(command: &str) -> Self {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        Self {
            command: command.to_owned(),
            user: user.unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw())),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
            since: now(),
        }
    }

    /// For how long, to the second.
    fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.since) / 1000)
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers")
    }

    /// `None` for what an earlier version, or nobody, wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64)
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, user, host, process, .. } = self;
        write!(f, "`{command}` of {user} on {host}, process {process}, since {}", ago(self.age()))
    }
}

/// `40 s`, `12 min`, `3 h 5 min`.
fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_back_as_it_was_written() {
        let holder = Holder::this("machine up");
        assert_eq!(Holder::parse(&holder.to_text()), Some(holder));
        assert_eq!(Holder::parse("`machine up` of someone, process 7"), None);
    }

    #[test]
    fn ages_are_short() {
        let said: Vec<_> = [7, 130, 11_100].into_iter().map(|s| ago(Duration::from_secs(s))).collect();
        assert_eq!(said, ["7 s", "2 min", "3 h 5 min"]);
    }
}
