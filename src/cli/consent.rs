//! Whether a plan may be carried out: flags where nobody can be asked, questions where somebody can.

use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::project::Project;
use super::{prompt, terminal};
use crate::plan::{Action, Allowed, Demands, Loss, Plan, Step, demands};
use crate::reconcile::Proposal;
use crate::report;
use crate::transport::quote;

/// What the command line says.
pub(super) struct Consent {
    /// Do not ask, except for losses.
    pub(super) yes: bool,
    pub(super) allowed: Allowed,
    /// When more machines than this go, a typed answer will not do.
    pub(super) most: usize,
}

impl Consent {
    /// Of one round of a run. What was deferred in an earlier round was announced there; only losses are asked about
    /// again.
    pub(super) fn of(
        &self,
        project: &Project,
        proposal: &Proposal,
        round: usize,
        cancel: &CancellationToken,
    ) -> Result<bool, Error> {
        let again = |flags: &str| project.command(&format!("up {flags}"));
        self.to(&proposal.plan, project.owner().project.as_str(), round > 0, cancel, &again)
    }

    /// `again` gives the command that says the same with more flags.
    pub(super) fn to(
        &self,
        plan: &Plan,
        project: &str,
        announced: bool,
        cancel: &CancellationToken,
        again: &dyn Fn(&str) -> String,
    ) -> Result<bool, Error> {
        let demands = demands(plan, &self.allowed);
        let asking = terminal::can_ask() && !self.yes;
        if let Some(first) = demands.steps.first() {
            if asking && demands.machines <= self.most {
                let question = format!("Some of this cannot be undone. Type the project's name ({project}): ");
                return Ok(prompt::typed(&question, project, cancel));
            }
            let text = match first.loss() {
                _ if demands.machines > self.most => format!(
                    "{} would go or be made anew at once, and more than {} have to be named",
                    report::count(demands.machines, "machine"),
                    self.most
                ),
                Some(Loss::Data) => format!("{} would lose data, and -y alone never does that", first.resource),
                _ => format!("{} would {}, and -y alone never takes a machine", first.resource, gone(first)),
            };
            return Err(Error::failed(text).hint(format!("if that is meant: {}", again(&said(&demands, self.yes)))));
        }
        if self.yes || announced {
            return Ok(true);
        }
        prompt::agreed("Go ahead?", cancel)
    }
}

fn gone(step: &Step) -> &'static str {
    if step.action == Action::Delete { "be deleted" } else { "be made anew" }
}

/// The flags that name all of it, as they would be typed.
fn said(demands: &Demands<'_>, yes: bool) -> String {
    let mut words = if yes || !terminal::can_ask() { vec!["-y".to_owned()] } else { Vec::new() };
    for flag in demands.flags() {
        words.extend(flag.split(' ').map(str::to_owned));
    }
    quote::line(&words)
}
