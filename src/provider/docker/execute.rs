//! Commands in a running container.

use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures_util::StreamExt as _;

use crate::provider::docker::engine::{Engine, failure};
use crate::resource::Failure;

/// Runs a command as root; a failure carries the end of what it said.
pub(super) async fn run<const N: usize>(engine: &Engine, container: &str, argv: [&str; N]) -> Result<(), Failure> {
    let config = ExecConfig {
        cmd: Some(argv.map(str::to_owned).into()),
        user: Some("root".into()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let id = engine.create_exec(container, config).await.map_err(failure)?.id;
    let mut said = String::new();
    if let StartExecResults::Attached { mut output, .. } = engine.start_exec(&id, None).await.map_err(failure)? {
        while let Some(part) = output.next().await {
            said.push_str(&part.map_err(failure)?.to_string());
        }
    }
    match engine.inspect_exec(&id).await.map_err(failure)?.exit_code {
        Some(0) => Ok(()),
        status => {
            let status = status.unwrap_or(-1);
            Err(Failure::new(format!("`{}` in {container} failed with status {status}", argv[0])).detail(&said))
        }
    }
}
