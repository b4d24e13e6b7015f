//! What readers are told about their input: findings with a severity, a place and a hint, collected
//! so that all problems appear in one run.

use crate::cover::shown;
use crate::value::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// One finding about the configuration. `path` names the setting; the report turns it into file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub severity: Severity,
    /// The setting meant. Where it is not written, its nearest written ancestor is pointed at.
    pub path: Path,
    /// Whether the key rather than the value is at fault.
    pub at_key: bool,
    pub message: String,
    pub hint: Option<String>,
    /// A second setting that explains the first, and what is there.
    pub also: Option<Box<(Path, &'static str)>>,
}

impl Note {
    #[must_use]
    pub fn error(path: Path, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, path, at_key: false, message: shown(message.into()), hint: None, also: None }
    }

    #[must_use]
    pub fn warning(path: Path, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, message) }
    }

    #[must_use]
    pub fn at_key(self) -> Self {
        Self { at_key: true, ..self }
    }

    #[must_use]
    pub fn also(self, path: Path, what: &'static str) -> Self {
        Self { also: Some(Box::new((path, what))), ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(shown(hint.into())), ..self }
    }
}

/// Whether any of these stops the run.
#[must_use]
pub fn has_errors(notes: &[Note]) -> bool {
    notes.iter().any(|note| note.severity == Severity::Error)
}

/// The candidate nearest to a misspelt word, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?`` for a misspelt word, or the list of what is known.
#[must_use]
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    let known: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    format!("known here: {}", known.join(", "))
}
