//! A device or an image as the readers of filesystems see it: read-only, and not without end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Bytes that reading one drive may take. A damaged or hostile filesystem whose chains lead in circles ends here.
const BUDGET: u64 = 64 << 20;
const LEAST_CHARGE: u64 = 16;

#[derive(Debug)]
pub(super) struct Source {
    file: File,
    left: u64,
}

impl Source {
    pub(super) fn new(file: File) -> Self {
        Self { file, left: BUDGET }
    }

    /// Exactly the bytes at a place, or none where the device ends before.
    pub(super) fn at(&mut self, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; length];
        self.seek(SeekFrom::Start(offset))?;
        match self.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Reads of nothing count too: they are how a loop without end may look.
        self.left = self.left.checked_sub((buffer.len() as u64).max(LEAST_CHARGE)).ok_or_else(endless)?;
        self.file.read(buffer)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// The reader of FAT asks for it; it is never called to read.
impl Write for Source {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ext4_view::Ext4Read for Source {
    fn read(
        &mut self,
        start: u64,
        buffer: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        self.seek(SeekFrom::Start(start))?;
        Ok(self.read_exact(buffer)?)
    }
}

fn endless() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the filesystem is damaged: reading it does not end")
}
