//! `machine version`.

use serde_json::json;

use super::args::{Output, Version};
use super::exit_code::Exit;
use super::project::say;

pub(super) fn run(verb: &Version) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    say(&match verb.output {
        Output::Text => format!("machine {version}\n"),
        Output::Json => format!("{}\n", json!({"version": version})),
    });
    Exit::Done
}
