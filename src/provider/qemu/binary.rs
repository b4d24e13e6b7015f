//! Which QEMU there is, and the differences between the architectures it runs.

use std::path::PathBuf;
use std::time::Duration;

use crate::provider::qemu::settings::Settings;
use crate::resource::Failure;
use crate::transport::{Command, Output, local};

/// The first version whose network can join machines by datagrams.
const OLDEST: (u32, u32) = (7, 2);

/// The architecture of this computer and so of its machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Arch {
    X86,
    Arm,
}

impl Arch {
    pub(in crate::provider) const HERE: Self = if cfg!(target_arch = "aarch64") { Self::Arm } else { Self::X86 };

    /// As QEMU, Fedora, Alpine and Rocky call it.
    pub(in crate::provider) const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }

    /// As Debian and Ubuntu call it.
    pub(in crate::provider) const fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    pub(super) const fn machine(self) -> &'static str {
        match self {
            Self::X86 => "q35",
            Self::Arm => "virt",
        }
    }

    pub(super) const fn console(self) -> &'static str {
        match self {
            Self::X86 => "ttyS0",
            Self::Arm => "ttyAMA0",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) path: PathBuf,
    pub(super) version: (u32, u32),
    pub(super) arch: Arch,
}

impl Binary {
    pub(super) async fn find(settings: &Settings) -> Result<Self, Failure> {
        let arch = Arch::HERE;
        let usual = format!("qemu-system-{}", arch.name());
        let path = match &settings.binary {
            Some(path) => path.clone(),
            None => local::find(&usual).ok_or_else(|| missing(&usual))?,
        };
        let program = path.display().to_string();
        let output = tool([&program, "--version"], Duration::from_secs(30)).await?;
        let version = parse_version(&output.stdout)
            .ok_or_else(|| Failure::new(format!("{program} does not say which version of QEMU it is")))?;
        if version < OLDEST {
            let (major, minor) = version;
            let needed = format!("{program} is QEMU {major}.{minor}; joining machines to a segment needs 7.2 or newer");
            return Err(Failure::new(needed).hint("install a newer QEMU, or name one with the provider's `binary`"));
        }
        Ok(Self { path, version, arch })
    }
}

/// `QEMU emulator version 7.2.22 (Debian …)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_once("version ")?.1.split_whitespace().next()?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// Runs one of the programs this driver needs; a failure carries the end of what it said.
pub(super) async fn tool<S: Into<String>>(
    argv: impl IntoIterator<Item = S>,
    limit: Duration,
) -> Result<Output, Failure> {
    let command = Command::new(argv).timeout(limit);
    let program = &command.argv[0];
    if local::find(program).is_none() {
        return Err(missing(program));
    }
    let output = local::run(&command).await.map_err(|error| Failure::new(error.to_string()))?;
    if output.success() {
        return Ok(output);
    }
    Err(Failure::new(format!("`{program}` failed with status {}", output.status)).detail(&output.stderr))
}

/// A program that is not there, and the package that has it.
pub(in crate::provider) fn missing(program: &str) -> Failure {
    let failure = Failure::new(format!("`{program}` is not installed"));
    let (debian, fedora, brew) = match program {
        "qemu-system-x86_64" => ("qemu-system-x86", "qemu-system-x86-core", "qemu"),
        "qemu-system-aarch64" => ("qemu-system-arm", "qemu-system-aarch64-core", "qemu"),
        "qemu-img" => ("qemu-utils", "qemu-img", "qemu"),
        "mke2fs" => ("e2fsprogs", "e2fsprogs", "e2fsprogs"),
        "mmdebstrap" => {
            return failure.hint("apt install mmdebstrap, or dnf install mmdebstrap; it does not run on macOS");
        }
        _ => return failure,
    };
    failure.hint(format!("apt install {debian}, dnf install {fedora} or brew install {brew}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_two_numbers_that_matter() {
        assert_eq!(parse_version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n"), Some((7, 2)));
        assert_eq!(parse_version("QEMU emulator version 10.0.2\n"), Some((10, 0)));
        assert_eq!(parse_version("something else"), None);
    }
}
