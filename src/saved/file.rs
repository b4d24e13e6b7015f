//! The file's form: JSON with a checksum over what it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Aim, Relied, Saved};
use crate::id::ResourceId;
use crate::plan::Allowed;
use crate::resource::Observation;
use crate::selection::Pattern;
use crate::value::{Attributes, Value};

const FORMAT: u64 = 1;
const KIND: &str = "machine-plan";

/// Why a file is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is not a saved plan")]
    Foreign,
    #[error("it was written by a newer `machine` (format {0}, this one knows {FORMAT})")]
    Newer(u64),
    #[error("it is damaged: {0}")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
struct Body {
    project: String,
    version: String,
    texts: BTreeMap<String, String>,
    settings: BTreeMap<String, String>,
    relies: BTreeMap<String, Line>,
    allow_replace: Vec<String>,
    allow_destroy: Vec<String>,
    steps: Vec<Value>,
    vanishing: Vec<String>,
    destroy: bool,
    targets: Vec<String>,
    excludes: Vec<String>,
    left_alone: usize,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    seen: Seen,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Seen {
    Present(Attributes),
    Absent(bool),
    Unreadable(String),
}

fn checksum(body: &Value) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body.to_string())))
}

/// Whether a text is meant to be a saved plan, whole or not.
#[must_use]
pub fn is_plan(text: &str) -> bool {
    text.contains(KIND)
}

impl Saved {
    /// As it is written to a file; ends with a line break.
    #[must_use]
    pub fn to_text(&self) -> String {
        let body = Body {
            project: self.owner.clone(),
            version: self.version.clone(),
            texts: self.texts.clone(),
            settings: self.settings.iter().map(|(id, digest)| (id.to_string(), digest.clone())).collect(),
            relies: self.relies.iter().map(|(id, relied)| (id.to_string(), line(relied))).collect(),
            allow_replace: texts(&self.allowed.replace),
            allow_destroy: texts(&self.allowed.destroy),
            steps: self.steps.clone(),
            vanishing: self.vanishing.iter().map(ToString::to_string).collect(),
            destroy: self.aim.destroy,
            targets: texts(&self.aim.targets),
            excludes: texts(&self.aim.excludes),
            left_alone: self.left_alone,
        };
        let body = serde_json::to_value(&body).expect("plain data");
        let document = serde_json::json!({"format": FORMAT, "kind": KIND, "checksum": checksum(&body), "plan": body});
        format!("{}\n", serde_json::to_string_pretty(&document).expect("plain data"))
    }

    /// Reads back what [`Saved::to_text`] gave.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let damaged = |why: &dyn std::fmt::Display| Unusable::Damaged(why.to_string());
        if !is_plan(text) {
            return Err(Unusable::Foreign);
        }
        let document: Value = serde_json::from_str(text).map_err(|why| damaged(&why))?;
        match (document["kind"].as_str(), document["format"].as_u64()) {
            (Some(KIND), Some(FORMAT)) => {}
            (Some(KIND), Some(newer)) if newer > FORMAT => return Err(Unusable::Newer(newer)),
            _ => return Err(Unusable::Foreign),
        }
        if document["checksum"] != checksum(&document["plan"]).as_str() {
            return Err(damaged(&"its checksum is that of something else"));
        }
        let body: Body = serde_json::from_value(document["plan"].clone()).map_err(|why| damaged(&why))?;
        body.saved().ok_or_else(|| damaged(&"it names something that is no resource"))
    }
}

impl Body {
    fn saved(self) -> Option<Saved> {
        let settings = self.settings.into_iter().map(|(id, digest)| Some((ResourceId::parse(&id)?, digest)));
        let relies = self.relies.into_iter().map(|(id, line)| Some((ResourceId::parse(&id)?, relied(line))));
        Some(Saved {
            owner: self.project,
            version: self.version,
            texts: self.texts,
            settings: settings.collect::<Option<_>>()?,
            relies: relies.collect::<Option<_>>()?,
            steps: self.steps,
            allowed: Allowed { replace: patterns(&self.allow_replace)?, destroy: patterns(&self.allow_destroy)? },
            vanishing: self.vanishing.iter().map(|id| ResourceId::parse(id)).collect::<Option<_>>()?,
            aim: Aim { destroy: self.destroy, targets: patterns(&self.targets)?, excludes: patterns(&self.excludes)? },
            left_alone: self.left_alone,
        })
    }
}

fn texts(patterns: &[Pattern]) -> Vec<String> {
    patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
}

fn patterns(texts: &[String]) -> Option<Vec<Pattern>> {
    texts.iter().map(|text| Pattern::parse(text).ok()).collect()
}

fn line(relied: &Relied) -> Line {
    let seen = match &relied.seen {
        Observation::Present(attributes) => Seen::Present(attributes.clone()),
        Observation::Absent => Seen::Absent(true),
        Observation::Unreadable(why) => Seen::Unreadable(why.clone()),
    };
    Line { seen, written: relied.written.clone() }
}

fn relied(line: Line) -> Relied {
    let seen = match line.seen {
        Seen::Present(attributes) => Observation::Present(attributes),
        Seen::Absent(_) => Observation::Absent,
        Seen::Unreadable(why) => Observation::Unreadable(why),
    };
    Relied { seen, written: line.written }
}
