//! The real program, killed with SIGKILL whenever it says something new, until a run gets through.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::sandbox::{Ran, Sandbox};

/// The run that got through, and every moment at which one before it was killed.
pub struct Hail {
    pub last: Ran,
    pub moments: BTreeSet<String>,
}

/// Runs `machine` with these words. The first time that a resource is said to be started or finished is the end of the run
/// that says it.
pub fn hail(sandbox: &Sandbox, words: &str) -> Hail {
    let mut moments = BTreeSet::new();
    loop {
        let mut command = sandbox.command(words.split(' ').chain(["--progress", "json"]));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(last) = run(command, &mut moments) {
            assert_eq!(last.code, 0, "after {moments:#?}\n{}{}", last.stdout, last.stderr);
            return Hail { last, moments };
        }
    }
}

fn run(mut command: Command, moments: &mut BTreeSet<String>) -> Option<Ran> {
    let mut child = command.spawn().expect("the binary runs");
    let mut words = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let is_killed = loop {
        let from = stderr.len();
        if words.read_line(&mut stderr).expect("text") == 0 {
            child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
            break false;
        }
        if moment(&stderr[from..]).is_some_and(|new| moments.insert(new)) {
            child.kill().expect("it lives or has ended");
            break true;
        }
    };
    let code = child.wait().expect("it ends").code().unwrap_or(-1);
    (!is_killed).then_some(Ran { code, stdout, stderr })
}

fn moment(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    let name = event["event"].as_str().filter(|name| ["started", "finished"].contains(name))?;
    Some(format!("{} {name}", event["resource"].as_str()?))
}
