//! Reads the values that driver settings take. `None` means the value does not fit.

use std::path::Path;
use std::time::Duration;

use super::SettingKind;
use crate::desired::{Provider, Secret, quantity};
use crate::value::Value;

/// `100ms`, `2s`, `1.5m`, `1h`.
#[must_use]
pub fn duration(value: &Value) -> Option<Duration> {
    quantity::duration(value.as_str()?)
}

/// Calls per second of `50/s` or `100/m`.
#[must_use]
pub fn rate(value: &Value) -> Option<f64> {
    let (number, per) = value.as_str()?.split_once('/')?;
    let seconds = match per.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    (number > 0.0 && number.is_finite()).then_some(number / seconds)
}

/// Between 0 and 1.
#[must_use]
pub fn fraction(value: &Value) -> Option<f64> {
    value.as_f64().filter(|n| (0.0..=1.0).contains(n))
}

/// A provider's secret, not looked up yet; `None` when it is not set.
#[must_use]
pub fn secret(provider: &Provider, name: &str) -> Option<Secret> {
    Secret::read(provider.settings.get(name)?, &provider.base)
}

/// Whether a value fits; the error says what would.
pub fn check(kind: SettingKind, value: &Value) -> Result<(), &'static str> {
    let (fits, expected) = match kind {
        SettingKind::Text => (value.is_string(), "a text"),
        SettingKind::Path => (value.is_string(), "a path"),
        SettingKind::Duration => (duration(value).is_some(), "a duration such as `100ms` or `2s`"),
        SettingKind::Rate => (rate(value).is_some(), "a rate such as `50/s`"),
        SettingKind::Fraction => (fraction(value).is_some(), "a number between 0 and 1"),
        SettingKind::Integer => (value.is_u64(), "a whole number"),
        SettingKind::Flag => (value.is_boolean(), "true or false"),
        SettingKind::Secret => (
            Secret::read(value, Path::new("")).is_some(),
            "a reference to a secret: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`",
        ),
    };
    if fits { Ok(()) } else { Err(expected) }
}
