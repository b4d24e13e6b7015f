//! This computer: the only place that starts processes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};

use crate::transport::{Command, Error, Output};

/// The full path of a program, searched the way a shell does; `None` when it is not installed.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let direct = Path::new(program);
    if direct.components().count() > 1 {
        return is_executable(direct).then(|| direct.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Administrators' tools are often left out of a user's PATH, mke2fs among them.
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs a command here to its end, as the user we are: [`Command::root`] is not looked at.
/// Dropping the future ends the command and what it started.
pub async fn run(command: &Command) -> Result<Output, Error> {
    let mut group = spawn(command)?;
    let (stdin, stdout, stderr) = group.streams();
    let collect = async {
        let ((), stdout, stderr) = tokio::join!(feed(stdin, command), text(stdout), text(stderr));
        let status = group.child.wait().await.map_err(|error| lost(command, &error))?;
        Ok(Output { status: code(status), stdout, stderr })
    };
    let output = within(command, collect).await;
    group.finished = output.is_ok();
    output
}

/// Like [`run`], handing each line of either stream to `line` as it comes.
pub async fn stream(command: &Command, line: &mut (dyn FnMut(&str) + Send)) -> Result<Output, Error> {
    let mut group = spawn(command)?;
    let (stdin, stdout, stderr) = group.streams();
    let (mut stdout, mut stderr) = (BufReader::new(stdout).split(b'\n'), BufReader::new(stderr).split(b'\n'));
    let mut output = Output::default();
    let collect = async {
        let read = async {
            let (mut more_out, mut more_err) = (true, true);
            while more_out || more_err {
                let (next, text, more) = tokio::select! {
                    next = stdout.next_segment(), if more_out => (next, &mut output.stdout, &mut more_out),
                    next = stderr.next_segment(), if more_err => (next, &mut output.stderr, &mut more_err),
                };
                let Ok(Some(bytes)) = next else {
                    *more = false;
                    continue;
                };
                let said = String::from_utf8_lossy(&bytes);
                line(&said);
                text.push_str(&said);
                text.push('\n');
            }
        };
        tokio::join!(feed(stdin, command), read);
        output.status = code(group.child.wait().await.map_err(|error| lost(command, &error))?);
        Ok(output)
    };
    let output = within(command, collect).await;
    group.finished = output.is_ok();
    output
}

/// Runs a program on our own terminal and returns its exit status; 128 + n for signal n.
pub async fn attached<S: AsRef<OsStr>>(argv: &[S]) -> io::Result<i32> {
    let (program, arguments) = argv.split_first().expect("a command has a program");
    let status = tokio::process::Command::new(program).args(arguments).status().await?;
    Ok(code(status))
}

/// Starts a process that outlives us, what it says in `log`. It must leave our session itself if it is to survive the
/// terminal. `input` fits into a pipe. Returns its process id.
pub fn start<S: AsRef<OsStr>>(program: &Path, arguments: &[S], log: &Path, input: &[u8]) -> io::Result<u32> {
    let log = File::options().create(true).append(true).open(log)?;
    let (stdin, mut feed) = io::pipe()?;
    feed.write_all(input)?;
    drop(feed);
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(stdin)
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .spawn()?;
    child.id().ok_or_else(|| io::Error::other("it ended at once"))
}

/// A child in a process group of its own, so that the terminal's Ctrl-C reaches us and not it.
struct Group {
    child: Child,
    id: Option<Pid>,
    finished: bool,
}

impl Group {
    fn streams(&mut self) -> (ChildStdin, impl AsyncRead + Unpin + use<>, impl AsyncRead + Unpin + use<>) {
        let child = &mut self.child;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        (stdin.expect("piped"), stdout.expect("piped"), stderr.expect("piped"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let (false, Some(id)) = (self.finished, self.id) {
            let _ = kill_process_group(id, Signal::TERM);
        }
    }
}

fn spawn(command: &Command) -> Result<Group, Error> {
    let (program, arguments) = command.argv.split_first().expect("a command has a program");
    let found = find(program).ok_or_else(|| unreachable(&format!("`{program}` is not installed")))?;
    let child = tokio::process::Command::new(found)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| unreachable(&format!("`{program}` does not start: {error}")))?;
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    Ok(Group { child, id, finished: false })
}

async fn within(command: &Command, work: impl Future<Output = Result<Output, Error>>) -> Result<Output, Error> {
    match tokio::time::timeout(command.timeout, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout { command: command.argv[0].clone(), after: command.timeout }),
    }
}

/// A command that ends without reading all of its input is no failure of ours.
async fn feed(mut stdin: ChildStdin, command: &Command) {
    let _ = stdin.write_all(&command.stdin).await;
    let Some(attachment) = &command.attachment else { return };
    let Ok(mut file) = attachment.open().await else { return };
    while let Ok(piece) = attachment.next(&mut file).await {
        if piece.is_empty() || stdin.write_all(&piece).await.is_err() {
            break;
        }
    }
}

async fn text(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

fn unreachable(why: &str) -> Error {
    Error::Unreachable { address: "this computer".to_owned(), why: why.to_owned() }
}

fn lost(command: &Command, error: &io::Error) -> Error {
    Error::Lost { address: command.argv[0].clone(), why: error.to_string() }
}
