//! The root file system of a container that is a machine, built here from a Debian archive.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::desired::Build;
use crate::provider::debian::{Bootstrap, Format};
use crate::provider::docker::Setup;
use crate::provider::qemu::binary::{Arch, missing};
use crate::provider::qemu::store::{Meta, Workshop, cache};
use crate::resource::{Context, Failure};
use crate::transport::local;

const CUSTOMIZE: &str = include_str!("build/customize.sh");
const LIMIT: Duration = Duration::from_hours(1);
const FILE: &str = "rootfs.tar";

const PACKAGES: &[&str] = &[
    "systemd-sysv",
    "dbus",
    "procps",
    "iproute2",
    "iptables",
    "cloud-init",
    "openssh-server",
    "sudo",
    "ca-certificates",
    "docker.io",
];

/// Two builds with the same key are declared alike.
pub(super) fn key(build: &Build) -> String {
    let mut packages = build.packages.clone();
    packages.sort_unstable();
    packages.dedup();
    let mirror = build.mirror.as_deref().unwrap_or_default();
    digest(&[Arch::HERE.name(), &build.release, mirror, &packages.join(",")])
}

/// Which recipe a build follows. Another one makes new images, and is no reason to replace a machine.
pub(super) fn recipe(build: &Build) -> String {
    digest(&[CUSTOMIZE, &packages(build)])
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

fn packages(build: &Build) -> String {
    let mut all: Vec<&str> = PACKAGES.to_vec();
    // Debian 12 has the client in `docker.io`, and compose only as a program of another name.
    if build.release != "debian-12" {
        all.extend(["docker-cli", "docker-compose"]);
    }
    all.extend(build.packages.iter().map(String::as_str));
    all.sort_unstable();
    all.dedup();
    all.join(",")
}

/// The root file system from the cache, built if need be. It stays there for the next engine that asks.
pub(super) async fn obtain(setup: &Setup, build: &Build, name: &str, cx: &Context) -> Result<PathBuf, Failure> {
    let cached = format!("docker-{name}-{}", &recipe(build)[..10]);
    let file = cache(&setup.dirs).join(&cached).join(FILE);
    if file.exists() {
        return Ok(file);
    }
    local::find("mmdebstrap").ok_or_else(|| missing("mmdebstrap"))?;
    let workshop = Workshop::enter(&setup.dirs, &cached, cx).await?;
    // Another process may have made it while we waited.
    if file.exists() {
        return Ok(file);
    }
    let bootstrap = Bootstrap {
        release: &build.release,
        arch: Arch::HERE.debian(),
        packages: &packages(build),
        mirror: build.mirror.as_deref(),
        hooks: &[format!("--customize-hook={CUSTOMIZE}")],
        privileged: rustix::process::getuid().is_root(),
    };
    bootstrap.run(Format::Tar, &workshop.folder.join(FILE), LIMIT, cx).await?;
    let source = format!("built from {} packages", build.release);
    workshop.finish(Meta { name: format!("docker-{name}"), source, digest: None, kernel: false })?;
    Ok(file)
}
