//! A small FAT file system with the same bytes for the same files.

use std::io::{self, Cursor, Read, Write};

use fatfs::{Date, DateTime, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider};

const LABEL: [u8; 11] = *b"CIDATA     ";
const VOLUME_ID: u32 = 0x6d61_6368;
const LEAST: usize = 1 << 20;

/// The earliest time that FAT knows.
#[derive(Debug)]
struct Epoch;

static EPOCH: Epoch = Epoch;

impl TimeProvider for Epoch {
    fn get_current_date(&self) -> Date {
        Date { year: 1980, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime { date: self.get_current_date(), time: Time { hour: 0, min: 0, sec: 0, millis: 0 } }
    }
}

/// The image of a file system labelled `CIDATA` that holds these files, by name, in its root.
pub(super) fn image(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let content: usize = files.iter().map(|(_, content)| content.len()).sum();
    let size = (2 * content).max(LEAST).next_multiple_of(LEAST);
    let mut disk = Cursor::new(vec![0; size]);
    fatfs::format_volume(&mut disk, FormatVolumeOptions::new().volume_id(VOLUME_ID).volume_label(LABEL))?;
    let system = FileSystem::new(&mut disk, FsOptions::new().time_provider(&EPOCH).update_accessed_date(false))?;
    for (name, content) in files {
        system.root_dir().create_file(name)?.write_all(content)?;
    }
    system.unmount()?;
    Ok(disk.into_inner())
}

/// A file in the root of such an image.
pub(super) fn file(image: &[u8], name: &str) -> io::Result<Vec<u8>> {
    let system = FileSystem::new(Cursor::new(image.to_vec()), FsOptions::new())?;
    let mut content = Vec::new();
    system.root_dir().open_file(name)?.read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lower_case_names_are_kept() {
        let image = image(&[("user-data", b"hello"), ("network-config", b"")]).unwrap();
        let mut disk = Cursor::new(image.clone());
        let system = FileSystem::new(&mut disk, FsOptions::new()).unwrap();
        assert_eq!(system.volume_label(), "CIDATA");
        let mut names: Vec<_> = system.root_dir().iter().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["network-config", "user-data"]);
        assert_eq!(file(&image, "user-data").unwrap(), b"hello");
        assert!(file(&image, "vendor-data").is_err());
    }

    #[test]
    fn the_same_files_make_the_same_bytes_and_large_ones_fit() {
        let large = vec![b'x'; 3 << 20];
        assert_eq!(image(&[("a", &large)]).unwrap(), image(&[("a", &large)]).unwrap());
    }
}
