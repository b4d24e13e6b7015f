//! Where drives are looked for.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::filesystem::{Files, Filesystem};
use super::{FILES, MAX_FILE, Why, is_ours};

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    Nowhere,
    /// Every block device of this computer.
    Devices,
    /// These images and devices, and those in these folders.
    In(Vec<PathBuf>),
}

/// A device or image that may be a drive.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) device: PathBuf,
    /// It was named itself: then it is expected to be a drive.
    named: bool,
    /// Where it is mounted already. The system's view of a mounted filesystem is the one that holds.
    mounted: Option<PathBuf>,
    /// What udev knows its label to be.
    label: Option<String>,
}

impl Search {
    /// By `MACHINE_DRIVES`: paths with `:` between them.
    #[must_use]
    pub fn paths(list: &str) -> Self {
        Self::In(list.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect())
    }

    /// In the order of their names.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut found = match self {
            Self::Nowhere => Vec::new(),
            Self::Devices => devices(Path::new("/")),
            Self::In(paths) => paths.iter().flat_map(|path| named(path)).collect(),
        };
        found.sort_by(|a, b| a.device.cmp(&b.device));
        found.dedup_by(|a, b| a.device == b.device);
        found
    }
}

fn named(path: &Path) -> Vec<Candidate> {
    let candidate = |device, named| Candidate { device, named, mounted: None, label: None };
    let Ok(folder) = fs::read_dir(path) else { return vec![candidate(path.to_owned(), true)] };
    let paths = folder.flatten().map(|entry| entry.path()).filter(|path| !path.is_dir());
    paths.map(|path| candidate(path, false)).collect()
}

/// The block devices that hold something, by Linux's own list of them.
fn devices(root: &Path) -> Vec<Candidate> {
    let Ok(list) = fs::read_dir(root.join("sys/class/block")) else { return Vec::new() };
    let mounts = fs::read_to_string(root.join("proc/self/mounts")).unwrap_or_default();
    let candidate = |entry: fs::DirEntry| {
        let (name, folder) = (entry.file_name().into_string().ok()?, entry.path());
        let said = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default().trim().to_owned();
        if said("size") == "0" || name.starts_with("ram") || name.starts_with("zram") {
            return None;
        }
        // In `/sys` a `/` of the device's name is a `!`.
        let device = root.join("dev").join(name.replace('!', "/"));
        let udev = fs::read_to_string(root.join("run/udev/data").join(format!("b{}", said("dev"))));
        let label =
            udev.unwrap_or_default().lines().find_map(|line| Some(line.strip_prefix("E:ID_FS_LABEL=")?.to_owned()));
        let mounted = mount_point(&mounts, &device);
        Some(Candidate { device, named: false, mounted, label })
    };
    list.flatten().filter_map(candidate).collect()
}

/// Where a device is mounted as a whole, by a table whose fields have octal escapes.
fn mount_point(mounts: &str, device: &Path) -> Option<PathBuf> {
    let field =
        |text: &str| text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (source, target) = (fields.next()?, fields.next()?);
        (Path::new(&field(source)) == device).then(|| PathBuf::from(field(target)))
    })
}

impl Candidate {
    /// Its files; `None` when it is no drive of ours.
    pub(super) fn files(self) -> Result<Option<Files>, Why> {
        let known = self.label.as_deref().map(is_ours);
        if known == Some(false) {
            return Ok(None);
        }
        if let (Some(true), Some(folder)) = (known, &self.mounted)
            && let Ok(files) = mounted_files(folder)
        {
            return Ok(Some(files));
        }
        let file = match fs::File::open(&self.device) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::PermissionDenied && known == Some(true) => {
                return Err(Why::Denied);
            }
            Err(error) if self.named || known == Some(true) => return Err(Why::Unreadable(error)),
            Err(_) => return Ok(None),
        };
        let system = match Filesystem::probe(file) {
            Ok(system) => system,
            Err(error) if self.named => return Err(Why::Unreadable(error)),
            // An empty drive bay, a damaged filesystem of somebody else's.
            Err(_) => return Ok(None),
        };
        match system {
            Some(system) if is_ours(&system.label) => system.files().map(Some).map_err(Why::Unreadable),
            other if self.named => Err(Why::OtherLabel(other.map(|system| system.label))),
            _ => Ok(None),
        }
    }
}

fn mounted_files(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for name in FILES {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.len() <= MAX_FILE as u64 => files.push((name, fs::read(&path)?)),
            Ok(_) => return Err(ErrorKind::FileTooLarge.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_found_through_its_escapes() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/my\\040drive vfat ro 0 0\n";
        assert_eq!(mount_point(mounts, Path::new("/dev/sdb1")), Some("/media/my drive".into()));
        assert_eq!(mount_point(mounts, Path::new("/dev/sdb")), None);
    }

    #[test]
    fn devices_are_those_of_the_system_that_hold_something() {
        let root = tempfile::tempdir().unwrap();
        for (name, size) in [("sda", "1000"), ("sr0", "0"), ("ram0", "8"), ("cciss!c0d0", "9")] {
            let folder = root.path().join("sys/class/block").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("size"), format!("{size}\n")).unwrap();
            fs::write(folder.join("dev"), "8:0\n").unwrap();
        }
        fs::create_dir_all(root.path().join("run/udev/data")).unwrap();
        fs::write(root.path().join("run/udev/data/b8:0"), "S:disk/by-label/x\nE:ID_FS_LABEL=CLOUD-INIT\n").unwrap();
        let mut found: Vec<_> = devices(root.path());
        found.sort_by(|a, b| a.device.cmp(&b.device));
        let names: Vec<_> = found.iter().map(|c| c.device.strip_prefix(root.path()).unwrap().to_owned()).collect();
        assert_eq!(names, [PathBuf::from("dev/cciss/c0d0"), PathBuf::from("dev/sda")]);
        assert_eq!(found[1].label.as_deref(), Some("CLOUD-INIT"));
    }
}
