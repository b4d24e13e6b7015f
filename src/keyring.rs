//! The project's SSH key pair, kept on this computer.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use async_trait::async_trait;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

use crate::attributes;
use crate::dirs::Dirs;
use crate::id::{Kind, Owner, ResourceId};
use crate::resource::{Change, Context, Failure, Impact, Observation, Parent, Resource};
use crate::value::Attributes;

/// The kind of the project's key pair.
pub const KIND: Kind = "ssh.key";

/// The attribute that holds the public half, in OpenSSH's one-line form.
pub const PUBLIC_KEY: &str = "public-key";

const ALGORITHM: &str = "algorithm";

static DESIRED: LazyLock<Attributes> = LazyLock::new(|| attributes! { "algorithm": "ed25519" });

/// The id of a project's key pair.
#[must_use]
pub fn id(owner: &Owner) -> ResourceId {
    ResourceId::new(KIND, &owner.project)
}

/// Where the private half lies; it is there once the resource was created.
#[must_use]
pub fn private_key(dirs: &Dirs, owner: &Owner) -> PathBuf {
    dirs.state.join(owner.slug()).join("keys").join("id_ed25519")
}

/// An ed25519 key pair that every machine of the project lets in.
#[derive(Debug)]
pub struct Key {
    id: ResourceId,
    path: PathBuf,
}

impl Key {
    #[must_use]
    pub fn new(dirs: &Dirs, owner: &Owner) -> Self {
        Self { id: id(owner), path: private_key(dirs, owner) }
    }

    fn load(&self) -> Result<Option<Attributes>, String> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", self.path.display())),
        };
        let key = PrivateKey::from_openssh(text)
            .map_err(|error| format!("{} is not a private key: {error}", self.path.display()))?;
        outputs(&key).map(Some)
    }

    fn make(&self, comment: &str) -> Result<(), String> {
        let mut key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(|error| error.to_string())?;
        key.set_comment(comment);
        let text = key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
        write_once(&self.path, text.as_bytes()).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn outputs(key: &PrivateKey) -> Result<Attributes, String> {
    let public = key.public_key().to_openssh().map_err(|error| error.to_string())?;
    Ok(attributes! { "algorithm": key.algorithm().as_str().trim_start_matches("ssh-"), "public-key": public })
}

/// Writes a file that is either not there or whole; one that is there already, perhaps by another run, stays.
fn write_once(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().expect("a file lies in a folder");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::File::open(folder)?.sync_all(),
    }
}

#[async_trait]
impl Resource for Key {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn desired(&self) -> &Attributes {
        &DESIRED
    }

    fn outputs(&self) -> &'static [&'static str] {
        &[PUBLIC_KEY]
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        debug_assert_eq!(change.path.to_string(), ALGORITHM);
        Impact::Refused(format!("the project's key in {} was put there by hand; move it away", self.path.display()))
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match self.load() {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(why) => Observation::Unreadable(why),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let held = self.load().and_then(|held| match held {
            Some(held) => Ok(held),
            None => self
                .make(&format!("machine {}", cx.owner.slug()))
                .and_then(|()| self.load()?.ok_or_else(|| format!("{} is gone again", self.path.display()))),
        });
        held.map_err(Failure::new)
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::new(format!("{}: {error}", self.path.display())))
            }
            _ => Ok(()),
        }
    }
}
