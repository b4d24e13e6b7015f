//! A terminal with somebody at it, for commands that ask.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::sandbox::Ran;

/// Runs a command on a terminal. Whoever sits there types `answer` once the last line on it holds `question`. What was shown
/// comes back as standard error; standard output goes elsewhere.
pub fn run(command: &mut Command, question: &str, answer: &str) -> Ran {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it opens");
    let name = ptsname(&master, Vec::new()).expect("it has a name").into_string().expect("text");
    let slave = || File::options().read(true).write(true).open(&name).expect("the other end");
    command.stdin(slave()).stderr(slave()).stdout(Stdio::piped()).env("TERM", "xterm");
    let mut child = command.spawn().expect("the binary runs");
    // Only the child holds the other end now, so that reading stops with it.
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let mut master = File::from(master);
    let (mut shown, mut answered, mut buffer) = (String::new(), false, [0; 4096]);
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        if !answered && shown.lines().last().is_some_and(|line| line.contains(question)) {
            answered = true;
            writeln!(master, "{answer}").expect("typed");
        }
    }
    let mut stdout = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("text");
    let status = child.wait().expect("it ends");
    Ran { code: status.code().unwrap_or(-1), stdout, stderr: shown }
}
