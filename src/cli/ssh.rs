//! `machine ssh`: the system's own client, with the host key pinned and the right key in hand.

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::address::{self, Address};
use super::args::{Global, Ssh};
use super::error::Error;
use super::exit_code::Exit;
use super::project::Project;
use crate::transport::{local, quote};

pub(super) async fn run(global: &Global, verb: &Ssh) -> Result<Exit, Error> {
    let project = Project::load(global).await?;
    let name = &address::one(&project, &verb.name)?;
    let machine = &project.desired.machines[name];
    let Address { host, port, host_key } = Address::of(&project, name).await?;
    let key = match &machine.ssh.identity {
        Some(file) => KeyFile::Kept(file.clone()),
        None => key_file(&project).await?,
    };
    let known = write_known_hosts(&project, name, &host, &port, &host_key)?;
    let mut argv = vec!["ssh".to_owned(), "-F".to_owned(), "none".to_owned(), "-p".to_owned(), port];
    argv.extend(["-i".to_owned(), key.path().display().to_string()]);
    // A machine that is gone in the middle of it is noticed within a minute.
    let alive = ["ConnectTimeout=60", "ServerAliveInterval=15", "ServerAliveCountMax=4"];
    for option in ["StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "LogLevel=ERROR"].into_iter().chain(alive) {
        argv.extend(["-o".to_owned(), option.to_owned()]);
    }
    argv.extend(["-o".to_owned(), format!("UserKnownHostsFile={}", known.display())]);
    argv.extend([format!("{}@{host}", machine.ssh.user), "--".to_owned()]);
    // One word is a line for the remote shell, as with ssh itself; several keep their boundaries.
    argv.extend(match verb.command.as_slice() {
        [line] => vec![line.clone()],
        words => words.iter().map(|word| quote::line(std::slice::from_ref(word))).collect(),
    });
    let status = local::attached(&argv).await.map_err(|why| Error::failed(format!("cannot run `ssh`: {why}")))?;
    Ok(Exit::Remote(u8::try_from(status).unwrap_or(255)))
}

/// The file that the client reads the project's key from.
enum KeyFile {
    Kept(PathBuf),
    /// Gone when the client ends.
    Lent(NamedTempFile),
}

impl KeyFile {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Lent(file) => file.path(),
        }
    }
}

/// A key that is kept encrypted, or in a database, is lent in a file that only its owner may read.
async fn key_file(project: &Project) -> Result<KeyFile, Error> {
    let (text, folder) = match project.keyring.export().await.map_err(Error::failed)? {
        Some((_, Some(file))) => return Ok(KeyFile::Kept(file)),
        Some((text, None)) => (text, &project.dirs.runtime),
        None => {
            let again = project.command("up");
            return Err(Error::failed("the project has no SSH key here").hint(format!("make one: {again}")));
        }
    };
    let lend = || -> std::io::Result<NamedTempFile> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::Builder::new().prefix("key-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    };
    let copy = lend().map_err(|why| Error::failed(format!("cannot write to {}: {why}", folder.display())))?;
    Ok(KeyFile::Lent(copy))
}

/// The one host key the client may see, in a file of the project's state folder.
fn write_known_hosts(
    project: &Project,
    name: &crate::id::Name,
    host: &str,
    port: &str,
    key: &str,
) -> Result<PathBuf, Error> {
    let folder = project.dirs.state.join(project.owner().slug()).join("known-hosts");
    let path = folder.join(name.as_str());
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&path, format!("[{host}]:{port} {key}\n"))
    };
    write().map_err(|why| Error::failed(format!("cannot write {}: {why}", path.display())))?;
    Ok(path)
}
