//! Labels and files of vfat, iso9660 and ext2 to ext4, from the bytes of a device.

use std::fs::File;
use std::io::{self, Read};

use ext4_view::{Ext4, Ext4Error};
use fatfs::FsOptions;
use hadris_iso::sync::read::IsoReader;

use super::source::Source;
use super::{FILES, MAX_FILE};

/// Names and contents.
pub(super) type Files = Vec<(&'static str, Vec<u8>)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ext,
    Iso,
    Fat,
}

/// A filesystem on a device or in an image.
#[derive(Debug)]
pub(super) struct Filesystem {
    kind: Kind,
    file: File,
    pub(super) label: String,
}

impl Filesystem {
    /// What is on it; `None` when that is nothing we can read.
    pub(super) fn probe(file: File) -> io::Result<Option<Self>> {
        let mut source = Source::new(file.try_clone()?);
        let found = match (ext_label(&mut source)?, iso_label(&mut source)?) {
            (Some(label), _) => Some((Kind::Ext, label)),
            (None, Some(label)) => Some((Kind::Iso, label)),
            (None, None) => fat_label(source)?.map(|label| (Kind::Fat, label)),
        };
        Ok(found.map(|(kind, label)| Self { kind, file, label }))
    }

    /// Those of [`FILES`] that it holds in its root.
    pub(super) fn files(self) -> io::Result<Files> {
        let source = Source::new(self.file);
        match self.kind {
            Kind::Ext => ext_files(source),
            Kind::Iso => iso_files(source),
            Kind::Fat => fat_files(source),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim_end().to_owned()
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// All of a file, if it is not too large to be one of ours.
fn content(mut file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> io::Error {
    damaged(format!("a file of it is larger than {MAX_FILE} bytes"))
}

const EXT_BLOCK: (u64, usize) = (1024, 136);

fn ext_label(source: &mut Source) -> io::Result<Option<String>> {
    let block = source.at(EXT_BLOCK.0, EXT_BLOCK.1)?;
    Ok(block.filter(|block| block[56..58] == [0x53, 0xef]).map(|block| text(&block[120..136])))
}

fn ext_files(source: Source) -> io::Result<Files> {
    let system = Ext4::load(Box::new(source)).map_err(damaged)?;
    let mut files = Files::new();
    for name in FILES {
        let mut file = match system.open(format!("/{name}").as_str()) {
            Ok(file) => file,
            Err(Ext4Error::NotFound) => continue,
            Err(error) => return Err(damaged(error)),
        };
        if file.metadata().len() > MAX_FILE as u64 {
            return Err(too_large());
        }
        files.push((name, content(&mut file)?));
    }
    Ok(files)
}

const ISO_BLOCK: (u64, usize) = (32768, 72);

fn iso_label(source: &mut Source) -> io::Result<Option<String>> {
    let block = source.at(ISO_BLOCK.0, ISO_BLOCK.1)?;
    Ok(block.filter(|block| block[1..6] == *b"CD001").map(|block| text(&block[40..72])))
}

fn iso_files(source: Source) -> io::Result<Files> {
    let mut image = IsoReader::open(source).map_err(damaged)?;
    // Rock Ridge's names are those that were meant; Joliet's are as good, the bare ones are cut short.
    let mut entries: [[Option<_>; 2]; FILES.len()] = Default::default();
    for root in image.roots().collect::<Vec<_>>() {
        let mut folder = image.open_dir(root);
        while let Some(entry) = folder.next_entry().map_err(damaged)? {
            for (place, name) in entries.iter_mut().zip(FILES) {
                if entry.is_file() && entry.rrip_name_matches(name) {
                    place[0] = Some(entry);
                } else if entry.is_file() && entry.name().matches(name) {
                    place[1] = Some(entry);
                }
            }
        }
    }
    let mut files = Files::new();
    for (entry, name) in entries.into_iter().zip(FILES) {
        let Some(entry) = entry.into_iter().flatten().next() else { continue };
        if entry.total_size() > MAX_FILE as u64 {
            return Err(too_large());
        }
        let mut file = image.open_file(&entry).map_err(damaged)?;
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            match file.read_chunk(&mut chunk).map_err(damaged)? {
                0 => break,
                n => bytes.extend_from_slice(&chunk[..n]),
            }
        }
        files.push((name, bytes));
    }
    Ok(files)
}

const FAT_BLOCK: (u64, usize) = (0, 512);

/// The root folder's label is the one that tools set and show; the boot sector's may be older.
fn fat_label(mut source: Source) -> io::Result<Option<String>> {
    let block = source.at(FAT_BLOCK.0, FAT_BLOCK.1)?;
    let Some(block) = block.filter(|block| block[510..] == [0x55, 0xaa]) else { return Ok(None) };
    // A partition table has the same signature and no FAT.
    let is_fat = [&block[54..57], &block[82..85]].iter().any(|word| *word == b"FAT");
    if !is_fat {
        return Ok(None);
    }
    let system = fat(source)?;
    let root = system.read_volume_label_from_root_dir()?;
    Ok(Some(root.unwrap_or_else(|| system.volume_label()).trim_end().to_owned()))
}

fn fat(mut source: Source) -> io::Result<fatfs::FileSystem<Source>> {
    io::Seek::rewind(&mut source)?;
    fatfs::FileSystem::new(source, FsOptions::new().update_accessed_date(false))
}

fn fat_files(source: Source) -> io::Result<Files> {
    let system = fat(source)?;
    let mut files = Files::new();
    for name in FILES {
        match system.root_dir().open_file(name) {
            Ok(file) => files.push((name, content(file)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}
