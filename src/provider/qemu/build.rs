//! Images made here from a Debian archive by `mmdebstrap`, without loop devices and, where user namespaces allow
//! it, without being root. They boot with their own kernel directly and leave out what makes a boot slow.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::desired::Build;
use crate::provider::debian::{Bootstrap, Format};
use crate::provider::qemu::binary::{Arch, missing, tool};
use crate::provider::qemu::folder::{make_private, problem, remove_file, remove_tree, write_file};
use crate::provider::qemu::store::{DISK, INITRD, KERNEL};
use crate::resource::{Context, Failure};
use crate::transport::local;

const ESSENTIAL: &str = include_str!("build/essential.sh");
const CUSTOMIZE: &str = include_str!("build/customize.sh");
const LIMIT: Duration = Duration::from_hours(1);
/// Says in the workshop where the yard is, for the next build to clear it should this one be killed.
const NOTE: &str = "yard";
/// What the names of yards begin with.
const PREFIX: &str = "machine-build-";
/// Every machine's root disk is at least this large; the file system is made so and grows at the first boot.
const SIZE: u64 = 4 << 30;

const PACKAGES: &[&str] = &[
    "tiny-initramfs",
    "systemd-sysv",
    "dbus",
    "systemd-resolved",
    "udev",
    "kmod",
    "procps",
    "e2fsprogs",
    "cloud-init",
    "cloud-guest-utils",
    "iproute2",
    "openssh-server",
    "sudo",
    "ca-certificates",
];

/// Two builds with the same key are declared alike.
pub(super) fn key(build: &Build, arch: Arch) -> String {
    let mut packages = build.packages.clone();
    packages.sort_unstable();
    packages.dedup();
    let mirror = build.mirror.as_deref().unwrap_or_default();
    digest(&[arch.name(), &build.release, mirror, &packages.join(",")])
}

