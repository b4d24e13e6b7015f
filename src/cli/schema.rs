//! `machine schema`.

use super::exit_code::Exit;
use super::project::say;
use crate::provider::DRIVERS;
use crate::schema::machinefile;

pub(super) fn run() -> Exit {
    let schema = machinefile(DRIVERS);
    say(&format!("{}\n", serde_json::to_string_pretty(&schema).expect("plain data")));
    Exit::Done
}
