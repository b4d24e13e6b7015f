//! How the simulated world misbehaves: latency, failures and rate limits, decided call by call.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::provider::setting;
use crate::resource::Failure;
use crate::value::Value;

#[derive(Debug, Default)]
pub(super) struct Weather {
    latency: Duration,
    error_rate: f64,
    /// Calls per second.
    rate_limit: Option<f64>,
    pub(super) list_lag: Duration,
    bucket: Mutex<Option<Bucket>>,
    dice: RandomState,
}

/// Whether a call that is going to fail has its effect first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Succeeds,
    FailsBefore,
    FailsAfter,
}

#[derive(Debug)]
struct Bucket {
    calls: f64,
    filled: Instant,
}

impl Weather {
    /// Settings were checked against the driver's table before; anything else counts as not said.
    pub(super) fn from_settings(settings: &BTreeMap<String, Value>) -> Self {
        let duration = |name: &str| settings.get(name).and_then(setting::duration).unwrap_or_default();
        Self {
            latency: duration("latency"),
            list_lag: duration("list-lag"),
            error_rate: settings.get("error-rate").and_then(setting::fraction).unwrap_or(0.0),
            rate_limit: settings.get("rate-limit").and_then(setting::rate),
            ..Self::default()
        }
    }

    /// Lets one call happen, or refuses it as a busy provider would.
    pub(super) async fn pass(&self) -> Result<Fate, Failure> {
        self.meter()?;
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        if self.error_rate <= 0.0 {
            return Ok(Fate::Succeeds);
        }
        let throw = self.dice.hash_one(Instant::now());
        let share = (throw >> 11) as f64 / (1_u64 << 53) as f64;
        Ok(match share < self.error_rate {
            false => Fate::Succeeds,
            true if throw & 1 == 0 => Fate::FailsBefore,
            true => Fate::FailsAfter,
        })
    }

    fn meter(&self) -> Result<(), Failure> {
        let Some(rate) = self.rate_limit else { return Ok(()) };
        let now = Instant::now();
        let mut bucket = self.bucket.lock().expect("no holder panics");
        let bucket = bucket.get_or_insert(Bucket { calls: rate.max(1.0), filled: now });
        bucket.calls = (bucket.calls + now.duration_since(bucket.filled).as_secs_f64() * rate).min(rate.max(1.0));
        bucket.filled = now;
        if bucket.calls >= 1.0 {
            bucket.calls -= 1.0;
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - bucket.calls) / rate);
        Err(Failure::new("the world says: too many calls").retry(Some(wait)))
    }
}

/// What a failing call says.
pub(super) fn storm() -> Failure {
    Failure::new("the world says: internal error").retry(None)
}
