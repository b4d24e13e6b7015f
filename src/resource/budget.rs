//! What may be asked of a provider: how many calls at once and how many in a while, whoever makes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// So many calls in any stretch of time of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub calls: usize,
    pub within: Duration,
}

/// Shared by all who call one provider.
#[derive(Debug)]
pub struct Budget {
    rate: Option<Rate>,
    concurrency: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// When the calls of the last stretch began.
    begun: VecDeque<Instant>,
    /// Turns that were given and whose call has not begun.
    reserved: usize,
    /// Turns that were given and not given back.
    running: usize,
    /// How many may run now: fewer for a while after the provider refused one.
    width: usize,
    /// Nothing begins before: the provider said so.
    resume: Option<Instant>,
}

/// Why there is no turn now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Until(Instant),
    /// Until another turn is used or given back.
    Turn,
}

impl Budget {
    /// Without a limit of its own it still listens to what the provider says.
    ///
    /// # Panics
    /// When it allows nothing at all.
    #[must_use]
    pub fn new(rate: Option<Rate>, concurrency: Option<usize>) -> Arc<Self> {
        assert!(rate.is_none_or(|rate| rate.calls > 0) && concurrency != Some(0), "something is allowed");
        let state = State { begun: VecDeque::new(), reserved: 0, running: 0, width: usize::MAX, resume: None };
        let concurrency = concurrency.unwrap_or(usize::MAX);
        Arc::new(Self { rate, concurrency, state: Mutex::new(state), changed: Notify::new() })
    }

    /// Whether it allows the same as another one.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.rate, self.concurrency) == (other.rate, other.concurrency)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// A turn, if there is one now.
    pub fn try_enter(self: &Arc<Self>) -> Result<Turn, Wait> {
        let mut state = self.state();
        if state.running >= self.concurrency.min(state.width) {
            return Err(Wait::Turn);
        }
        self.may_begin(&mut state)?;
        state.running += 1;
        state.reserved += 1;
        Ok(Turn { budget: Arc::clone(self), is_reserved: true })
    }

    /// Waits for a turn.
    pub async fn enter(self: &Arc<Self>) -> Turn {
        loop {
            let changed = self.changed.notified();
            match self.try_enter() {
                Ok(turn) => return turn,
                Err(Wait::Until(then)) => sleep_until(then).await,
                Err(Wait::Turn) => changed.await,
            }
        }
    }

    /// Whether one call more fits into the stretch that ends now.
    fn may_begin(&self, state: &mut State) -> Result<(), Wait> {
        let now = Instant::now();
        if let Some(then) = state.resume.filter(|then| *then > now) {
            return Err(Wait::Until(then));
        }
        let Some(rate) = self.rate else { return Ok(()) };
        while state.begun.front().is_some_and(|begun| *begun + rate.within <= now) {
            state.begun.pop_front();
        }
        if state.begun.len() + state.reserved < rate.calls {
            return Ok(());
        }
        Err(state.begun.front().map_or(Wait::Turn, |first| Wait::Until(*first + rate.within)))
    }

    fn begin_another(&self) -> Result<(), Wait> {
        let mut state = self.state();
        self.may_begin(&mut state)?;
        self.count(&mut state);
        Ok(())
    }

    /// A call begins.
    fn count(&self, state: &mut State) {
        if self.rate.is_some() {
            state.begun.push_back(Instant::now());
        }
    }

    /// The provider asked to be left alone for so long: nobody calls it before, and then fewer at once. Each call that
    /// it takes lets one more in.
    pub fn refused(&self, wait: Duration) {
        let (now, mut state) = (Instant::now(), self.state());
        if state.resume.is_none_or(|resume| resume <= now) {
            state.width = (state.running.min(state.width) / 2).max(1);
        }
        let resume = now + wait;
        state.resume = Some(state.resume.map_or(resume, |other| other.max(resume)));
    }

    /// The provider took a call.
    pub fn served(&self) {
        let mut state = self.state();
        if state.width < usize::MAX {
            state.width += 1;
            drop(state);
            self.changed.notify_one();
        }
    }
}

/// One of the calls that may run at once. Given back when dropped.
#[derive(Debug)]
pub struct Turn {
    budget: Arc<Budget>,
    is_reserved: bool,
}

impl Turn {
    /// The call begins now: from here on it counts.
    pub fn begin(&mut self) {
        if std::mem::take(&mut self.is_reserved) {
            let mut state = self.budget.state();
            state.reserved -= 1;
            self.budget.count(&mut state);
            drop(state);
            self.budget.changed.notify_one();
        }
    }

    /// One more call in the same turn, such as the next page of a listing: waits until it may begin.
    pub async fn go_on(&mut self) {
        loop {
            let changed = self.budget.changed.notified();
            match self.budget.begin_another() {
                Ok(()) => return,
                Err(Wait::Until(then)) => sleep_until(then).await,
                Err(Wait::Turn) => changed.await,
            }
        }
    }

    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.running -= 1;
        state.reserved -= usize::from(self.is_reserved);
        drop(state);
        self.budget.changed.notify_one();
    }
}
