//! CLOUD-INIT drives, made by the tools that people make them with.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libmachine::cloud_init::drive::{Found, Search, find};
use tempfile::TempDir;

const TEXT: &str = "#cloud-config\ncloud-machine: { resources: { ram: 3 } } # \u{fc}\n";

fn run(program: &str, arguments: &[&str]) -> String {
    let ran = Command::new(program).args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    let ran = ran.unwrap_or_else(|why| panic!("{program} is needed ({why}): see .ci/prepare"));
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text").trim().to_owned()
}

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("content")).expect("a folder");
        fs::write(folder.path().join("content/user-data"), TEXT).expect("written");
        fs::create_dir(folder.path().join("drives")).expect("a folder");
        Self { folder }
    }

    fn drive(&self, name: &str) -> PathBuf {
        self.folder.path().join("drives").join(name)
    }

    fn content(&self) -> String {
        self.folder.path().join("content").display().to_string()
    }

    fn vfat(&self, name: &str, label: &str) -> PathBuf {
        let path = self.drive(name);
        let image = fs::File::create(&path).expect("made");
        image.set_len(4 << 20).expect("room");
        run("mkfs.vfat", &["-n", label, path.to_str().unwrap()]);
        let image = fs::OpenOptions::new().read(true).write(true).open(&path).expect("opened");
        let system = fatfs::FileSystem::new(image, fatfs::FsOptions::new()).expect("FAT");
        system.root_dir().create_file("user-data").expect("made").write_all(TEXT.as_bytes()).expect("written");
        system.unmount().expect("written");
        path
    }

    fn iso(&self, name: &str, label: &str, extensions: &[&str]) -> PathBuf {
        let path = self.drive(name);
        let content = self.content();
        let fixed = ["-quiet", "-V", label, "-o", path.to_str().unwrap()];
        run("genisoimage", &[&fixed[..], extensions, &[content.as_str()]].concat());
        path
    }

    fn ext4(&self, name: &str, label: &str) -> PathBuf {
        let path = self.drive(name);
        run("mke2fs", &["-q", "-t", "ext4", "-L", label, "-d", &self.content(), path.to_str().unwrap(), "4M"]);
        path
    }

    fn search(&self) -> Found {
        find(&Search::In(vec![self.folder.path().join("drives")]))
    }
}

fn names(found: &Found) -> Vec<String> {
    let short = |name: &str| Path::new(name).file_name().unwrap().to_string_lossy().into_owned();
    found.files.iter().map(|file| short(&file.name)).collect()
}

#[test]
fn each_kind_of_drive_is_read_without_mounting_it() {
    let bench = Bench::new();
    bench.vfat("a.img", "CLOUD-INIT");
    bench.iso("b.iso", "CLOUD-INIT", &["-J", "-r"]);
    bench.iso("c.iso", "CLOUD-INIT", &["-J"]);
    bench.iso("d.iso", "cloud-init", &["-r"]);
    bench.ext4("e.img", "CLOUD-INIT");
    let found = bench.search();
    assert_eq!(found.troubles.len(), 0, "{:?}", found.troubles);
    let all = ["a.img:user-data", "b.iso:user-data", "c.iso:user-data", "d.iso:user-data", "e.img:user-data"];
    assert_eq!(names(&found), all);
    assert!(found.files.iter().all(|file| file.bytes == TEXT.as_bytes()));
}

#[test]
fn a_drive_on_a_loop_device_is_found_among_the_devices() {
    let bench = Bench::new();
    let images = [
        bench.vfat("a.img", "CLOUD-INIT"),
        bench.iso("b.iso", "CLOUD-INIT", &["-J", "-r"]),
        bench.ext4("c.img", "CLOUD-INIT"),
    ];
    let mut attached = Vec::new();
    for image in images {
        let ran = Command::new("/sbin/losetup").args(["--find", "--show", "--read-only"]).arg(&image).output();
        let Some(ran) = ran.ok().filter(|ran| ran.status.success()) else { continue };
        attached.push(Loop(String::from_utf8(ran.stdout).expect("text").trim().to_owned()));
    }
    // Only root attaches loop devices, and not in every container.
    let expected = if is_root() && Path::new("/dev/loop-control").exists() { 3 } else { attached.len() };
    assert_eq!(attached.len(), expected);
    let found = find(&Search::Devices);
    for device in &attached {
        let name = format!("{}:user-data", device.0);
        let file = found.files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert_eq!(file.bytes, TEXT.as_bytes());
    }
}

/// Detached when dropped.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        _ = Command::new("/sbin/losetup").args(["-d", &self.0]).status();
    }
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|text| text.contains("\nUid:\t0\t"))
}

#[test]
fn other_labels_are_passed_over_and_told_where_the_drive_was_named() {
    let bench = Bench::new();
    let data = bench.ext4("data.img", "data");
    bench.vfat("cidata.img", "CIDATA");
    fs::write(bench.drive("notes.txt"), "nothing").expect("written");
    let found = bench.search();
    assert!(found.files.is_empty() && found.troubles.is_empty(), "{found:?}");

    let found = find(&Search::In(vec![data.clone(), bench.drive("missing.img"), bench.drive("notes.txt")]));
    let said: Vec<_> = found.troubles.iter().map(ToString::to_string).collect();
    assert!(said[0].ends_with("data.img is labelled `data` and not CLOUD-INIT"), "{said:?}");
    assert!(said[1].contains("missing.img cannot be read: No such file"), "{said:?}");
    assert!(said[2].ends_with("notes.txt holds no filesystem labelled CLOUD-INIT"), "{said:?}");
}

#[test]
fn a_drive_without_settings_and_one_with_too_many_are_told() {
    let bench = Bench::new();
    fs::rename(bench.folder.path().join("content/user-data"), bench.folder.path().join("content/other"))
        .expect("moved");
    bench.ext4("empty.img", "CLOUD-INIT");
    fs::write(bench.folder.path().join("content/user-data"), vec![b'#'; (1 << 20) + 1]).expect("written");
    bench.iso("large.iso", "CLOUD-INIT", &["-r"]);
    let said: Vec<_> = bench.search().troubles.iter().map(ToString::to_string).collect();
    assert!(
        said[0].ends_with("empty.img is labelled CLOUD-INIT and holds no user-data or cloud-config.yaml"),
        "{said:?}"
    );
    assert!(said[1].ends_with("large.iso cannot be read: a file of it is larger than 1048576 bytes"), "{said:?}");
}

#[test]
fn damaged_drives_end_in_an_error_and_never_in_a_loop() {
    let bench = Bench::new();
    let paths = [
        bench.vfat("a.img", "CLOUD-INIT"),
        bench.iso("b.iso", "CLOUD-INIT", &["-J", "-r"]),
        bench.ext4("c.img", "CLOUD-INIT"),
    ];
    for path in &paths {
        let whole = fs::read(path).expect("read");
        for seed in 0..60_u64 {
            let mut bytes = whole.clone();
            for step in 0..40 {
                // A plain generator: what matters is that it is the same every time.
                let random = (seed * 1000 + step).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
                let at = usize::try_from(random % 70_000).expect("small") % bytes.len();
                bytes[at] = u8::try_from(random >> 56).expect("a byte");
            }
            fs::write(path, &bytes).expect("written");
            _ = find(&Search::In(vec![path.clone()]));
        }
        fs::write(path, &whole[..whole.len() / 3]).expect("written");
        _ = find(&Search::In(vec![path.clone()]));
    }
}
