//! What a driver can do, setting by setting.

use crate::value::Path;

/// How a driver takes one setting of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As it is meant.
    Supported,
    /// Another way, which is named.
    Emulated(&'static str),
    /// Left aside, for this reason, and the machine is as good without.
    Ignored(&'static str),
    /// Not at all, for this reason.
    Unsupported(&'static str),
}

/// One row of a driver's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// A setting's path within a machine: `resources.ram`. `*` stands for any name, [`BOOT`] for that of the disk a machine boots from.
    pub setting: &'static str,
    pub support: Support,
}

/// In a path, the name of the disk a machine boots from.
pub const BOOT: &str = "<boot>";

/// Settings that no driver sees: they are carried out before or after it. With all that is below them.
pub const APART: &[&str] = &[
    "provider",
    "count",
    "depends-on",
    "mandatory",
    "ignore",
    "timeouts",
    "rollout",
    "engine",
    "registries",
    "ssh",
    "resources.cloud-init-url",
];

impl Support {
    /// Why a setting that must hold does not; `None` when it does.
    #[must_use]
    pub const fn missing(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Supported | Self::Emulated(_) => None,
            Self::Ignored(why) => Some(("ignores", why)),
            Self::Unsupported(why) => Some(("cannot do", why)),
        }
    }
}

impl Capability {
    #[must_use]
    pub const fn new(setting: &'static str, support: Support) -> Self {
        Self { setting, support }
    }

    /// Whether the row speaks of the setting at this path or of what is below it. `boot` is the name of the disk the
    /// machine boots from.
    #[must_use]
    pub fn covers(&self, path: &Path, boot: &str) -> bool {
        let keys = path.keys();
        let row = self.setting.split('.');
        let same = |(row, key): (&str, &String)| row == key || row == "*" || (row == BOOT && key == boot);
        row.clone().count() <= keys.len() && row.zip(keys).all(same)
    }

    /// How many of its keys are no placeholder for any name: of two rows, the one with more is meant.
    fn weight(&self) -> (usize, usize) {
        (self.setting.split('.').count(), self.setting.split('.').filter(|key| *key != "*").count())
    }
}

/// What a driver's table says of a setting; `None` when it says nothing.
#[must_use]
pub fn support(table: &[Capability], path: &Path, boot: &str) -> Option<Support> {
    let rows = table.iter().filter(|row| row.covers(path, boot));
    rows.max_by_key(|row| row.weight()).map(|row| row.support)
}

#[cfg(test)]
mod tests {
    use super::{Capability, Support, support};
    use crate::value::Path;

    #[test]
    fn the_row_that_says_most_is_meant() {
        let table = [
            Capability::new("resources.disks.*", Support::Supported),
            Capability::new("resources.disks.*.mount", Support::Ignored("a")),
            Capability::new("resources.disks.<boot>.mount", Support::Unsupported("b")),
        ];
        let of = |path| support(&table, &Path::parse(path), "sys");
        assert_eq!(of("resources.disks.data.mount"), Some(Support::Ignored("a")));
        assert_eq!(of("resources.disks.sys.mount"), Some(Support::Unsupported("b")));
        assert_eq!(of("resources.disks.data.allocation"), Some(Support::Supported));
        assert_eq!(of("resources.ram"), None);
    }
}
