//! Ctrl-C: once to stop starting things, twice to leave.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled by the first Ctrl-C (or SIGTERM); the second ends the process where it stands, which the next run repairs.
/// Both are listened to when it returns.
pub(super) fn token() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt()).ok(), signal(SignalKind::terminate()).ok());
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        cancel.cancel();
        either(&mut interrupt, &mut terminate).await;
        leave();
    });
    token
}

#[expect(clippy::exit, reason = "the user asked twice; nothing may hold the process back")]
fn leave() -> ! {
    std::process::exit(130)
}

async fn either(one: &mut Option<Signal>, other: &mut Option<Signal>) {
    tokio::select! {
        () = next(one) => {}
        () = next(other) => {}
    }
}

/// A signal that cannot be listened to never comes: it ends the process by itself.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}
