//! What `cloud-init status --format json` says, in any of its versions.

use crate::value::Value;

/// Prints the status, or nothing where there is no cloud-init. Its exit status also tells about recoverable errors and
/// is of no use.
pub(crate) const SCRIPT: &str = r"
command -v cloud-init >/dev/null || exit 0
cloud-init status --format json 2>/dev/null || cloud-init status --long 2>/dev/null || :
";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not started or at work; with the stage when it is told.
    Busy(String),
    /// With what it warned about and went on.
    Done(Vec<String>),
    /// Finished, but with these errors.
    Failed(Vec<String>),
}

impl Status {
    pub(crate) fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Done(Vec::new());
        }
        match serde_json::from_str::<Value>(text) {
            Ok(status) => Self::from_json(&status),
            Err(_) => Self::from_text(text),
        }
    }

    fn from_json(status: &Value) -> Self {
        let said = |key: &str| status[key].as_str().unwrap_or_default();
        let state = if said("extended_status").is_empty() { said("status") } else { said("extended_status") };
        let (errors, warnings) = (errors(status), warnings(status));
        if state.contains("running") || matches!(state, "not started" | "not run") {
            return Self::Busy(stage(status));
        }
        if state.starts_with("error") || !errors.is_empty() {
            let told: Vec<_> = errors.into_iter().chain(warnings).collect();
            return Self::Failed(if told.is_empty() { vec![said("detail").to_owned()] } else { told });
        }
        Self::Done(warnings)
    }

    /// Versions before 22.4 know no JSON: `status: running`.
    fn from_text(text: &str) -> Self {
        let state = text.lines().find_map(|line| line.strip_prefix("status:")).unwrap_or_default().trim();
        match state {
            "running" | "not run" | "not started" => Self::Busy("running".to_owned()),
            "error" => Self::Failed(text.lines().skip_while(|l| !l.starts_with("detail")).map(str::to_owned).collect()),
            _ => Self::Done(Vec::new()),
        }
    }
}

fn stage(status: &Value) -> String {
    match status["stage"].as_str() {
        Some(stage) => format!("stage {stage}"),
        None => status["detail"].as_str().filter(|d| !d.is_empty()).unwrap_or("not started").to_owned(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn errors(status: &Value) -> Vec<String> {
    let recovered = &status["recoverable_errors"];
    [&status["errors"], &recovered["CRITICAL"], &recovered["ERROR"]].into_iter().flat_map(texts).collect()
}

/// Among them a user-data that was not understood and a disk that could not be mounted. Deprecations are left out.
fn warnings(status: &Value) -> Vec<String> {
    texts(&status["recoverable_errors"]["WARNING"])
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn nothing_said_and_disabled_are_done() {
        assert_eq!(Status::parse("\n"), Status::Done(vec![]));
        assert_eq!(
            Status::parse(r#"{"status":"disabled","extended_status":"disabled","errors":[]}"#),
            Status::Done(vec![])
        );
    }

    #[test]
    fn the_short_answer_of_debian_12_is_enough() {
        assert_eq!(
            Status::parse(r#"{"datasource":"nocloud","detail":"x","errors":[],"status":"done"}"#),
            Status::Done(vec![])
        );
        assert_eq!(Status::parse(r#"{"errors":[],"status":"not run"}"#), Status::Busy("not started".into()));
        assert_eq!(Status::parse("status: running\ntime: x\n"), Status::Busy("running".into()));
    }

    #[test]
    fn work_in_progress_names_its_stage() {
        let text = r#"{"status":"running","extended_status":"degraded running","stage":"modules-final","errors":[]}"#;
        assert_eq!(Status::parse(text), Status::Busy("stage modules-final".into()));
    }

    #[test]
    fn warnings_and_errors_are_told_and_deprecations_are_not() {
        let text = r#"{"status":"done","extended_status":"degraded done","errors":[],
            "recoverable_errors":{"DEPRECATED":["old key"],"WARNING":["Failed to mount /data"]}}"#;
        assert_eq!(Status::parse(text), Status::Done(vec!["Failed to mount /data".into()]));
        let text = r#"{"status":"done","extended_status":"degraded done","recoverable_errors":{"DEPRECATED":["old"]}}"#;
        assert_eq!(Status::parse(text), Status::Done(vec![]));
        let text = r#"{"status":"error","errors":["('scripts_user', RuntimeError('x'))"]}"#;
        assert_eq!(Status::parse(text), Status::Failed(vec!["('scripts_user', RuntimeError('x'))".into()]));
    }
}
