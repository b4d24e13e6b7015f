//! The project's key pair: made once, kept as its owner wants, readable by nobody else.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use libmachine::dirs::Dirs;
use libmachine::id::{Name, Owner};
use libmachine::keyring::{self, Cipher, CipherError, Key, Keyring};
use libmachine::resource::{Context, Limits, Observation, Outputs, Progress, Resource, diff};
use libmachine::store::{Files, Vault};
use tokio_util::sync::CancellationToken;

use crate::support::backend::Backend;

const ANN: &str = "age1q73he0q5yzfu3d64msd3p6rvksnrwjk3d2598mgtmlqt9wrdr37q2vrn72";

fn owner() -> Owner {
    Owner { project: Name::new("shop").unwrap(), id: Some(Name::new("k3v9qx").unwrap()) }
}

fn context() -> Context {
    Context {
        owner: owner(),
        outputs: Outputs::default(),
        progress: Progress::silent(),
        limits: Limits::default(),
        cancel: CancellationToken::default(),
        token: "t".into(),
    }
}

fn dirs(root: &Path) -> Dirs {
    let folder = |name: &str| root.join(name);
    Dirs {
        global: std::path::PathBuf::new(),
        config: folder("config/machine"),
        state: folder("state"),
        data: folder("data"),
        cache: folder("cache"),
        runtime: folder("run"),
    }
}

/// A new identity: the recipient, and what opens what is sealed to it.
fn identity() -> (String, String) {
    use age::secrecy::ExposeSecret as _;

    let identity = age::x25519::Identity::generate();
    (identity.to_public().to_string(), identity.to_string().expose_secret().to_owned())
}

fn cipher(root: &Path, recipients: &[String], identity: Option<&str>) -> Cipher {
    let pair = |text: &str| ("MACHINE_AGE_IDENTITY".to_owned(), text.to_owned());
    let environment: BTreeMap<_, _> = identity.map(pair).into_iter().collect();
    Cipher::new(recipients, &environment, &dirs(root)).unwrap()
}

fn key_with(vault: Arc<dyn Vault>, cipher: Cipher) -> Key {
    Key::new(&Arc::new(Keyring::new(vault, cipher)), &owner())
}

fn files(root: &Path) -> Arc<dyn Vault> {
    Arc::new(Files::new(root.join("keys")))
}

fn key(root: &Path) -> (Key, std::path::PathBuf) {
    (key_with(files(root), cipher(root, &[], None)), root.join("keys/id_ed25519"))
}

