//! What a running operation has: a place among those that run at once, and a turn to call its provider.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::run::Word;
use crate::resource::{Budget, Turn};

/// Both are given back while it waits to try again, so that others go on.
pub(super) struct Hold {
    places: Arc<Semaphore>,
    words: mpsc::UnboundedSender<Word>,
    place: Option<OwnedSemaphorePermit>,
    turn: Option<Turn>,
}

impl Hold {
    pub(super) fn new(
        places: &Arc<Semaphore>,
        words: &mpsc::UnboundedSender<Word>,
        place: OwnedSemaphorePermit,
        turn: Option<Turn>,
    ) -> Self {
        Self { places: Arc::clone(places), words: words.clone(), place: Some(place), turn }
    }

    /// The provider is called now.
    pub(super) fn begin(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.begin();
        }
    }

    pub(super) fn budget(&self) -> Option<&Arc<Budget>> {
        self.turn.as_ref().map(Turn::budget)
    }

    /// Lets others go on until [`Hold::resume`]. What it returns is to be handed back.
    pub(super) fn rest(&mut self) -> Resting {
        let resting = Resting(self.budget().cloned());
        self.release();
        // A run that no longer listens starts nothing.
        _ = self.words.send(Word::Rests);
        resting
    }

    pub(super) async fn resume(&mut self, Resting(budget): Resting) {
        if let Some(budget) = budget {
            self.turn = Some(budget.enter().await);
        }
        self.place = Arc::clone(&self.places).acquire_owned().await.ok();
    }

    /// It calls nobody any more.
    pub(super) fn release(&mut self) {
        (self.turn, self.place) = (None, None);
    }
}

/// Of an operation that waits to try again.
pub(super) struct Resting(Option<Arc<Budget>>);
