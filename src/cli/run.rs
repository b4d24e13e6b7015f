//! What every command that changes things works with: the store, the events, how to stop.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::interrupt;
use super::project::tell;
use super::terminal::{self, Stream};
use crate::apply::{Events, Outcome};
use crate::plan::Plan;
use crate::reconcile::{Proposal, carry_out};
use crate::report::{self, Detail, Face, Reporter, Style};
use crate::store::Store;

pub(super) struct Run {
    pub(super) store: Arc<dyn Store>,
    pub(super) events: Events,
    pub(super) cancel: CancellationToken,
    pub(super) face: Face,
    pub(super) style: Style,
    parallel: usize,
}

impl Run {
    pub(super) fn new(global: &Global, store: &Arc<dyn Store>) -> Self {
        Self::stopped_by(interrupt::token(), global, store)
    }

    pub(super) fn stopped_by(cancel: CancellationToken, global: &Global, store: &Arc<dyn Store>) -> Self {
        let (style, face) = (terminal::style(global, Stream::Error), terminal::face(global));
        let reporter = Reporter::new(face, style);
        Self {
            store: Arc::clone(store),
            events: Events::new(move |event| reporter.show(&event)),
            cancel,
            face,
            style,
            parallel: usize::from(global.parallel),
        }
    }

    /// Shows a plan that is about to be carried out.
    pub(super) fn show(&self, plan: &Plan) {
        match self.face {
            Face::Tty | Face::Plain => tell(&report::plan(plan, Detail::Changes, self.style)),
            Face::Json => tell(&report::plan_event(plan)),
            Face::Quiet => {}
        }
    }

    /// One plan and no more. Ctrl-C stops it.
    pub(super) async fn carry_out(&self, proposal: Proposal) -> Outcome {
        let proposal = proposal.stopped_by(&self.cancel);
        carry_out(&proposal, &self.store, &self.events, self.parallel).await
    }

    /// Says how it ended, to those who read words.
    pub(super) fn tell(&self, text: &str) {
        if matches!(self.face, Face::Tty | Face::Plain) {
            tell(text);
        }
    }
}
