//! What the process of a tunnel does.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::errand::Errand;
use super::passage::Passage;
use crate::transport::ssh::Tunnel;

/// How often it is looked whether the session still is.
const GLANCE: Duration = Duration::from_secs(1);

/// Serves `socket` as standard input says, until told to end or, with a `session`, until the process of that id has ended. Returns
/// at once when another process serves it.
pub async fn serve(socket: PathBuf, session: Option<i32>) -> io::Result<()> {
    let errand = Errand::parse(&io::read_to_string(io::stdin())?)
        .ok_or_else(|| io::Error::other("standard input makes no sense"))?;
    // Without a session of its own it would end with the terminal; a session leader has one already.
    _ = rustix::process::setsid();
    let Some(listening) = Passage::at(socket).listen(&errand)? else { return Ok(()) };
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let tunnel = Arc::new(Tunnel::new(errand.endpoint.clone(), errand.line()));
    let machine = errand.machine;
    tokio::select! {
        served = tunnel.serve(&listening.listener, move |why| refusal(&machine, why)) => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = end_of(session.and_then(Pid::from_raw)) => Ok(()),
    }
}

async fn end_of(session: Option<Pid>) {
    let Some(session) = session else { return std::future::pending().await };
    while test_kill_process(session).is_ok() {
        tokio::time::sleep(GLANCE).await;
    }
}

/// The answer of an engine that cannot be reached, so that its client says why.
fn refusal(machine: &str, why: &str) -> Vec<u8> {
    let body = json!({ "message": format!("machine `{machine}`: {why}") }).to_string();
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
