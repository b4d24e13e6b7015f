//! A sign of life while nothing else is said: at once where there is much to do, and again and again.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::progress::{Face, line};
use super::text::{elapsed, thousands};

/// Of one stretch of work. It falls silent when dropped.
#[derive(Debug)]
pub struct Pulse {
    /// Dropped first, which ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    bar: Option<ProgressBar>,
}

/// When the first line comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    AtOnce,
    /// If it has not ended by then.
    After(Duration),
}

impl Pulse {
    /// `activity` is a present participle and its object: "reading the Machinefile".
    #[must_use]
    pub fn start(face: Face, activity: &str, first: First) -> Self {
        let mut pulse = Self { stop: None, thread: None, bar: None };
        match face {
            Face::Quiet => {}
            Face::Tty => pulse.bar = Some(spinner(activity)),
            Face::Plain | Face::Json => {
                let mut beat = Beat::new(face, activity, first, Instant::now());
                if let Some(text) = beat.due(Instant::now()) {
                    line(&text);
                }
                let (stop, stopped) = channel::<()>();
                let beats = move || {
                    while stopped.recv_timeout(beat.next.saturating_duration_since(Instant::now()))
                        == Err(RecvTimeoutError::Timeout)
                    {
                        if let Some(text) = beat.due(Instant::now()) {
                            line(&text);
                        }
                    }
                };
                // Without a thread there is only less to read.
                pulse.thread = std::thread::Builder::new().name("pulse".to_owned()).spawn(beats).ok();
                pulse.stop = Some(stop);
            }
        }
        pulse
    }

    /// For a look at so many machines.
    #[must_use]
    pub fn looking(face: Face, machines: usize, providers: usize) -> Self {
        let plural = |n: usize, noun: &str| format!("{} {noun}{}", thousands(n), if n == 1 { "" } else { "s" });
        let activity = format!("looking at {} of {}", plural(machines, "machine"), plural(providers, "provider"));
        let at_once = face == Face::Json || machines >= MANY;
        Self::start(face, &activity, if at_once { First::AtOnce } else { First::After(SECOND) })
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        drop(self.stop.take());
        // One that panicked has said so.
        _ = self.thread.take().map(JoinHandle::join);
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// So many machines take a moment.
const MANY: usize = 1000;
const SECOND: Duration = Duration::from_secs(1);

fn spinner(activity: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}").expect("a constant template"),
    );
    bar.set_message(activity.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// How long there may be silence.
pub(super) fn silence(face: Face) -> Duration {
    match face {
        // Programs wait for a line a second; a little less, since a line takes time too.
        Face::Json => Duration::from_millis(900),
        Face::Plain | Face::Tty | Face::Quiet => Duration::from_secs(10),
    }
}

/// What is to be said by which moment.
#[derive(Debug)]
struct Beat {
    face: Face,
    activity: String,
    since: Instant,
    next: Instant,
    is_first: bool,
}

impl Beat {
    fn new(face: Face, activity: &str, first: First, now: Instant) -> Self {
        let wait = match first {
            First::AtOnce => Duration::ZERO,
            First::After(time) => time.min(silence(face)),
        };
        Self { face, activity: activity.to_owned(), since: now, next: now + wait, is_first: true }
    }

    fn due(&mut self, now: Instant) -> Option<String> {
        if now < self.next {
            return None;
        }
        self.next = now + silence(self.face);
        let (lasted, is_first) = (now - self.since, std::mem::take(&mut self.is_first));
        Some(match self.face {
            Face::Json => {
                let (text, seconds) = (&self.activity, lasted.as_secs_f64());
                json!({ "format": 1, "event": "busy", "text": text, "seconds": seconds }).to_string()
            }
            _ if is_first => self.activity.clone(),
            _ => format!("still {}, {}", self.activity, elapsed(lasted)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(face: Face, first: First, seconds: u64) -> Vec<String> {
        let start = Instant::now();
        let mut beat = Beat::new(face, "looking at 2 machines of 1 provider", first, start);
        (0..=seconds * 100).filter_map(|n| beat.due(start + Duration::from_millis(n * 10))).collect()
    }

    #[test]
    fn a_log_has_a_line_at_once_and_one_every_ten_seconds() {
        let lines = said(Face::Plain, First::AtOnce, 25);
        assert_eq!(
            lines,
            [
                "looking at 2 machines of 1 provider",
                "still looking at 2 machines of 1 provider, 10s",
                "still looking at 2 machines of 1 provider, 20s",
            ]
        );
        assert_eq!(said(Face::Plain, First::After(SECOND), 2).len(), 1);
        assert!(said(Face::Plain, First::After(SECOND), 0).is_empty(), "what is quick says nothing");
    }

    #[test]
    fn programs_hear_something_every_second() {
        let lines = said(Face::Json, First::AtOnce, 9);
        let seconds = |line: &String| {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(event["event"], "busy");
            event["seconds"].as_f64().expect("a number")
        };
        let times: Vec<_> = lines.iter().map(seconds).collect();
        assert!(times[0] < 0.1, "{times:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] < 1.0), "{times:?}");
        assert!(times.last().is_some_and(|last| *last > 8.0), "{times:?}");
    }
}
