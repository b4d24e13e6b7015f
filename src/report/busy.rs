//! What still runs, for when nothing else is said.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::progress::{Face, doing};
use super::pulse::silence;
use super::text::elapsed;
use crate::apply::Event;
use crate::id::ResourceId;
use crate::plan::Action;

#[derive(Debug)]
pub(super) struct Busy {
    running: BTreeMap<ResourceId, (Action, Instant)>,
    /// When something was said last.
    said: Instant,
}

/// How many are named, the longest first.
const NAMED: usize = 3;

impl Busy {
    pub(super) fn new(now: Instant) -> Self {
        Self { running: BTreeMap::new(), said: now }
    }

    pub(super) fn note(&mut self, event: &Event, is_said: bool, now: Instant) {
        if is_said {
            self.said = now;
        }
        match event {
            Event::Started { resource, action } => _ = self.running.insert(resource.clone(), (*action, now)),
            Event::Finished { resource, .. } | Event::Failed { resource, .. } => _ = self.running.remove(resource),
            Event::Ended { .. } => self.running.clear(),
            _ => {}
        }
    }

    /// What there is to say by now.
    pub(super) fn due(&mut self, face: Face, now: Instant) -> Option<String> {
        let is_late = now.saturating_duration_since(self.said) >= silence(face);
        if self.running.is_empty() || !is_late {
            return None;
        }
        self.said = now;
        let mut longest: Vec<_> = self.running.iter().collect();
        longest.sort_by_key(|(_, (_, since))| *since);
        let more = longest.len().saturating_sub(NAMED);
        longest.truncate(NAMED);
        Some(if face == Face::Json { events(&longest, more, now) } else { words(&longest, more, now) })
    }
}

type Running<'a> = (&'a ResourceId, &'a (Action, Instant));

fn words(longest: &[Running<'_>], more: usize, now: Instant) -> String {
    let one = |(resource, (action, since)): &Running<'_>| {
        format!("{} {resource}, {}", doing(action.as_str()), elapsed(now.saturating_duration_since(*since)))
    };
    let named: Vec<_> = longest.iter().map(one).collect();
    let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("still {}{rest}", named.join("; "))
}

fn events(longest: &[Running<'_>], more: usize, now: Instant) -> String {
    let one = |(resource, (action, since)): &Running<'_>| {
        let seconds = now.saturating_duration_since(*since).as_secs_f64();
        json!({ "resource": resource.as_str(), "action": action.as_str(), "seconds": seconds })
    };
    let running: Vec<_> = longest.iter().map(one).collect();
    json!({ "format": 1, "event": "busy", "running": running, "more": more }).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn busy(running: usize, now: Instant) -> Busy {
        let mut busy = Busy::new(now);
        for n in 0..running {
            let started =
                Event::Started { resource: ResourceId::new("qemu.vm", format!("web-{n}")), action: Action::Create };
            busy.note(&started, true, now + Duration::from_secs(n as u64));
        }
        busy
    }

    #[test]
    fn a_log_is_told_every_ten_seconds_what_still_runs() {
        let start = Instant::now();
        let mut busy = busy(5, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(busy.due(Face::Plain, at(13)), None);
        let said = busy.due(Face::Plain, at(14)).expect("ten seconds after the last word");
        assert_eq!(
            said,
            "still creating qemu.vm/web-0, 14s; creating qemu.vm/web-1, 13s; creating qemu.vm/web-2, 12s; and 2 more"
        );
        assert_eq!(busy.due(Face::Plain, at(15)), None);
        for n in 0..5 {
            let resource = ResourceId::new("qemu.vm", format!("web-{n}"));
            let took = Duration::ZERO;
            busy.note(&Event::Finished { resource, action: Action::Create, took }, true, at(15));
        }
        assert_eq!(busy.due(Face::Plain, at(60)), None, "nothing runs");
    }

    #[test]
    fn programs_are_told_every_second_what_still_runs() {
        let start = Instant::now();
        let mut busy = busy(1, start);
        let steps = (1..=500).map(|n| start + Duration::from_millis(n * 10));
        let said: Vec<_> = steps.filter_map(|now| Some((now, busy.due(Face::Json, now)?))).collect();
        assert_eq!(said.len(), 5);
        assert!(said.windows(2).all(|pair| pair[1].0 - pair[0].0 < Duration::from_secs(1)));
        let event: serde_json::Value = serde_json::from_str(&said[0].1).expect("JSON");
        assert_eq!(
            (event["event"].as_str(), event["running"][0]["resource"].as_str()),
            (Some("busy"), Some("qemu.vm/web-0"))
        );
    }
}
