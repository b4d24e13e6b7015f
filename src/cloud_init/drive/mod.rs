//! CLOUD-INIT drives of the computer this runs on: filesystems with that label, read without mounting them.
//!
//! This is the one part of [`crate::cloud_init`] that reads from the world, and it only reads.

mod filesystem;
mod search;
mod source;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub use search::Search;

/// The label of a drive that holds settings; upper and lower case count alike, as for cloud-init's own.
pub const LABEL: &str = "CLOUD-INIT";
/// The files that are read from a drive, in this order: the later one wins.
pub const FILES: [&str; 2] = ["user-data", "cloud-config.yaml"];
/// Bytes of one file.
pub const MAX_FILE: usize = 1 << 20;

/// A file of a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What messages call it: `/dev/sdb1:user-data`.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of their devices' names.
    pub files: Vec<File>,
    /// Drives with the label that could not be read, or hold nothing.
    pub troubles: Vec<Trouble>,
}

/// Why a drive is passed over.
#[derive(Debug)]
pub struct Trouble {
    pub device: PathBuf,
    pub why: Why,
}

#[derive(Debug)]
pub enum Why {
    /// It has the label, and this user may not read it.
    Denied,
    /// It was named, and is not labelled so.
    OtherLabel(Option<String>),
    /// None of [`FILES`].
    Nothing,
    Unreadable(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.device.display();
        match &self.why {
            Why::Denied => write!(f, "{device} is labelled {LABEL}, and you may not read it"),
            Why::OtherLabel(Some(label)) => write!(f, "{device} is labelled `{label}` and not {LABEL}"),
            Why::OtherLabel(None) => write!(f, "{device} holds no filesystem labelled {LABEL}"),
            Why::Nothing => write!(f, "{device} is labelled {LABEL} and holds no {}", FILES.join(" or ")),
            Why::Unreadable(error) => write!(f, "{device} cannot be read: {error}"),
        }
    }
}

impl Trouble {
    /// What to do about it, apart from the message.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.why {
            Why::Denied => Some("mount it, let yourself into the group that may read disks, or say `--no-drives`"),
            Why::OtherLabel(_) => Some("give the filesystem that label, or leave it out of MACHINE_DRIVES"),
            Why::Nothing | Why::Unreadable(_) => None,
        }
    }
}

/// Reads every drive that a search comes upon. Blocks while it reads.
#[must_use]
pub fn find(search: &Search) -> Found {
    let mut found = Found::default();
    for candidate in search.candidates() {
        let device = candidate.device.clone();
        match candidate.files() {
            Ok(Some(files)) if files.is_empty() => found.troubles.push(Trouble { device, why: Why::Nothing }),
            Ok(Some(files)) => found.files.extend(files.into_iter().map(|(name, bytes)| {
                let name = format!("{}:{name}", device.display());
                File { name, bytes }
            })),
            Ok(None) => {}
            Err(why) => found.troubles.push(Trouble { device, why }),
        }
    }
    found
}

/// Whether a label is ours.
fn is_ours(label: &str) -> bool {
    label.trim_end().eq_ignore_ascii_case(LABEL)
}
