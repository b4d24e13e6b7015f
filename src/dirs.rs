//! The folders we may write to, after the XDG base directory specification.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use etcetera::BaseStrategy;

/// Unix socket paths end here on every system we run on, the terminating zero included.
pub const SOCKET_PATH_LIMIT: usize = 104;

/// Whether others than we can put something into a folder.
#[must_use]
pub fn is_open_to_others(folder: &Metadata) -> bool {
    folder.uid() != rustix::process::getuid().as_raw() || folder.mode() & 0o022 != 0
}

/// Absolute paths; all but the first end in `machine`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// Settings of the computer: `/etc/machine`, or what `MACHINE_GLOBAL_CONFIG` names.
    pub global: PathBuf,
    /// Settings of the user.
    pub config: PathBuf,
    /// Journals, records, keys and logs.
    pub state: PathBuf,
    /// Virtual machines.
    pub data: PathBuf,
    /// Images; may be deleted at any time.
    pub cache: PathBuf,
    /// Sockets: a short path, gone after a reboot.
    pub runtime: PathBuf,
}

impl Dirs {
    /// From the environment. `None` when there is no home folder.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let base = etcetera::base_strategy::Xdg::new().ok()?;
        let runtime = base
            .runtime_dir()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("machine-{}", rustix::process::getuid().as_raw())));
        let global =
            std::env::var_os("MACHINE_GLOBAL_CONFIG").map_or_else(|| PathBuf::from("/etc/machine"), PathBuf::from);
        Some(Self {
            global,
            config: base.config_dir().join("machine"),
            state: base.state_dir()?.join("machine"),
            data: base.data_dir().join("machine"),
            cache: base.cache_dir().join("machine"),
            runtime: runtime.join("machine"),
        })
    }
}
