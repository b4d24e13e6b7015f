//! A compose project on single machines.

use std::path::PathBuf;
use std::time::Duration;

use crate::id::Name;
use crate::value::Path;

#[derive(Clone, Debug, PartialEq)]
pub struct ComposeProject {
    pub name: Name,
    /// The machines that run it, by full name; not empty.
    pub on: Vec<Name>,
    /// Compose files in merge order, absolute; not empty.
    pub files: Vec<PathBuf>,
    /// The project directory, absolute: relative paths inside the compose files start here. The first file's folder unless declared.
    pub directory: PathBuf,
    /// What it takes along lies in here, absolute: the Machinefile's folder, or the project directory where that is elsewhere.
    pub root: PathBuf,
    /// Passed as `--env-file`, absolute. Without any, `.env` in the project directory is used when it is there.
    pub env_files: Vec<PathBuf>,
    pub profiles: Vec<String>,
    /// Archives of images that the machines are given, absolute.
    pub images: Vec<PathBuf>,
    /// How long its containers may take to be up and healthy once they are started, on hardware.
    pub wait: Duration,
    /// The projects that come first; each is there.
    pub after: Vec<Name>,
    pub at: Path,
}
