//! Processes that outlive us: whether one still is the one we started, and how it is ended.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::resource::Failure;
use crate::transport::{Command, Output, local};

const POLL: Duration = Duration::from_millis(100);

/// A running process of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(Pid);

/// The process that wrote `pid_file`, if it still runs. A process id is reused after a while, so the process must
/// also have `mark`, a path that only ours is given, among its arguments.
pub(super) async fn running(pid_file: &Path, mark: &str) -> Option<Process> {
    let pid = std::fs::read_to_string(pid_file).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
    arguments(pid).await?.contains(mark).then_some(Process(pid))
}

/// `None` when there is no such process or it has ended and only waits to be collected.
async fn arguments(pid: Pid) -> Option<String> {
    let pid = pid.as_raw_nonzero();
    if cfg!(target_os = "linux") {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    let ps = Command::new(["ps", "-ww", "-o", "command=", "-p", &pid.to_string()]).timeout(Duration::from_secs(5));
    local::run(&ps).await.ok().filter(Output::success).map(|output| output.stdout)
}

/// Waits until the process is gone; false when it still runs after `limit`.
pub(super) async fn gone_within(pid_file: &Path, mark: &str, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while running(pid_file, mark).await.is_some() {
        if Instant::now() >= end {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// Ends a process at once and waits until it is gone.
pub(super) async fn kill(pid_file: &Path, mark: &str) -> Result<(), Failure> {
    end(pid_file, mark, Signal::KILL).await
}

/// Asks a process to end, and insists when it does not.
pub(super) async fn terminate(pid_file: &Path, mark: &str) -> Result<(), Failure> {
    match end(pid_file, mark, Signal::TERM).await {
        Err(_) => kill(pid_file, mark).await,
        done => done,
    }
}

async fn end(pid_file: &Path, mark: &str, signal: Signal) -> Result<(), Failure> {
    let Some(Process(pid)) = running(pid_file, mark).await else { return Ok(()) };
    if let Err(error) = kill_process(pid, signal)
        && running(pid_file, mark).await.is_some()
    {
        let number = pid.as_raw_nonzero();
        return Err(Failure::new(format!("process {number} cannot be ended: {error}")));
    }
    if gone_within(pid_file, mark, Duration::from_secs(5)).await {
        return Ok(());
    }
    Err(Failure::new(format!("process {} does not end", pid.as_raw_nonzero())).retry(None))
}
