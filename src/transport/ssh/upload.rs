//! Files: by SFTP into the login's home, from there to their place in one rename.

use std::sync::atomic::{AtomicU64, Ordering};

use russh_sftp::client::SftpSession;
use russh_sftp::protocol::{FileAttributes, OpenFlags};
use tokio::io::AsyncWriteExt;

use crate::transport::Command;
use crate::transport::ssh::session::Channel;

/// Writes a file that only the login may read, and returns its absolute path.
pub(super) async fn stage(channel: Channel, content: &[u8]) -> Result<String, String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let failed = |error: &dyn std::fmt::Display| format!("sftp: {error}");

    channel.request_subsystem(true, "sftp").await.map_err(|e| failed(&e))?;
    let sftp = SftpSession::new(channel.into_stream()).await.map_err(|e| failed(&e))?;
    let home = sftp.canonicalize(".").await.map_err(|e| failed(&e))?;
    let path = format!("{}/.machine-{}-{count}", home.trim_end_matches('/'), std::process::id());
    let private = FileAttributes { permissions: Some(0o600), ..FileAttributes::empty() };
    let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
    let mut file = sftp.open_with_flags_and_attributes(&path, flags, private).await.map_err(|e| failed(&e))?;
    file.write_all(content).await.map_err(|e| failed(&e))?;
    file.shutdown().await.map_err(|e| failed(&e))?;
    sftp.close().await.map_err(|e| failed(&e))?;
    Ok(path)
}

/// The command that moves a staged file to its place. The copy is made beside the place, because the home may be
/// on another filesystem.
pub(super) fn settle(staged: &str, path: &str, mode: u32) -> Command {
    const SCRIPT: &str = r#"
trap 'rm -f -- "$1" "$2.machine-new"' EXIT
mkdir -p -- "$(dirname -- "$2")" &&
install -o root -g root -m "$3" -T -- "$1" "$2.machine-new" &&
mv -fT -- "$2.machine-new" "$2"
"#;
    Command::script(SCRIPT, [staged.to_owned(), path.to_owned(), format!("{mode:04o}")])
}