async fn changes(key: &Key) -> Vec<String> {
    match key.read(&context()).await {
        Observation::Present(seen) => diff(key.desired(), &seen).iter().map(|change| change.path.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

async fn public(key: &Key) -> String {
    match key.read(&context()).await {
        Observation::Present(seen) => seen[keyring::PUBLIC_KEY].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
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
    for odd in ["not a key", "{ \"recipients\": [", "{ \"recipients\": [], \"age\": \"cut\" }"] {
        std::fs::write(&path, odd).unwrap();
        assert!(matches!(key.read(&context()).await, Observation::Unreadable(_)), "{odd}");
        assert!(key.create(&context()).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), odd);
    }
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

#[tokio::test]
async fn an_encrypted_key_is_nowhere_in_the_clear_and_opens_with_its_identity_only() {
    for backend in Backend::all() {
        let root = backend.folder.path();
        let (recipient, secret) = identity();
        let recipients = [recipient.clone(), ANN.to_owned()];
        let vault = || backend.place().vault();
        let run = backend
            .place()
            .claim(&libmachine::store::Holder::this("test"), std::time::Duration::default(), |_, _| ())
            .await;
        let run = run.expect("nobody has it");
        let key = key_with(vault(), cipher(root, &recipients, Some(&secret)));
        let made = key.create(&context()).await.unwrap();
        assert_eq!(diff(key.desired(), &made), []);
        assert_eq!(
            made["encrypted-to"],
            serde_json::json!(recipients.iter().rev().collect::<std::collections::BTreeSet<_>>())
        );

        let kept = vault().get("id_ed25519").await.unwrap().expect("kept");
        let kept = String::from_utf8(kept).unwrap();
        assert!(kept.contains("BEGIN AGE ENCRYPTED FILE") && !kept.contains("OPENSSH PRIVATE KEY"), "{kept}");
        assert!(!format!("{key:?}{made:?}").contains("PRIVATE"));

        let without = key_with(vault(), cipher(root, &recipients, None));
        let Observation::Unreadable(why) = without.read(&context()).await else { panic!("it opened") };
        assert!(
            why.contains("there is no identity to open it: set MACHINE_AGE_IDENTITY_FILE, or put one into"),
            "{why}"
        );
        assert!(without.create(&context()).await.is_err(), "another one would lock everybody out");
        let other = key_with(vault(), cipher(root, &recipients, Some(&identity().1)));
        let Observation::Unreadable(why) = other.read(&context()).await else { panic!("it opened") };
        assert!(why.contains("none of the identities in MACHINE_AGE_IDENTITY opens it"), "{why}");

        let own = root.join("config/machine/age.txt");
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(&own, format!("# created by a test\n{secret}\n")).unwrap();
        let found = key_with(vault(), cipher(root, &recipients, None));
        assert_eq!(public(&found).await, made["public-key"].as_str().unwrap());
        run.release().await;
    }
}

#[tokio::test]
async fn recipients_come_and_go_and_the_key_stays() {
    let root = tempfile::tempdir().unwrap();
    let (recipient, secret) = identity();
    let with = |recipients: &[String]| key_with(files(root.path()), cipher(root.path(), recipients, Some(&secret)));
    let plain = with(&[]);
    plain.create(&context()).await.unwrap();
    let public_key = public(&plain).await;

    for recipients in [vec![recipient.clone()], vec![recipient.clone(), ANN.to_owned()], vec![]] {
        let key = with(&recipients);
        let changed = changes(&key).await;
        assert!(!changed.is_empty() && changed.iter().all(|path| path.starts_with("encrypted-to")), "{changed:?}");
        key.update(&context(), &[]).await.unwrap();
        assert_eq!(changes(&key).await, Vec::<String>::new());
        assert_eq!(public(&key).await, public_key);
        let text = std::fs::read_to_string(root.path().join("keys/id_ed25519")).unwrap();
        assert_eq!(text.contains("OPENSSH PRIVATE KEY"), recipients.is_empty());
    }
}

#[tokio::test]
async fn a_key_moves_to_where_the_team_finds_it() {
    let (home, backend) = (tempfile::tempdir().unwrap(), Backend::postgres());
    let local = key_with(files(home.path()), cipher(home.path(), &[], None));
    local.create(&context()).await.unwrap();
    let public_key = public(&local).await;

    let run = backend
        .place()
        .claim(&libmachine::store::Holder::this("test"), std::time::Duration::default(), |_, _| ())
        .await;
    let run = run.expect("nobody has it");
    let keyring = Keyring::new(backend.place().vault(), cipher(home.path(), &[], None)).taking_over(files(home.path()));
    let shared = Key::new(&Arc::new(keyring), &owner());
    assert_eq!(changes(&shared).await, ["kept"]);
    shared.update(&context(), &[]).await.unwrap();
    assert_eq!(changes(&shared).await, Vec::<String>::new());
    assert_eq!(public(&shared).await, public_key);
    assert_eq!(home.path().join("keys").read_dir().unwrap().count(), 0, "it is in one place");
    shared.delete(&context()).await.unwrap();
    assert_eq!(shared.read(&context()).await, Observation::Absent);
    run.release().await;
}

#[test]
fn what_is_no_recipient_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let error = Cipher::new(&["age1nonsense".to_owned()], &BTreeMap::new(), &dirs(root.path())).unwrap_err();
    assert_eq!(error, CipherError::Recipient("age1nonsense".into()));
}
