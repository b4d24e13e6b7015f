//! `machine status`.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::json;

use super::args::{Global, Output, Status};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say};
use crate::id::ResourceId;
use crate::reconcile::{Goal, Proposal, Request};
use crate::resource::Observation;

pub(super) async fn run(global: &Global, verb: &Status) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    let proposal = project.propose(global, &Request::new(Goal::Up, global.parallel.into())).await?;
    say(&match verb.output {
        Output::Text => table(&proposal),
        Output::Json => document(&proposal),
    });
    Ok(Exit::Done)
}

/// What the plan says of each resource, in words for a state rather than for a step.
fn verdicts(proposal: &Proposal) -> HashMap<&ResourceId, String> {
    let mut verdicts = HashMap::new();
    for step in &proposal.plan.steps {
        verdicts.insert(&step.resource, format!("to {}: {}", step.action.as_str(), step.reason));
    }
    for blocked in &proposal.plan.blocked {
        verdicts.insert(&blocked.resource, format!("blocked: {}", blocked.why));
    }
    for gone in &proposal.plan.vanishing {
        verdicts.insert(&gone.resource, format!("goes with {}", gone.with));
    }
    for deferred in &proposal.plan.deferred {
        verdicts.insert(&deferred.resource, format!("seen once {} is done", deferred.until));
    }
    verdicts
}

fn seen(observation: &Observation) -> &'static str {
    match observation {
        Observation::Present(_) => "present",
        Observation::Absent => "absent",
        Observation::Unreadable(_) => "unreadable",
    }
}

fn table(proposal: &Proposal) -> String {
    let verdicts = verdicts(proposal);
    let width = proposal.sight.graph.nodes().map(|(_, node)| node.resource.id().as_str().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (_, node) in proposal.sight.graph.nodes() {
        let id = node.resource.id();
        let state = seen(proposal.sight.observed.get(id));
        let verdict = verdicts.get(id).map_or("as desired", String::as_str);
        _ = writeln!(text, "{id:<width$}  {state:<10}  {verdict}");
    }
    text
}

fn document(proposal: &Proposal) -> String {
    let verdicts = verdicts(proposal);
    let resources: Vec<_> = proposal
        .sight
        .graph
        .nodes()
        .map(|(_, node)| {
            let id = node.resource.id();
            let observation = proposal.sight.observed.get(id);
            let (attributes, why) = match observation {
                Observation::Present(attributes) => (Some(attributes), None),
                Observation::Absent => (None, None),
                Observation::Unreadable(why) => (None, Some(why)),
            };
            json!({
                "resource": id.as_str(), "state": seen(observation), "as-desired": !verdicts.contains_key(id),
                "verdict": verdicts.get(id), "attributes": attributes, "why": why,
            })
        })
        .collect();
    let document = json!({"format": 1, "resources": resources});
    format!("{}\n", serde_json::to_string_pretty(&document).expect("plain data"))
}
