//! A plan for programs, format 1. Own wire types: what a field is called here is promised.

use serde::Serialize;

use crate::plan::Plan;
use crate::value::Value;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    project: &'a str,
    steps: Vec<StepLine<'a>>,
    deferred: Vec<Until<'a>>,
    blocked: Vec<Why<'a>>,
    summary: Counts,
}

#[derive(Serialize)]
struct StepLine<'a> {
    resource: &'a str,
    action: &'static str,
    reason: String,
    disruption: &'static str,
    detail: &'a [String],
    changes: Vec<ChangeLine<'a>>,
}

#[derive(Serialize)]
struct ChangeLine<'a> {
    path: String,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

#[derive(Serialize)]
struct Until<'a> {
    resource: &'a str,
    until: &'a str,
}

#[derive(Serialize)]
struct Why<'a> {
    resource: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Counts {
    create: usize,
    update: usize,
    replace: usize,
    delete: usize,
    deferred: usize,
    blocked: usize,
    unchanged: usize,
}

/// How many steps a plan has of each kind, as one line among the events of a run.
#[must_use]
pub fn plan_event(plan: &Plan) -> String {
    let line = serde_json::json!({"format": 1, "event": "plan", "summary": counts(plan)});
    format!("{line}\n")
}

fn counts(plan: &Plan) -> Counts {
    let sum = plan.summary();
    Counts {
        create: sum.create,
        update: sum.update,
        replace: sum.replace,
        delete: sum.delete,
        deferred: plan.deferred.len(),
        blocked: plan.blocked.len(),
        unchanged: plan.unchanged,
    }
}

/// Pretty-printed, ends with a line break.
#[must_use]
pub fn plan_json(plan: &Plan, project: &str) -> String {
    let steps = plan.steps.iter().map(|step| StepLine {
        resource: step.resource.as_str(),
        action: step.action.as_str(),
        reason: step.reason.to_string(),
        disruption: step.disruption.as_str(),
        detail: &step.detail,
        changes: step
            .changes
            .iter()
            .map(|change| ChangeLine {
                path: change.path.to_string(),
                before: change.before.as_ref(),
                after: change.after.as_ref(),
            })
            .collect(),
    });
    let document = Document {
        format: 1,
        project,
        steps: steps.collect(),
        deferred: plan
            .deferred
            .iter()
            .map(|d| Until { resource: d.resource.as_str(), until: d.until.as_str() })
            .collect(),
        blocked: plan.blocked.iter().map(|b| Why { resource: b.resource.as_str(), why: &b.why }).collect(),
        summary: counts(plan),
    };
    format!("{}\n", serde_json::to_string_pretty(&document).expect("plain data"))
}