/// Which recipe a build follows. Another one makes new images, and is no reason to replace a machine.
pub(super) fn recipe(build: &Build, arch: Arch) -> String {
    digest(&[ESSENTIAL, CUSTOMIZE, PACK, &packages(build, arch)])
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

fn packages(build: &Build, arch: Arch) -> String {
    let kernel = format!("linux-image-cloud-{}", arch.debian());
    let mut all: Vec<&str> = PACKAGES.to_vec();
    all.push(&kernel);
    // Debian 13's usual kernel settings, without which only root may ping.
    all.extend((build.release != "debian-12").then_some("linux-sysctl-defaults"));
    all.extend(build.packages.iter().map(String::as_str));
    all.sort_unstable();
    all.dedup();
    all.join(",")
}

/// Makes `disk.qcow2`, `vmlinuz` and `initrd.img` in `target`.
pub(super) async fn build(build: &Build, arch: Arch, target: &Path, cx: &Context) -> Result<(), Failure> {
    for program in ["mmdebstrap", "mke2fs", "qemu-img"] {
        local::find(program).ok_or_else(|| missing(program))?;
    }
    let note = target.join(NOTE);
    if let Ok(left) = fs::read_to_string(&note) {
        // What the killed build started may still be at work in it: it fails soon.
        Yard::at(left.into()).clear().await.map_err(|failure| failure.retry(None))?;
    }
    let yard = Yard::new(&note)?;
    let made = make(build, arch, &yard, target, cx).await;
    let cleared = yard.clear().await.and_then(|()| remove_file(&note));
    made.and(cleared)
}

async fn make(build: &Build, arch: Arch, yard: &Yard, target: &Path, cx: &Context) -> Result<(), Failure> {
    debootstrap(build, arch, yard, cx).await?;
    cx.progress.say("making the root file system");
    yard.run(&["sh", "-c", PACK, "sh", yard.text("root").as_str(), yard.text("out").as_str(), &SIZE.to_string()])
        .await?;
    cx.progress.say("converting the image");
    let disk = target.join(DISK);
    let convert = ["convert", "-f", "raw", "-O", "qcow2"].map(Into::into);
    let files = [yard.text("out/root.raw"), disk.display().to_string()];
    tool(["qemu-img".to_owned()].into_iter().chain(convert).chain(files), LIMIT).await?;
    for file in [KERNEL, INITRD] {
        fs::copy(yard.path(&format!("out/{file}")), target.join(file)).map_err(problem(target))?;
    }
    Ok(())
}

/// Turns the tree `$1` into a file system of `$3` bytes in `$2`, with kernel and initial RAM disk beside it.
/// The journal and inode tables are left to be initialised by the running system.
const PACK: &str = r#"set -eu
umask 022
cp "$1"/boot/vmlinuz-* "$2/vmlinuz"
cp "$1"/boot/initrd.img-* "$2/initrd.img"
chmod 644 "$2/vmlinuz" "$2/initrd.img"
truncate -s "$3" "$2/root.raw"
PATH="$PATH:/usr/sbin:/sbin" mke2fs -q -t ext4 -L root -E lazy_itable_init=1,lazy_journal_init=1 -d "$1" "$2/root.raw"
"#;

async fn debootstrap(build: &Build, arch: Arch, yard: &Yard, cx: &Context) -> Result<(), Failure> {
    let bootstrap = Bootstrap {
        release: &build.release,
        arch: arch.debian(),
        packages: &packages(build, arch),
        mirror: build.mirror.as_deref(),
        hooks: &[
            format!("--essential-hook=sh {} \"$1\"", yard.text("essential.sh")),
            format!("--customize-hook=sh {} \"$1\"", yard.text("customize.sh")),
        ],
        privileged: yard.privileged,
    };
    bootstrap.run(Format::Folder, &yard.path("root"), LIMIT, cx).await
}

/// A folder to build in. Without root, the tree belongs to users of a namespace to whom the cache is closed, so it
/// is in the temporary folder, below a name that nobody else can list.
struct Yard {
    outer: PathBuf,
    inner: PathBuf,
    privileged: bool,
}

impl Yard {
    fn at(inner: PathBuf) -> Self {
        let outer = inner.parent().unwrap_or(&inner).to_owned();
        Self { inner, outer, privileged: rustix::process::getuid().is_root() }
    }

    fn new(note: &Path) -> Result<Self, Failure> {
        let random = |n: usize| -> String {
            use russh::keys::ssh_key::rand_core::Rng;
            let mut bytes = vec![0; n];
            russh::keys::key::safe_rng().fill_bytes(&mut bytes);
            hex::encode(bytes)
        };
        let outer = std::env::temp_dir().join(format!("{PREFIX}{}", random(4)));
        let yard = Self::at(outer.join(random(16)));
        write_file(note, yard.inner.as_os_str().as_encoded_bytes(), 0o600)?;
        make_private(&yard.inner)?;
        make_private(&yard.path("out"))?;
        for (name, text) in [("essential.sh", ESSENTIAL), ("customize.sh", CUSTOMIZE)] {
            write_file(&yard.path(name), text.as_bytes(), 0o644)?;
        }
        if !yard.privileged {
            let open =
                |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(problem(path));
            open(&yard.outer, 0o711)?;
            open(&yard.inner, 0o777)?;
            open(&yard.path("out"), 0o777)?;
        }
        Ok(yard)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inner.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// As the user to whom the tree's files belong.
    async fn run(&self, argv: &[&str]) -> Result<(), Failure> {
        let helper: &[&str] = if self.privileged { &[] } else { &["mmdebstrap", "--unshare-helper"] };
        tool(helper.iter().chain(argv).copied(), LIMIT).await.map(drop)
    }

    async fn clear(&self) -> Result<(), Failure> {
        let ours = self.outer.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if !ours || !self.outer.exists() {
            return Ok(());
        }
        if !self.privileged {
            self.run(&["rm", "-rf", self.text("root").as_str(), self.text("out").as_str()]).await?;
        }
        remove_tree(&self.outer)
    }
}
