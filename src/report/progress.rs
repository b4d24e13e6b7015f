//! Events as they happen, with one of four faces.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use super::busy::Busy;
use super::style::Style;
use super::text::elapsed;
use crate::apply::Event;
use crate::id::ResourceId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// A redrawn line per running resource, a lasting one per finished one.
    Tty,
    /// One line per change of state.
    Plain,
    /// One JSON object per line, format 1.
    Json,
    /// Failures only, at the end.
    Quiet,
}

/// Prints events to standard error.
pub struct Reporter {
    face: Face,
    style: Style,
    bars: Arc<Mutex<Bars>>,
}

struct Bars {
    screen: MultiProgress,
    running: HashMap<ResourceId, ProgressBar>,
    last: HashMap<ResourceId, String>,
    done: usize,
    steps: usize,
    busy: Busy,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("face", &self.face).finish_non_exhaustive()
    }
}

impl Reporter {
    #[must_use]
    pub fn new(face: Face, style: Style) -> Self {
        let (running, last, busy) = (HashMap::new(), HashMap::new(), Busy::new(Instant::now()));
        let bars = Bars { screen: MultiProgress::new(), running, last, done: 0, steps: 0, busy };
        let bars = Arc::new(Mutex::new(bars));
        if matches!(face, Face::Plain | Face::Json) {
            keep_talking(face, &bars);
        }
        Self { face, style, bars }
    }

    /// Shows one event.
    pub fn show(&self, event: &Event) {
        let mut bars = self.bars.lock().expect("no holder panics");
        match self.face {
            Face::Quiet => {}
            Face::Json => {
                bars.busy.note(event, true, Instant::now());
                line(&json_line(event));
            }
            Face::Plain => {
                let text = self.plain(event, &mut bars);
                bars.busy.note(event, text.is_some(), Instant::now());
                if let Some(text) = text {
                    line(&text);
                }
            }
            Face::Tty => self.tty(event, &mut bars),
        }
    }

    fn plain(&self, event: &Event, bars: &mut Bars) -> Option<String> {
        let style = self.style;
        Some(match event {
            Event::Began { .. } | Event::Ended { .. } => return None,
            Event::Started { resource, action } => format!("{resource}  {}", doing(action.as_str())),
            Event::Progress { resource, text } => {
                // Percentages and counters change all the time; in a log one line per activity is enough.
                let activity: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
                if bars.last.insert(resource.clone(), activity.clone()) == Some(activity) {
                    return None;
                }
                format!("{resource}  {text}")
            }
            Event::Retrying { resource, failure, wait } => {
                format!("{resource}  {} {failure}; again in {}", style.caution("retrying:"), elapsed(*wait))
            }
            Event::Finished { resource, action, took } => {
                format!("{resource}  {} {}", style.good(done(action.as_str())), style.faint(&elapsed(*took)))
            }
            Event::Failed { resource, failure, took, .. } => {
                format!("{resource}  {} {failure} {}", style.bad("failed:"), style.faint(&elapsed(*took)))
            }
            Event::Skipped { resource, because } => format!("{resource}  skipped, because {because} failed"),
            Event::Stopping { running } => {
                format!("stopping: waiting for {running} running, starting nothing new; Ctrl-C again to leave at once")
            }
        })
    }

