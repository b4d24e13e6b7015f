//! `machine schema`.

use super::args::{Described, Schema};
use super::exit_code::Exit;
use super::project::say;
use crate::provider::DRIVERS;
use crate::report::plan_schema;
use crate::schema::machinefile;

pub(super) fn run(verb: &Schema) -> Exit {
    let schema = match verb.of {
        Described::Machinefile => machinefile(DRIVERS),
        Described::Plan => plan_schema(),
    };
    say(&format!("{}\n", serde_json::to_string_pretty(&schema).expect("plain data")));
    Exit::Done
}
