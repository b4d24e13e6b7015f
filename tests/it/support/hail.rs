//! The real program, killed with SIGKILL whenever it says something new, until a run gets through.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

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
    let mut said = String::new();
    loop {
        let from = said.len();
        if words.read_line(&mut said).expect("text") == 0 {
            return Some(ended(child, said));
        }
        if moment(&said[from..]).is_some_and(|new| moments.insert(new)) {
            child.kill().expect("it lives or has ended");
            child.wait().expect("it ends");
            return None;
        }
    }
}

fn moment(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    let name = event["event"].as_str().filter(|name| ["started", "finished"].contains(name))?;
    Some(format!("{} {name}", event["resource"].as_str()?))
}

fn ended(mut child: Child, stderr: String) -> Ran {
    let mut stdout = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
    let code = child.wait().expect("it ends").code().unwrap_or(-1);
    Ran { code, stdout, stderr }
}
