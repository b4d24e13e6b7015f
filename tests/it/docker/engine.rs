//! A Docker Engine for one test: its own data, its own socket, its own network namespace, so that an engine of the
//! computer's and its firewall rules are not disturbed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub struct Engine {
    process: Child,
    /// Short enough for the path of a socket.
    folder: TempDir,
    /// Where overlays can be made, as they cannot on every `/tmp`.
    _data: TempDir,
}

impl Engine {
    pub fn start() -> Self {
        assert!(rustix::process::getuid().is_root(), "this test starts a Docker Engine: run it as root");
        let there = |program: &str| Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        for program in ["dockerd", "containerd", "nsenter", "iptables"] {
            let found = there(program).expect("a shell").status.success();
            assert!(found, "this test needs `{program}`: .ci/prepare installs it");
        }
        let folder = TempDir::with_prefix("machine-").expect("a folder");
        let data = TempDir::with_prefix_in("engine-", env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let script = "ip link set lo up && exec dockerd --host \"unix://$1/docker.sock\" --data-root \"$2\" \
                      --exec-root \"$1/exec\" --pidfile \"$1/pid\" --userland-proxy=true";
        let process = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-c", script, "sh"])
            .args([folder.path(), data.path()])
            .env_remove("DOCKER_HOST")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("unshare runs");
        let mut engine = Self { process, folder, _data: data };
        engine.wait();
        engine
    }

    fn wait(&mut self) {
        let end = Instant::now() + Duration::from_mins(2);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            let ended = self.process.try_wait().expect("a process of ours");
            assert!(ended.is_none() && Instant::now() < end, "the engine does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The process in whose network it is.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// What the command-line client says.
    pub fn says(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("docker").args(["--host", &self.host()]).args(arguments).output().expect("docker runs");
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Asked to end, it ends what runs on it.
impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        _ = self.process.wait();
    }
}
