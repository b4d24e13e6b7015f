//! A plan for programs, format 1. Own wire types: what a field is called here is promised, and `schema/plan.json` is
//! made from them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::difference::unified;
use crate::id::ResourceId;
use crate::plan::{Action, Plan, Rollout, Step};
use crate::resource::{Shown, Text};
use crate::value::Value;

/// What `machine plan -o json` prints. Fields may be added to a format; what a field means never changes within one.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// The version of this format.
    format: Format,
    /// The project's name.
    project: &'a str,
    /// What the plan keeps to; absent when it is about the whole project.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<LimitLine<'a>>,
    /// What would be done, in an order in which it could be done one by one.
    steps: Vec<StepLine<'a>>,
    /// Resources that can be seen, and planned, only once another has its step behind it.
    deferred: Vec<Until<'a>>,
    /// Resources that are not as the Machinefile asks and are left alone.
    blocked: Vec<BlockedLine<'a>>,
    /// Resources that go with what they live in, without a step of their own.
    vanishing: Vec<With<'a>>,
    /// Machines that are disturbed a few at a time; absent where none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollouts: Option<Vec<RolloutLine<'a>>>,
    /// Providers that could not be listed: what is no longer wanted there is not seen.
    unseen: Vec<Unseen<'a>>,
    /// How many of each.
    summary: Counts,
}

/// 1.
struct Format;

impl Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(1)
    }
}

impl JsonSchema for Format {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1 })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// What a plan keeps to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Limit")]
#[serde(rename_all = "kebab-case")]
struct LimitLine<'a> {
    /// What `--target` was given.
    targets: &'a [String],
    /// What `--exclude` was given.
    excludes: &'a [String],
    /// How many known resources are left out.
    left_out: usize,
}

/// Machines that are not to be away all at once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rollout")]
struct RolloutLine<'a> {
    /// The name of a counted machine, or the project's.
    fleet: &'a str,
    /// Those that are disturbed together, one group after the other: each once those before are well again.
    batches: &'a [Vec<String>],
}

/// One thing to do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Step")]
struct StepLine<'a> {
    /// `kind/name`, unique within the project.
    resource: &'a str,
    /// `create`, `update`, `replace` or `delete`.
    action: &'static str,
    /// Why, in words.
    reason: String,
    /// Why, in one word: `new`, `missing`, `unfinished`, `changed` (in the Machinefile), `drifted` (changed without us),
    /// `mixed` (both), `differs` (nobody can tell), `moved` (only its name changes), `not-desired`, `destroying` or
    /// `parent-replaced`.
    cause: &'static str,
    /// What it is called until this step renames it: `kind/name`.
    #[serde(rename = "moved-from", skip_serializing_if = "Option::is_none")]
    moved_from: Option<&'a str>,
    /// What running things notice: `none`, `reload`, `restart`, `reboot`, `replace` or `data-loss`.
    disruption: &'static str,
    /// What the disruption means here, in words.
    detail: &'a [String],
    /// The flag without which `up -y` refuses it, because it loses data or takes a machine: `--allow-destroy web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<String>,
    /// What changes; of a new resource, every value it gets.
    changes: Vec<ChangeLine<'a>>,
    /// Texts behind changes that are only digests, as far as they may be shown. Absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    texts: Vec<TextLine>,
}

/// A text that changes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Text")]
struct TextLine {
    /// The change it stands behind, or what several stand below.
    path: String,
    /// A unified diff without secrets; absent when nothing may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    /// Why nothing is shown: `covered` (it is secret), or in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<String>,
    /// Whether something in it that is covered changes.
    covered: bool,
}

/// One value's change.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Change")]
struct ChangeLine<'a> {
    /// Keys joined by dots; a key that holds a dot itself is quoted.
    path: String,
    /// What is there now; null when nothing is.
    before: Option<&'a Value>,
    /// What will be there; null when nothing will be, or when it is not known yet.
    after: Option<&'a Value>,
    /// Who made the difference: `file` (the Machinefile), `outside` (somebody else), `both`. Absent when nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// What we had left there, when that is neither what is there nor what is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<&'a Value>,
    /// False for a value that only the world decides, once the step is done. Absent when it is known.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(default = "yes")]
    known: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
fn is_true(known: &bool) -> bool {
    *known
}

/// A resource that waits to be seen.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Deferred")]
struct Until<'a> {
    /// `kind/name`.
    resource: &'a str,
    /// The resource whose step comes first.
    until: &'a str,
}

/// A resource that is left alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Blocked")]
struct BlockedLine<'a> {
    /// `kind/name`.
    resource: &'a str,
    /// In words.
    why: String,
    /// In one word: `unreadable` (it cannot be seen), `refused` (the change cannot be carried out), `waits` (for what it needs),
    /// `carries` (something that is blocked itself), `protected`, `needed` (by something protected), `inside` (something
    /// protected), `unselected` (something that is not selected is built upon it), `consent` (it needs a flag),
    /// `taken` (something else keeps what it needs), `swap` (two would take from each other). More may be added.
    cause: &'static str,
}

