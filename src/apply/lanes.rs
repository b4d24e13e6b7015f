//! What could start now, in a lane for each provider: who waits for one provider's turn is not in the way of another's.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::resource::{Budget, Limits, Turn, Wait};

#[derive(Default)]
pub(super) struct Lanes {
    all: Vec<Lane>,
    by_realm: HashMap<String, usize>,
    /// Where to look first, so that every lane has its share.
    next: usize,
}

struct Lane {
    budget: Option<Arc<Budget>>,
    ready: VecDeque<usize>,
}

/// What may start, and the turn to call its provider if that has a budget.
pub(super) struct Start {
    pub(super) vertex: usize,
    pub(super) turn: Option<Turn>,
}

impl Lanes {
    /// Adds vertices, the most urgent first, before all that wait already.
    pub(super) fn add(&mut self, ready: Vec<(usize, Option<&str>)>, limits: &Limits) {
        for (vertex, realm) in ready.into_iter().rev() {
            let realm = realm.filter(|realm| limits.budget(Some(realm)).is_some());
            let lane = if let Some(lane) = self.by_realm.get(realm.unwrap_or_default()) {
                *lane
            } else {
                let budget = limits.budget(realm).cloned();
                self.all.push(Lane { budget, ready: VecDeque::new() });
                self.by_realm.insert(realm.unwrap_or_default().to_owned(), self.all.len() - 1);
                self.all.len() - 1
            };
            self.all[lane].ready.push_front(vertex);
        }
    }

    /// The next that its provider lets in. Otherwise when to ask again; `None` when something has to end first.
    pub(super) fn take(&mut self) -> Result<Start, Option<Instant>> {
        let mut opens: Option<Instant> = None;
        for at in 0..self.all.len() {
            let at = (self.next + at) % self.all.len();
            let lane = &mut self.all[at];
            let Some(vertex) = lane.ready.front().copied() else { continue };
            let turn = match lane.budget.as_ref().map(Budget::try_enter).transpose() {
                Ok(turn) => turn,
                Err(Wait::Until(then)) => {
                    opens = Some(opens.map_or(then, |other| other.min(then)));
                    continue;
                }
                Err(Wait::Turn) => continue,
            };
            lane.ready.pop_front();
            self.next = at + 1;
            return Ok(Start { vertex, turn });
        }
        Err(opens)
    }
}
