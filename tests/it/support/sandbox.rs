//! A home of its own for one test: a project folder, the XDG folders, and the real binary run in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub struct Sandbox {
    folder: TempDir,
    cache: Option<PathBuf>,
    /// The process whose network commands are run in.
    network: Option<u32>,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("machine-").expect("a folder");
        std::fs::create_dir(folder.path().join("project")).expect("a folder");
        Self { folder, cache: None, network: None }
    }

    /// With this Machinefile.
    pub fn with(machinefile: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write("Machinefile.yaml", machinefile);
        sandbox
    }

    /// Keeps images in a folder that outlives the test, as a user's cache does.
    pub fn sharing_images(mut self) -> Self {
        self.cache = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        self
    }

    /// Runs commands in the network of another process.
    pub fn in_network_of(mut self, pid: u32) -> Self {
        self.network = Some(pid);
        self
    }

    /// A command in that network, or here.
    pub fn program(&self, program: &str) -> Command {
        match self.network {
            None => Command::new(program),
            Some(pid) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/proc/{pid}/ns/net")).args(["--", program]);
                command
            }
        }
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.project().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Replaces a text that is there in a file of the project.
    pub fn edit(&self, name: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.project().join(name)).expect("a file");
        assert!(text.contains(old), "`{old}` is not in {name}");
        self.write(name, &text.replace(old, new));
    }

    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_machine"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(arguments).current_dir(self.project()).stdin(Stdio::null()).env_clear().env("PATH", path);
        command
            .env("HOME", self.home())
            .env("USER", "tester")
            .env("MACHINE_NO_DRIVES", "true")
            .env("XDG_RUNTIME_DIR", self.home().join("run"));
        command.env("MACHINE_GLOBAL_CONFIG", self.home().join("etc"));
        for (name, folder) in [("CONFIG", "config"), ("STATE", "state"), ("DATA", "data"), ("CACHE", "cache")] {
            command.env(format!("XDG_{name}_HOME"), self.home().join(folder));
        }
        if let Some(cache) = &self.cache {
            command.env("XDG_CACHE_HOME", cache);
        }
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        self.command(arguments).output().expect("the binary runs").into()
    }

    /// Runs words separated by blanks and expects exit code 0.
    pub fn ok(&self, words: &str) -> Ran {
        let ran = self.run(words.split_whitespace());
        assert_eq!(ran.code, 0, "machine {words}\n{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// The end of every lifecycle: nothing is left to do.
    pub fn assert_converged(&self) {
        let plan = self.run(["plan", "--detailed-exitcode"]);
        assert_eq!(plan.code, 0, "the second plan is not empty:\n{}{}", plan.stdout, plan.stderr);
        assert!(plan.stdout.starts_with("No changes"), "{}", plan.stdout);
    }

    /// Every file below a folder of the home, as paths relative to it.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.home().join(folder), &mut found);
        found.sort();
        found
    }

    /// Every process whose command line names this home, with its id.
    pub fn processes(&self) -> Vec<(String, String)> {
        let home = self.home().display().to_string();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&home) {
                found.push((entry.file_name().to_string_lossy().into_owned(), line));
            }
        }
        found
    }

    /// The end of every project.
    pub fn assert_nothing_left(&self) {
        assert_eq!(self.processes(), []);
        for folder in ["data", "state", "run"] {
            assert_eq!(self.files(folder), Vec::<String>::new(), "in {folder}");
        }
    }
}

/// A test that failed half-way leaves no machine running.
impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            _ = self.command(["destroy", "-y"]).output();
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