    fn tty(&self, event: &Event, bars: &mut Bars) {
        match event {
            Event::Began { steps } => (bars.steps, bars.done) = (*steps, 0),
            Event::Started { resource, action } => {
                let bar = bars.screen.add(ProgressBar::new_spinner());
                let look = ProgressStyle::with_template("{spinner:.cyan} {prefix:.bold} {wide_msg} {elapsed:.dim}");
                bar.set_style(look.expect("a constant template"));
                bar.set_prefix(resource.to_string());
                bar.set_message(doing(action.as_str()).to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.running.insert(resource.clone(), bar);
            }
            Event::Progress { resource, text } => {
                if let Some(bar) = bars.running.get(resource) {
                    bar.set_message(text.clone());
                }
            }
            Event::Retrying { resource, failure, wait } => {
                if let Some(bar) = bars.running.get(resource) {
                    bar.set_message(format!("{failure}; again in {}", elapsed(*wait)));
                }
            }
            Event::Finished { resource, action, took } => {
                let count = format!("[{}/{}]", bars.done + 1, bars.steps);
                let text = format!(
                    "{} {} {} {} {}",
                    self.style.good("✔"),
                    self.style.faint(&count),
                    resource,
                    done(action.as_str()),
                    self.style.faint(&elapsed(*took))
                );
                bars.settle(resource, &text);
            }
            Event::Failed { resource, took, .. } => {
                let text = format!("{} {resource} failed {}", self.style.bad("✘"), self.style.faint(&elapsed(*took)));
                bars.settle(resource, &text);
            }
            Event::Skipped { resource, because } => {
                bars.settle(resource, &self.style.faint(&format!("· {resource} skipped, because {because} failed")));
            }
            Event::Stopping { .. } => {
                if let Some(text) = self.plain(event, bars) {
                    _ = bars.screen.println(self.style.caution(&text));
                }
            }
            Event::Ended { .. } => _ = bars.screen.clear(),
        }
    }
}

impl Bars {
    fn settle(&mut self, resource: &ResourceId, text: &str) {
        self.done += 1;
        if let Some(bar) = self.running.remove(resource) {
            bar.finish_and_clear();
        }
        _ = self.screen.println(text);
    }
}

/// Says what still runs when nothing else was said for a while, as long as there is a reporter.
fn keep_talking(face: Face, bars: &Arc<Mutex<Bars>>) {
    let bars = Arc::downgrade(bars);
    let talk = move || {
        while let Some(bars) = bars.upgrade() {
            if let Some(text) = bars.lock().expect("no holder panics").busy.due(face, Instant::now()) {
                line(&text);
            }
            drop(bars);
            std::thread::sleep(GLANCE);
        }
    };
    // Without a thread there is only less to read.
    _ = std::thread::Builder::new().name("busy".to_owned()).spawn(talk);
}

const GLANCE: Duration = Duration::from_millis(50);

/// In one piece, whoever else writes there. A closed standard error is no reason to stop half-way through a change.
pub(super) fn line(text: &str) {
    _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

pub(super) fn doing(action: &str) -> &'static str {
    match action {
        "create" => "creating",
        "update" => "changing",
        "replace" => "replacing",
        _ => "deleting",
    }
}

fn done(action: &str) -> &'static str {
    match action {
        "create" => "created",
        "update" => "changed",
        "replace" => "replaced",
        _ => "deleted",
    }
}

fn json_line(event: &Event) -> String {
    let value = match event {
        Event::Began { steps } => json!({"event": "began", "steps": steps}),
        Event::Started { resource, action } => {
            json!({"event": "started", "resource": resource.as_str(), "action": action.as_str()})
        }
        Event::Progress { resource, text } => {
            json!({"event": "progress", "resource": resource.as_str(), "text": text})
        }
        Event::Retrying { resource, failure, wait } => {
            json!({"event": "retrying", "resource": resource.as_str(), "message": failure.message, "seconds": wait.as_secs_f64()})
        }
        Event::Finished { resource, action, took } => {
            json!({"event": "finished", "resource": resource.as_str(), "action": action.as_str(), "seconds": took.as_secs_f64()})
        }
        Event::Failed { resource, action, took, failure } => json!({
            "event": "failed", "resource": resource.as_str(), "action": action.as_str(), "seconds": took.as_secs_f64(),
            "message": failure.message, "hint": failure.hint, "detail": failure.detail,
        }),
        Event::Skipped { resource, because } => {
            json!({"event": "skipped", "resource": resource.as_str(), "because": because.as_str()})
        }
        Event::Stopping { running } => json!({"event": "stopping", "running": running}),
        Event::Ended { done, failed, skipped, left } => {
            json!({"event": "ended", "done": done, "failed": failed, "skipped": skipped, "left": left})
        }
    };
    let mut object = serde_json::Map::from_iter([("format".to_owned(), json!(1))]);
    object.extend(value.as_object().cloned().unwrap_or_default());
    serde_json::Value::Object(object).to_string()
}
