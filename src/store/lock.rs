//! One writer per project, on one computer. The operating system drops the lock with its holder, so a dead one never has
//! to be forced; one that is merely stopped still holds it.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Error, Holder};

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`, leaving `holder` for others to read; [`Error::Locked`] when someone has it.
    pub fn take(path: &Path, holder: &Holder) -> Result<Self, Error> {
        let failed = |why: std::io::Error| Error::Lock { path: path.display().to_string(), why: why.to_string() };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(failed)?;
                return Err(Error::Locked(Holder::parse(&text).map(Box::new)));
            }
            Err(TryLockError::Error(why)) => return Err(unsupported(path, &why)),
        }
        // A holder that has just destroyed the project may have taken the file away while we waited for it.
        let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| a.ino() == b.ino() && a.dev() == b.dev();
        if !path.metadata().is_ok_and(|there| file.metadata().is_ok_and(|ours| same(&there, &ours))) {
            drop(file);
            return Self::take(path, holder);
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", holder.to_text()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// A file system without locks, such as some network ones, is no place for what must have one writer.
fn unsupported(path: &Path, why: &std::io::Error) -> Error {
    let path = path.display().to_string();
    match rustix::io::Errno::from_io_error(why) {
        Some(rustix::io::Errno::NOLCK | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            Error::Unlockable { path, why: why.to_string() }
        }
        _ => Error::Lock { path, why: why.to_string() },
    }
}
