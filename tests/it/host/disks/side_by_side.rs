//! Disks of one machine that are put in order at the same time, by the real shell: what they share loses nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const SHARED: &str = include_str!("../../../../src/host/filesystem/shared.sh");
const DISKS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Runs `script` for every disk at once, with `etc` and `run` in this folder, and gives what each said.
fn all_at_once(folder: &Path, fakes: &str, script: &str) -> Vec<String> {
    let start = |name: &&str| {
        let place = folder.display();
        let head = format!("name={name} device=/dev/{name} wait=60 etc={place} run={place} folder={place}");
        let text = format!("{head}\n{SHARED}\n{fakes}\n{script}");
        Command::new("sh").args(["-c", &text]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell")
    };
    let running: Vec<_> = DISKS.iter().map(start).collect();
    let said = |shell: std::process::Child| {
        let ran = shell.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(ran.status.success(), "{said}");
        said
    };
    running.into_iter().map(said).collect()
}

#[test]
fn no_disk_loses_its_line_of_the_mount_table_to_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("fstab");
    fs::write(&table, "LABEL=root / ext4 defaults 0 1\n").expect("a file");
    let add = "line=\"$device /$name ext4 defaults,x-machine=$name 0 2\"\ntable";
    all_at_once(folder.path(), "systemctl() { :; }", add);
    let lines = fs::read_to_string(&table).expect("a file");
    let of = |name: &str| lines.lines().filter(|line| line.contains(&format!("x-machine={name} "))).count();
    assert!(lines.starts_with("LABEL=root /") && DISKS.iter().all(|name| of(name) == 1), "{lines}");

    all_at_once(folder.path(), "systemctl() { :; }", "line=\ntable");
    assert_eq!(fs::read_to_string(&table).expect("a file"), "LABEL=root / ext4 defaults 0 1\n");
}

/// An apt-get that has the tool once the lists are there, and does not wait for others.
const APT: &str = r#"
apt() {
    mkdir "$folder/busy" 2>/dev/null || { echo "E: Could not get lock /var/lib/apt/lists/lock"; return 100; }
    case "$*" in
        *update*) echo >>"$folder/updates"; code=0 ;;
        *) [ -e "$folder/updates" ]; code=$? ;;
    esac
    rmdir "$folder/busy"
    return "$code"
}
"#;

#[test]
fn tools_are_installed_one_after_the_other_and_the_lists_are_fetched_once() {
    let folder = tempfile::tempdir().expect("a folder");
    all_at_once(folder.path(), APT, "install \"tool-of-$name\"");
    assert_eq!(fs::read_to_string(folder.path().join("updates")).expect("a file"), "\n");
}

#[test]
fn lists_that_the_machine_itself_fetches_are_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("busy")).expect("a folder");
    let other = "tries=\nsleep() { tries=x$tries; [ $tries != xxx ] || rmdir \"$folder/busy\"; }";
    let text = format!("wait=60 folder={}\n{SHARED}\n{APT}\n{other}\nrefresh && echo $tries", folder.path().display());
    let ran = Command::new("sh").args(["-c", &text]).output().expect("a shell");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "xxx\n");
}
