//! One run at a time: taking the project, or waiting until it is free.

use std::time::Duration;

use serde_json::json;

use super::args::Global;
use super::error::Error;
use super::project::{Project, tell};
use super::{interrupt, terminal};
use crate::report::Face;
use crate::store::{Claim, Holder};

/// How often a wait is told.
fn remind(face: Face) -> Duration {
    if face == Face::Json { Duration::from_millis(900) } else { Duration::from_secs(10) }
}

/// Exclusive use of the project for `verb`, until released or dropped.
pub(super) async fn claim(project: &Project, global: &Global, verb: &str) -> Result<Claim, Error> {
    let face = terminal::face(global);
    let mut next = Duration::ZERO;
    let waiting = move |other: Option<&Holder>, waited: Duration| {
        if waited >= next {
            next = waited + remind(face);
            tell_wait(face, other, waited);
        }
    };
    let holder = Holder::this(&format!("machine {verb}"));
    let cancel = interrupt::token();
    tokio::select! {
        claim = project.place.claim(&holder, global.lock_wait, waiting) => Ok(claim?),
        () = cancel.cancelled() => Err(Error::interrupted()),
    }
}

fn tell_wait(face: Face, other: Option<&Holder>, waited: Duration) {
    let other = other.map_or_else(|| "another run".to_owned(), ToString::to_string);
    let seconds = waited.as_secs();
    match face {
        Face::Tty | Face::Plain => tell(&format!("waiting for {other}, {seconds} s\n")),
        Face::Json => tell(&format!("{}\n", json!({ "event": "waiting", "for": other, "seconds": seconds }))),
        Face::Quiet => {}
    }
}