/// A resource that goes with another.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Vanishing")]
struct With<'a> {
    /// `kind/name`.
    resource: &'a str,
    /// The resource whose step takes it along.
    with: &'a str,
}

/// A provider that did not answer.
#[derive(Serialize, JsonSchema)]
struct Unseen<'a> {
    /// The provider's name, or the resource that holds others.
    source: &'a str,
    /// In words.
    why: &'a str,
}

/// How many steps of each action, and resources without one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Summary")]
struct Counts {
    create: usize,
    update: usize,
    replace: usize,
    delete: usize,
    deferred: usize,
    blocked: usize,
    /// As the Machinefile asks.
    unchanged: usize,
}

/// How many steps a plan has of each kind, as one line among the events of a run.
#[must_use]
pub fn plan_event(plan: &Plan) -> String {
    let vanishing = plan.vanishing.iter();
    let vanishing: Vec<_> = vanishing
        .map(|gone| serde_json::json!({"resource": gone.resource.as_str(), "with": gone.with.as_str()}))
        .collect();
    let line = serde_json::json!({"format": 1, "event": "plan", "summary": counts(plan), "vanishing": vanishing});
    format!("{line}\n")
}

fn rollouts(plan: &Plan) -> Option<Vec<RolloutLine<'_>>> {
    let lines = plan.rollouts.iter().map(|Rollout { fleet, batches, .. }| RolloutLine { fleet, batches });
    (!plan.rollouts.is_empty()).then(|| lines.collect())
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

fn step_line(step: &Step) -> StepLine<'_> {
    let known = step.changes.iter().map(|change| ChangeLine {
        path: change.path.to_string(),
        before: change.before.as_ref(),
        after: change.after.as_ref(),
        cause: step.cause(change).map(crate::plan::Cause::as_str),
        left: step.left_aside(change),
        known: true,
    });
    let has_news = matches!(step.action, Action::Create | Action::Replace);
    let unknown = step.unknown.iter().filter(|_| has_news).map(|name| ChangeLine {
        path: (*name).to_owned(),
        before: None,
        after: None,
        cause: None,
        left: None,
        known: false,
    });
    StepLine {
        resource: step.resource.as_str(),
        action: step.action.as_str(),
        reason: step.reason.to_string(),
        cause: step.reason.as_str(),
        moved_from: step.moved.as_ref().filter(|_| step.action != Action::Create).map(ResourceId::as_str),
        disruption: step.disruption.as_str(),
        detail: &step.detail,
        consent: step.flag(),
        changes: known.chain(unknown).collect(),
        texts: step.texts.iter().map(text_line).collect(),
    }
}

fn text_line(text: &Text) -> TextLine {
    let path = text.path.to_string();
    match &text.shown {
        Shown::Nothing(why) => TextLine { path, diff: None, hidden: Some(why.clone()), covered: why == "covered" },
        Shown::Lines { before, after, covered } => {
            let lines = unified(before, after);
            let diff = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            TextLine { path, diff: Some(diff), hidden: None, covered: *covered }
        }
    }
}

/// Pretty-printed, ends with a line break. The same plan gives the same bytes.
#[must_use]
pub fn plan_json(plan: &Plan, project: &str) -> String {
    let document = Document {
        format: Format,
        project,
        limit: plan.limit.as_ref().map(|limit| LimitLine {
            targets: &limit.targets,
            excludes: &limit.excludes,
            left_out: limit.left_out,
        }),
        steps: plan.steps.iter().map(step_line).collect(),
        deferred: plan
            .deferred
            .iter()
            .map(|d| Until { resource: d.resource.as_str(), until: d.until.as_str() })
            .collect(),
        blocked: plan
            .blocked
            .iter()
            .map(|b| BlockedLine { resource: b.resource.as_str(), why: b.why.to_string(), cause: b.why.as_str() })
            .collect(),
        vanishing: plan
            .vanishing
            .iter()
            .map(|gone| With { resource: gone.resource.as_str(), with: gone.with.as_str() })
            .collect(),
        rollouts: rollouts(plan),
        unseen: plan.unseen.iter().map(|(source, why)| Unseen { source, why }).collect(),
        summary: counts(plan),
    };
    format!("{}\n", serde_json::to_string_pretty(&document).expect("plain data"))
}

/// The JSON Schema (draft-07) of what [`plan_json`] gives.
#[must_use]
pub fn plan_schema() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Document<'_>>();
    schema.insert("$id".into(), "urn:libmachine:plan".into());
    schema.insert("title".into(), "Plan".into());
    schema.to_value()
}
