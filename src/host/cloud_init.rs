//! What cloud-init says of its own run, read from the files it keeps: asking its command costs seconds of Python on a
//! small or emulated machine.

use crate::value::Value;

/// Prints its files as one JSON object, or nothing where there is no cloud-init or it was told not to run.
pub(crate) const SCRIPT: &str = r#"
command -v cloud-init >/dev/null || exit 0
[ ! -e /run/cloud-init/disabled ] || exit 0
cd /run/cloud-init 2>/dev/null || { echo '{}'; exit 0; }
part() { [ -s "$1.json" ] && cat "$1.json" || echo null; }
printf '{"status":%s,"result":%s}\n' "$(part status)" "$(part result)"
"#;

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
    /// From what [`SCRIPT`] printed. A file caught in the middle of being written counts as work in progress.
    pub(crate) fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Done(Vec::new());
        }
        let files: Value = serde_json::from_str(text).unwrap_or_default();
        let (status, result) = (&files["status"]["v1"], &files["result"]["v1"]);
        if result.is_null() {
            return Self::Busy(status["stage"].as_str().map_or("not started".to_owned(), |s| format!("stage {s}")));
        }
        let recovered = |levels: &[&str]| -> Vec<String> {
            let stages = status.as_object().into_iter().flatten().map(|(_, stage)| &stage["recoverable_errors"]);
            stages.flat_map(|found| levels.iter().flat_map(|level| texts(&found[*level]))).collect()
        };
        let mut errors = texts(&result["errors"]);
        errors.extend(recovered(&["CRITICAL", "ERROR"]));
        // Among them a user-data that was not understood and a disk that could not be mounted. Deprecations are left out.
        let warnings = recovered(&["WARNING"]);
        if errors.is_empty() {
            Self::Done(warnings)
        } else {
            Self::Failed(errors.into_iter().chain(warnings).collect())
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn where_there_is_no_cloud_init_nothing_is_waited_for() {
        assert_eq!(Status::parse("\n"), Status::Done(vec![]));
    }

    #[test]
    fn work_in_progress_names_its_stage() {
        assert_eq!(Status::parse("{}"), Status::Busy("not started".into()));
        let text = r#"{"status":{"v1":{"stage":"modules-final","init":{"errors":[]}}},"result":null}"#;
        assert_eq!(Status::parse(text), Status::Busy("stage modules-final".into()));
        assert_eq!(Status::parse(r#"{"status":{"v1":{"sta"#), Status::Busy("not started".into()));
    }

    #[test]
    fn the_short_files_of_debian_12_are_enough() {
        let text = r#"{"status":{"v1":{"stage":null,"init":{"errors":[]}}},"result":{"v1":{"errors":[]}}}"#;
        assert_eq!(Status::parse(text), Status::Done(vec![]));
    }

    #[test]
    fn warnings_and_errors_are_told_and_deprecations_are_not() {
        let text = r#"{"status":{"v1":{"stage":null,"init":{"recoverable_errors":
            {"DEPRECATED":["old key"],"WARNING":["Failed to mount /data"]}}}},"result":{"v1":{"errors":[]}}}"#;
        assert_eq!(Status::parse(text), Status::Done(vec!["Failed to mount /data".into()]));
        let text = r#"{"status":{"v1":{}},"result":{"v1":{"errors":["('scripts_user', RuntimeError('x'))"]}}}"#;
        assert_eq!(Status::parse(text), Status::Failed(vec!["('scripts_user', RuntimeError('x'))".into()]));
    }
}
