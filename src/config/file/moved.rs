//! What is called otherwise than it was.

use schemars::JsonSchema;
use serde::Deserialize;

use super::pattern;

/// A machine that has another name now.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
pub struct Moved {
    /// What it was called: `machines.web`. A counted machine's name means all its members.
    #[schemars(regex(pattern = pattern::MACHINE), extend("patternErrorMessage" = pattern::MACHINE_MESSAGE))]
    pub from: String,

    /// What it is called now: `machines.www`.
    #[schemars(regex(pattern = pattern::MACHINE), extend("patternErrorMessage" = pattern::MACHINE_MESSAGE))]
    pub to: String,
}
