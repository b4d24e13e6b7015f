//! How long things may take.

use schemars::JsonSchema;
use serde::Deserialize;

use super::pattern;

/// How long each operation on a machine, or on anything that belongs to it, may take, its repetitions included. What is cut
/// off is gone on with by the next `machine up`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Timeouts {
    /// To make something: an hour unless said otherwise.
    #[schemars(regex(pattern = pattern::DURATION), extend("patternErrorMessage" = pattern::DURATION_MESSAGE))]
    pub create: Option<String>,

    /// To look at something: five minutes unless said otherwise.
    #[schemars(regex(pattern = pattern::DURATION), extend("patternErrorMessage" = pattern::DURATION_MESSAGE))]
    pub read: Option<String>,

    /// To change something: an hour unless said otherwise.
    #[schemars(regex(pattern = pattern::DURATION), extend("patternErrorMessage" = pattern::DURATION_MESSAGE))]
    pub update: Option<String>,

    /// To delete something: an hour unless said otherwise.
    #[schemars(regex(pattern = pattern::DURATION), extend("patternErrorMessage" = pattern::DURATION_MESSAGE))]
    pub delete: Option<String>,
}

impl Timeouts {
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            create: self.create.or_else(|| base.create.clone()),
            read: self.read.or_else(|| base.read.clone()),
            update: self.update.or_else(|| base.update.clone()),
            delete: self.delete.or_else(|| base.delete.clone()),
        }
    }
}
