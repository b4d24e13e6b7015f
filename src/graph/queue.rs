//! Which vertices may start: a pure structure, no clock, no async.

/// Why a vertex that never started never will: a vertex it needs has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub vertex: usize,
    /// The failed vertex at the root of it.
    pub because: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Started,
    Settled,
}

/// Vertices `0..n` with edges "after". A hard edge passes failure on; a soft edge only orders.
#[derive(Clone, Debug)]
pub struct Queue {
    after: Vec<Vec<(usize, bool)>>,
    waits_for: Vec<usize>,
    state: Vec<State>,
    /// For a vertex some of whose needs failed: the root of the failure.
    doomed: Vec<Option<usize>>,
    ready: Vec<usize>,
    skipped: Vec<Skipped>,
    open: usize,
}

impl Queue {
    #[must_use]
    pub fn new(vertices: usize) -> Self {
        Self {
            after: vec![Vec::new(); vertices],
            waits_for: vec![0; vertices],
            state: vec![State::Waiting; vertices],
            doomed: vec![None; vertices],
            ready: Vec::new(),
            skipped: Vec::new(),
            open: vertices,
        }
    }

    /// `then` starts only after `first` has succeeded. All edges come before the first [`Queue::start`].
    pub fn need(&mut self, first: usize, then: usize) {
        self.edge(first, then, true);
    }

    /// `then` starts only after `first` has ended, well or not.
    pub fn order(&mut self, first: usize, then: usize) {
        self.edge(first, then, false);
    }

    fn edge(&mut self, first: usize, then: usize, hard: bool) {
        self.after[first].push((then, hard));
        self.waits_for[then] += 1;
    }

    /// Makes ready what waits for nothing.
    pub fn start(&mut self) {
        self.ready = (0..self.state.len()).rev().filter(|v| self.waits_for[*v] == 0).collect();
    }

    /// Takes a vertex that may run now.
    pub fn take(&mut self) -> Option<usize> {
        let vertex = self.ready.pop()?;
        self.state[vertex] = State::Started;
        Some(vertex)
    }

    /// A taken vertex ended well.
    pub fn finish(&mut self, vertex: usize) {
        self.settle(vertex, None);
    }

    /// A taken vertex ended badly.
    pub fn fail(&mut self, vertex: usize) {
        self.settle(vertex, Some(vertex));
    }

    fn settle(&mut self, vertex: usize, failure: Option<usize>) {
        let mut ended = vec![(vertex, failure)];
        while let Some((vertex, failure)) = ended.pop() {
            debug_assert_ne!(self.state[vertex], State::Settled, "a vertex ends once");
            self.state[vertex] = State::Settled;
            self.open -= 1;
            for (next, hard) in std::mem::take(&mut self.after[vertex]) {
                if hard {
                    self.doomed[next] = self.doomed[next].or(failure);
                }
                self.waits_for[next] -= 1;
                if self.waits_for[next] > 0 {
                    continue;
                }
                match self.doomed[next] {
                    None => self.ready.push(next),
                    Some(because) => {
                        self.skipped.push(Skipped { vertex: next, because });
                        ended.push((next, Some(because)));
                    }
                }
            }
        }
    }

    /// Those skipped since the last call.
    pub fn take_skipped(&mut self) -> Vec<Skipped> {
        std::mem::take(&mut self.skipped)
    }

    /// Whether every vertex has ended or been skipped.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.open == 0
    }
}
