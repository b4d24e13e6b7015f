//! A Debian root file system made from its package archive by `mmdebstrap`, without being root where user namespaces
//! allow it.

use std::path::Path;
use std::time::Duration;

use crate::resource::{Context, Failure};
use crate::transport::{Command, local};

/// What Debian calls a release in its archive.
pub(super) fn codename(version: &str) -> &'static str {
    match version {
        "12" => "bookworm",
        _ => "trixie",
    }
}

/// The form of what is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Folder,
    Tar,
}

#[derive(Clone, Debug)]
pub(super) struct Bootstrap<'a> {
    /// `debian-12` or `debian-13`.
    pub(super) release: &'a str,
    /// As Debian calls it.
    pub(super) arch: &'static str,
    /// Separated by commas.
    pub(super) packages: &'a str,
    /// The distribution's own archive unless given.
    pub(super) mirror: Option<&'a str>,
    /// Options that run scripts of ours in the tree.
    pub(super) hooks: &'a [String],
    pub(super) privileged: bool,
}

impl Bootstrap<'_> {
    /// Makes `target`, telling its progress. A request to stop ends it.
    pub(super) async fn run(
        &self,
        format: Format,
        target: &Path,
        limit: Duration,
        cx: &Context,
    ) -> Result<(), Failure> {
        let release = self.release;
        cx.progress.say(format!("building {release} from packages"));
        let mut say = |line: &str| {
            if let Some(step) = line.strip_prefix("I: ") {
                cx.progress.say(format!("building {release}: {step}"));
            }
        };
        let command = Command::new(self.arguments(format, target)).timeout(limit);
        let output = tokio::select! {
            output = local::stream(&command, &mut say) => output.map_err(|error| Failure::new(error.to_string()))?,
            () = cx.cancel.cancelled() => return Err(Failure::new(format!("stopped while building {release}"))),
        };
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!("mmdebstrap could not build {release}"))
            .hint("check that the package names exist in that release and that the archive can be reached")
            .detail(&output.stderr))
    }

    fn arguments(&self, format: Format, target: &Path) -> Vec<String> {
        let format = if format == Format::Folder { "directory" } else { "tar" };
        let mut argv = vec!["mmdebstrap".to_owned(), "--variant=minbase".into(), format!("--format={format}")];
        argv.push(format!("--mode={}", if self.privileged { "root" } else { "unshare" }));
        argv.push(format!("--architectures={}", self.arch));
        argv.push(format!("--include={}", self.packages));
        argv.push("--dpkgopt=force-unsafe-io".into());
        argv.extend(["man", "doc", "locale", "info"].map(|dir| format!("--dpkgopt=path-exclude=/usr/share/{dir}/*")));
        argv.push("--dpkgopt=path-include=/usr/share/doc/*/copyright".into());
        argv.extend_from_slice(self.hooks);
        argv.push(codename(self.release.trim_start_matches("debian-")).to_owned());
        argv.push(target.display().to_string());
        argv.extend(self.mirror.map(str::to_owned));
        argv
    }
}
