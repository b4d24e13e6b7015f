//! What the CLOUD-INIT drives attached to machines hold: found while the machines were looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cloud_init::drive::File;
use crate::id::Name;

/// By machine: those that were looked at, with nothing for one that has no such drive.
pub type Seen = BTreeMap<Name, Vec<File>>;

/// Shared by the machines of a project.
#[derive(Clone, Debug, Default)]
pub struct Drives(Arc<Mutex<Seen>>);

impl Drives {
    /// What was seen so far in this run.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.0.lock().expect("no holder panics").clone()
    }

    pub(crate) fn saw(&self, machine: &Name, files: &[File]) {
        self.0.lock().expect("no holder panics").insert(machine.clone(), files.to_vec());
    }
}

/// A file as the machine prints it: device, name, and content in base64. What was cut off is not taken for settings.
pub(crate) fn file(line: &str) -> Option<File> {
    let [device, name, content] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    Some(File { name: format!("{device}:{name}"), bytes: STANDARD.decode(content).ok()? })
}

#[cfg(test)]
mod tests {
    use super::file;

    #[test]
    fn a_file_is_a_device_a_name_and_its_content() {
        let found = file("/dev/vdc user-data I2Nsb3VkLWNvbmZpZwo=").expect("a file");
        assert_eq!(
            (found.name.as_str(), found.bytes.as_slice()),
            ("/dev/vdc:user-data", b"#cloud-config\n".as_slice())
        );
        assert_eq!(file("/dev/vdc user-data I2N"), None);
        assert_eq!(file("/dev/vdc"), None);
    }
}
