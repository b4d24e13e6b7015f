//! Telling people and programs: folds plans, events and findings into text. Never calls a provider.

mod audit;
mod busy;
pub mod configuration;
pub mod diagnostic;
mod difference;
mod drift;
mod machines;
mod outcome;
mod plan;
mod plan_json;
mod plan_markdown;
mod progress;
mod pulse;
mod style;
mod text;

pub use audit::{chain, chain_json, difference, difference_json};
pub use drift::{drift, drift_json, refreshed};
pub use machines::{Row, machines, machines_json};
pub use outcome::{blocked, carried_out, failures};
pub use plan::{Detail, ignored_differences, plan};
pub use plan_json::{plan_event, plan_json, plan_schema};
pub use plan_markdown::plan_markdown;
pub use progress::{Face, Reporter};
pub use pulse::{First, Pulse};
pub use style::Style;
pub use text::count;
