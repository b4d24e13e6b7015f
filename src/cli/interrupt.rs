//! Ctrl-C: once to stop starting things, twice to leave.

use tokio_util::sync::CancellationToken;

/// Cancelled by the first Ctrl-C (or SIGTERM); the second ends the process where it stands, which the next run repairs.
pub(super) fn token() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        signal().await;
        cancel.cancel();
        signal().await;
        leave();
    });
    token
}

#[expect(clippy::exit, reason = "the user asked twice; nothing may hold the process back")]
fn leave() -> ! {
    std::process::exit(130)
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
