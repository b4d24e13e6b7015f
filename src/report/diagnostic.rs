//! Findings for eyes: the message, the lines it is about, and what to do.

use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, Report, Severity,
    SourceCode, SourceSpan, SpanContents,
};

use crate::config::{Config, Error, Problem};
use crate::note::{self, Note};
use crate::origin::{Origin, Source};
use crate::report::Style;

/// A finding in the form that miette draws.
#[derive(Debug)]
struct Finding {
    message: String,
    severity: Severity,
    hint: Option<String>,
    place: Option<Place>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// A second place that lies in another text.
    related: Vec<Finding>,
}

#[derive(Debug)]
struct Place {
    text: Text,
    labels: Vec<LabeledSpan>,
}

/// A text shared by all findings in it.
#[derive(Debug)]
struct Text(Arc<Source>);

impl SourceCode for Text {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let lines = self.0.text.read_span(span, before, after)?;
        let (line, column, count) = (lines.line(), lines.column(), lines.line_count());
        let name = self.0.name.clone();
        Ok(Box::new(MietteSpanContents::new_named(name, lines.data(), *lines.span(), line, column, count)))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl Diagnostic for Finding {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.text as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.place.as_ref().map(|place| Box::new(place.labels.iter().cloned()) as _)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|finding| finding as &dyn Diagnostic)))
    }
}

/// What is wrong with a configuration that was loaded, and notes about its meaning.
#[must_use]
pub fn of_notes(notes: &[Note], config: &Config) -> Vec<Report> {
    let problems = config.problems.iter().map(|problem| Report::new(of_problem(problem.clone())));
    let notes = notes.iter().map(|note| {
        let severity = match note.severity {
            note::Severity::Warning => Severity::Warning,
            note::Severity::Error => Severity::Error,
        };
        let problem = Problem {
            message: note.message.clone(),
            origin: config.nearest_origin(&note.path).clone(),
            at_key: note.at_key || config.origin(&note.path).is_none(),
            hint: note.hint.clone(),
            also: note.also.as_deref().map(|(path, what)| Box::new((config.nearest_origin(path).clone(), *what))),
        };
        Report::new(Finding { severity, ..of_problem(problem) })
    });
    problems.chain(notes).collect()
}

/// What a configuration that was loaded says in vain.
#[must_use]
pub fn of_warnings(config: &Config) -> Vec<Report> {
    let warning = |problem: &Problem| Finding { severity: Severity::Warning, ..of_problem(problem.clone()) };
    config.warnings.iter().map(|problem| Report::new(warning(problem))).collect()
}

/// Why a configuration could not be loaded.
#[must_use]
pub fn of_error(error: Error) -> Vec<Report> {
    let (message, hint) = (error.to_string(), error.hint().map(str::to_owned));
    let cause: Option<Box<dyn std::error::Error + Send + Sync>> = match error {
        Error::Invalid { problems, warnings } => {
            let warning = |problem| Report::new(Finding { severity: Severity::Warning, ..of_problem(problem) });
            let problems = problems.into_iter().map(|problem| Report::new(of_problem(problem)));
            return warnings.into_iter().map(warning).chain(problems).collect();
        }
        Error::Unreadable { cause, .. } => Some(Box::new(cause)),
        _ => None,
    };
    vec![Report::new(Finding { message, severity: Severity::Error, hint, place: None, cause, related: Vec::new() })]
}

fn of_problem(problem: Problem) -> Finding {
    let also = problem.also.as_deref();
    let (same_text, other_text) = match also {
        Some((origin, _)) if origin.source == problem.origin.source => (also, None),
        _ => (None, also),
    };
    let aside = |(origin, what): &(Origin, &'static str)| Finding {
        message: (*what).to_owned(),
        severity: Severity::Advice,
        hint: None,
        place: Some(place(origin, false, None)),
        cause: None,
        related: Vec::new(),
    };
    Finding {
        severity: Severity::Error,
        place: Some(place(&problem.origin, problem.at_key, same_text)),
        cause: None,
        related: other_text.map(aside).into_iter().collect(),
        message: problem.message,
        hint: problem.hint,
    }
}

fn place(origin: &Origin, at_key: bool, also: Option<&(Origin, &'static str)>) -> Place {
    let here = LabeledSpan::new_primary_with_span(Some("here".to_owned()), shown(origin, at_key));
    let other = also.map(|(origin, what)| LabeledSpan::new_with_span(Some((*what).to_owned()), shown(origin, false)));
    Place { text: Text(Arc::clone(&origin.source)), labels: std::iter::once(here).chain(other).collect() }
}

/// What of a value is pointed at: one line of it at most.
fn shown(origin: &Origin, at_key: bool) -> std::ops::Range<usize> {
    let text = &origin.source.text;
    let spans_lines = text.get(origin.span.clone()).is_some_and(|value| value.contains('\n'));
    let span = if at_key || spans_lines { origin.key.clone() } else { origin.span.clone() };
    // A value of many lines that has no key is shown by its first.
    let first_line = text.get(span.clone()).and_then(|value| value.find('\n')).map_or(span.end, |i| span.start + i);
    span.start..first_line
}

/// At a fixed width, each ending with a line break.
#[must_use]
pub fn draw(reports: &[Report], style: Style) -> String {
    let theme = if style.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_wrap_lines(false)
        .with_links(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    for (i, report) in reports.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        handler.render_report(&mut text, report.as_ref()).expect("a String takes all that is written to it");
    }
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}
