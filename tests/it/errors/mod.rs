//! One broken Machinefile per diagnostic, and all that its user reads.

mod hardware;
mod meaning;
mod settings;
mod text;

use crate::support::project::Project;

fn findings(machinefile: &str) -> String {
    Project::new(machinefile).findings()
}
