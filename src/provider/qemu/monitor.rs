//! A client of a machine's QMP monitor.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::desired::{Forward, Protocol};
use crate::resource::Failure;
use crate::value::{Value, json};

/// How long QEMU may take to answer; it does so from its main loop, which a busy computer can delay.
const ANSWER: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Monitor {
    answers: BufReader<OwnedReadHalf>,
    commands: OwnedWriteHalf,
}

impl Monitor {
    pub(super) async fn connect(socket: &Path) -> Result<Self, Failure> {
        let connect = async {
            let stream = UnixStream::connect(socket).await.map_err(|error| silent(&error.to_string()))?;
            let (read, commands) = stream.into_split();
            let mut monitor = Self { answers: BufReader::new(read), commands };
            monitor.next().await?;
            monitor.execute("qmp_capabilities", json!({})).await?;
            Ok(monitor)
        };
        timeout(ANSWER, connect).await.unwrap_or_else(|_| Err(silent("it takes too long")))
    }

    /// Runs one command; the error carries what QEMU says about it.
    pub(super) async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Failure> {
        let line = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        self.commands.write_all(line.as_bytes()).await.map_err(|error| silent(&error.to_string()))?;
        let answer = async {
            loop {
                let mut message = self.next().await?;
                if let Some(result) = message.get_mut("return") {
                    return Ok(result.take());
                }
                if let Some(error) = message.get("error") {
                    let said = error["desc"].as_str().unwrap_or("no reason given");
                    return Err(Failure::new(format!("QEMU refuses `{command}`: {said}")));
                }
            }
        };
        timeout(ANSWER, answer).await.unwrap_or_else(|_| Err(silent("it takes too long")))
    }

    async fn next(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        match self.answers.read_line(&mut line).await {
            Ok(0) => Err(silent("it has closed the connection")),
            Ok(_) => serde_json::from_str(&line).map_err(|error| silent(&error.to_string())),
            Err(error) => Err(silent(&error.to_string())),
        }
    }

    /// `running`, `paused`, `internal-error`, …
    pub(super) async fn status(&mut self) -> Result<String, Failure> {
        let answer = self.execute("query-status", json!({})).await?;
        Ok(answer["status"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) async fn add_forward(&mut self, forward: &Forward) -> Result<(), Failure> {
        let said = self.human(&format!("hostfwd_add user {}", rule(forward))).await?;
        if said.is_empty() { Ok(()) } else { Err(Failure::new(said)) }
    }

    /// Removing a rule that is not there succeeds.
    pub(super) async fn remove_forward(&mut self, forward: &Forward) -> Result<(), Failure> {
        let listener = rule(forward);
        let listener = listener.split('-').next().unwrap_or_default();
        self.human(&format!("hostfwd_remove user {listener}")).await.map(drop)
    }

    /// A command that QMP has no form of; the answer is what is printed.
    pub(super) async fn human(&mut self, line: &str) -> Result<String, Failure> {
        let said = self.execute("human-monitor-command", json!({ "command-line": line })).await?;
        Ok(said.as_str().unwrap_or_default().trim().to_owned())
    }
}

/// A forwarding rule in QEMU's words: `tcp:127.0.0.1:8080-:80`.
pub(super) fn rule(forward: &Forward) -> String {
    let Forward { address, port, target, .. } = forward;
    format!("{}:{address}:{port}-:{target}", protocol(forward.protocol))
}

pub(super) const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

fn silent(why: &str) -> Failure {
    Failure::new(format!("the machine's QEMU does not answer: {why}")).retry(None)
}
