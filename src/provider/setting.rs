//! Reads the values that driver settings take. `None` means the value does not fit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::SettingKind;
use crate::desired::{Provider, Secret, quantity};
use crate::resource::{Budget, Rate};
use crate::value::Value;

/// `100ms`, `2s`, `1.5m`, `1h`.
#[must_use]
pub fn duration(value: &Value) -> Option<Duration> {
    quantity::duration(value.as_str()?)
}

/// Of every provider: how many calls may begin in a while.
pub const RATE: &str = "rate";
/// Of every provider: how many operations may run at once.
pub const CONCURRENCY: &str = "concurrency";

/// What the settings of a provider let us ask of it.
#[must_use]
pub fn budget(settings: &BTreeMap<String, Value>) -> Arc<Budget> {
    let concurrency =
        settings.get(CONCURRENCY).and_then(Value::as_u64).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    Budget::new(settings.get(RATE).and_then(allowance), concurrency)
}

/// `50/s` as 50 in any second, `0.5/s` as one in any two.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and larger numbers are no limit")]
pub fn allowance(value: &Value) -> Option<Rate> {
    let per_second = rate(value)?;
    let (number, unit) = value.as_str()?.split_once('/')?;
    let number: f64 = number.trim().parse().ok()?;
    let calls = number.floor().clamp(1.0, MOST_CALLS);
    let second = Duration::from_secs_f64(calls / per_second);
    let within = if number.fract() == 0.0 && number <= MOST_CALLS { span(unit)? } else { second };
    Some(Rate { calls: calls as usize, within })
}

/// So many in one stretch of time are counted one by one.
const MOST_CALLS: f64 = 100_000.0;

fn span(unit: &str) -> Option<Duration> {
    match unit.trim() {
        "s" => Some(Duration::from_secs(1)),
        "m" => Some(Duration::from_mins(1)),
        "h" => Some(Duration::from_hours(1)),
        _ => None,
    }
}

/// Calls per second of `50/s` or `100/m`.
#[must_use]
pub fn rate(value: &Value) -> Option<f64> {
    let (number, per) = value.as_str()?.split_once('/')?;
    let seconds = span(per)?.as_secs_f64();
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
        SettingKind::Rate => (rate(value).is_some(), "a rate such as `50/s`, `100/m` or `5000/h`"),
        SettingKind::Fraction => (fraction(value).is_some(), "a number between 0 and 1"),
        SettingKind::Integer => (value.is_u64(), "a whole number"),
        SettingKind::Count => (value.as_u64().is_some_and(|n| n > 0), "a whole number from 1"),
        SettingKind::Flag => (value.is_boolean(), "true or false"),
        SettingKind::Secret => (
            Secret::read(value, Path::new("")).is_some(),
            "a reference to a secret: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`",
        ),
    };
    if fits { Ok(()) } else { Err(expected) }
}
