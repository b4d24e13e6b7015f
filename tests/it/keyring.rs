//! The project's key pair on disk.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use libmachine::dirs::Dirs;
use libmachine::id::{Name, Owner};
use libmachine::keyring::{self, Key};
use libmachine::resource::{Context, Observation, Outputs, Progress, Resource, diff};
use tokio_util::sync::CancellationToken;

fn owner() -> Owner {
    Owner { project: Name::new("shop").unwrap(), id: Some(Name::new("k3v9qx").unwrap()) }
}

fn context() -> Context {
    Context {
        owner: owner(),
        outputs: Outputs::default(),
        progress: Progress::silent(),
        cancel: CancellationToken::default(),
        token: "t".into(),
    }
}

fn key(root: &Path) -> (Key, std::path::PathBuf) {
    let folder = |name: &str| root.join(name);
    let dirs = Dirs {
        global: std::path::PathBuf::new(),
        config: folder("config"),
        state: folder("state"),
        data: folder("data"),
        cache: folder("cache"),
        runtime: folder("run"),
    };
    (Key::new(&dirs, &owner()), keyring::private_key(&dirs, &owner()))
}

#[tokio::test]
async fn a_key_is_made_once_and_only_its_owner_may_read_it() {
    let root = tempfile::tempdir().unwrap();
    let (key, path) = key(root.path());
    assert_eq!(key.read(&context()).await, Observation::Absent);

    let made = key.create(&context()).await.unwrap();
    assert!(made[keyring::PUBLIC_KEY].as_str().unwrap().starts_with("ssh-ed25519 AAAA"));
    assert_eq!(diff(key.desired(), &made), []);
    assert_eq!(key.create(&context()).await.unwrap(), made, "a second create keeps the key");
    assert_eq!(key.read(&context()).await, Observation::Present(made));

    let rights = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((rights(&path), rights(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_not_taken_for_absent() {
    let root = tempfile::tempdir().unwrap();
    let (key, path) = key(root.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "not a key").unwrap();
    assert!(matches!(key.read(&context()).await, Observation::Unreadable(_)));
    assert!(key.create(&context()).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
}

#[tokio::test]
async fn deleting_a_key_that_is_gone_succeeds() {
    let root = tempfile::tempdir().unwrap();
    let (key, path) = key(root.path());
    key.create(&context()).await.unwrap();
    key.delete(&context()).await.unwrap();
    assert!(!path.exists());
    key.delete(&context()).await.unwrap();
}
