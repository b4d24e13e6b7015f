//! Where a project's records and secrets are kept.

use schemars::JsonSchema;
use serde::Deserialize;

use super::pattern;

/// A place that a team shares, and how secrets are kept there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Store {
    /// A PostgreSQL database: `postgres://user@host/database`. Its password does not belong here: it is taken from `PGPASSWORD`. `MACHINE_STORE` and `--store` win over this.
    #[schemars(regex(pattern = "^postgres(ql)?://"), extend("patternErrorMessage" = "an address that starts with `postgres://`"))]
    pub postgres: Option<String>,

    /// How long a run that went silent keeps the project to itself before another one may take it over.
    #[schemars(
        regex(pattern = pattern::DURATION),
        extend("patternErrorMessage" = pattern::DURATION_MESSAGE),
        extend("default" = "20s")
    )]
    pub lease: Option<String>,

    /// Keeps secrets encrypted with age to each of these recipients: `age1…`. The identity that opens them is looked for where sops does, or in `MACHINE_AGE_IDENTITY_FILE`.
    #[schemars(extend("items" = pattern::text("^age1[02-9ac-hj-np-z]{58}$", "an age recipient: `age1` and 58 letters and digits, as `age-keygen -y` prints it"), "default" = []))]
    pub encrypt_to: Option<Vec<String>>,
}
