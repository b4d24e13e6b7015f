//! Processes that outlive us: whether one still is the one we started, and how it is ended.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::resource::Failure;
use crate::transport::{Command, Output, local};

const POLL: Duration = Duration::from_millis(100);

/// A running process of ours.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    mark: String,
    /// Stands for this process alone, even when its id has become another's. `None` where the system has no such thing.
    handle: Option<OwnedFd>,
}

impl Process {
    fn signal(&self, signal: Signal) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            return rustix::process::pidfd_send_signal(handle, signal);
        }
        kill_process(self.pid, signal)
    }

    /// Waits until the process has ended and let go of its ports and locks; false when it still runs after `limit`.
    pub(super) async fn gone_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while !self.has_ended().await {
            if Instant::now() >= end {
                return false;
            }
            sleep(POLL).await;
        }
        true
    }

    /// A process that ends has no arguments any more long before its files are closed; its handle knows better.
    async fn has_ended(&self) -> bool {
        if let Some(handle) = &self.handle {
            let mut ends = [PollFd::new(handle, PollFlags::IN)];
            return poll(&mut ends, Some(&Timespec::default())).is_ok_and(|ended| ended > 0);
        }
        !arguments(self.pid).await.is_some_and(|arguments| arguments.contains(&self.mark))
    }
}

#[cfg(target_os = "linux")]
fn handle(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
const fn handle(_: Pid) -> Option<OwnedFd> {
    None
}

/// The process that wrote `pid_file`, if it still runs. A process id is reused after a while, so the process must
/// also have `mark`, a path that only ours is given, among its arguments.
pub(super) async fn running(pid_file: &Path, mark: &str) -> Option<Process> {
    let pid = std::fs::read_to_string(pid_file).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
    // Taken before the look at the arguments, so that it is the process looked at or one that has ended.
    let handle = handle(pid);
    arguments(pid).await?.contains(mark).then(|| Process { pid, mark: mark.to_owned(), handle })
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
    let Some(process) = running(pid_file, mark).await else { return Ok(()) };
    let number = process.pid.as_raw_nonzero();
    match process.signal(signal) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => return Err(Failure::new(format!("process {number} cannot be ended: {error}"))),
    }
    if process.gone_within(Duration::from_secs(5)).await {
        return Ok(());
    }
    Err(Failure::new(format!("process {number} does not end")).retry(None))
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn only_the_process_with_our_mark_is_ended() {
        let home = tempfile::TempDir::new().unwrap();
        let (pid_file, mark) = (home.path().join("pid"), home.path().display().to_string());
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", "echo up; read line", &mark]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.kill_on_drop(true).spawn().unwrap();
        // Its arguments can be seen once it runs, a moment after it was started.
        child.stdout.as_mut().unwrap().read_u8().await.unwrap();
        std::fs::write(&pid_file, child.id().unwrap().to_string()).unwrap();
        kill(&pid_file, "another mark").await.unwrap();
        assert!(child.try_wait().unwrap().is_none());
        kill(&pid_file, &mark).await.unwrap();
        assert!(!child.wait().await.unwrap().success());
        assert!(running(&pid_file, &mark).await.is_none());
    }
}
