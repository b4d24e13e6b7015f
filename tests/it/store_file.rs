//! The store's file: what became of it on disk, and what earlier versions left.

use std::path::{Path, PathBuf};

use libmachine::store::{Error, Holder, Operation, Record, Recorded, Sqlite, Store, Transition};
use tempfile::TempDir;

use crate::support::sandbox::Sandbox;
use crate::support::thing::id;

fn hold(resource: &str) -> Transition {
    let record = Record {
        attributes: libmachine::attributes! {"cpus": 2}.into(),
        parents: Vec::new(),
        token: "t".into(),
        realm: None,
    };
    Transition::Hold { id: id(resource), record }
}

/// A store with records and an intent, its log written back into the file.
async fn filled(path: &Path) {
    let store = Sqlite::open(path).expect("a new store");
    for number in 0..200 {
        store.write(hold(&format!("vm/m{number}"))).await.expect("written");
    }
    let begin = Transition::Begin { id: id("vm/x"), operation: Operation::Create, token: "t".into(), realm: None };
    store.write(begin).await.expect("written");
    drop(store);
    let database = rusqlite::Connection::open(path).expect("SQLite");
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("written back");
    drop(database);
}

#[tokio::test]
async fn a_file_cut_anywhere_is_an_error_with_a_way_out_and_never_an_empty_store() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    filled(&path).await;
    let whole = std::fs::read(&path).expect("a file");
    assert!(whole.len() > 20_000, "several pages");
    let cut = folder.path().join("cut");
    for length in (0..whole.len()).filter(|length| *length < 200 || length % 512 < 2 || length % 97 == 0) {
        std::fs::write(&cut, &whole[..length]).expect("a shorter file");
        let error = Sqlite::open(&cut).expect_err("cut files are refused");
        assert!(matches!(error, Error::Damaged { .. }), "{length}: {error}");
        assert!(error.hint().expect("a way out").contains("nothing is made twice"));
    }
}

#[tokio::test]
async fn a_file_with_any_page_destroyed_is_never_taken_for_another_world() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    filled(&path).await;
    let whole = std::fs::read(&path).expect("a file");
    let told = Sqlite::open(&path).expect("whole").load().await.expect("readable");
    for page in 0..whole.len() / 4096 {
        let (broken, mut bytes) = (folder.path().join(format!("broken-{page}")), whole.clone());
        bytes[page * 4096..(page + 1) * 4096].fill(0xAA);
        std::fs::write(&broken, bytes).expect("a file");
        match Sqlite::open(&broken) {
            Ok(store) => match store.load().await {
                Ok(recorded) => assert_eq!(recorded, told, "page {page} holds no record"),
                Err(error) => assert!(matches!(error, Error::Damaged { .. }), "page {page}: {error}"),
            },
            Err(error) => assert!(matches!(error, Error::Damaged { .. }), "page {page}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_log_of_a_store_that_was_moved_away_is_not_replayed_into_the_next() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    let store = Sqlite::open(&path).expect("a new store");
    store.write(hold("vm/a")).await.expect("written");
    assert!(folder.path().join("s-wal").exists(), "what was written is still in the log");
    std::fs::rename(&path, folder.path().join("moved")).expect("moved away, as the hint says");
    let fresh = Sqlite::open(&path).expect("a new store");
    assert_eq!(fresh.load().await.expect("readable"), Recorded::default());
    let error = store.write(hold("vm/b")).await.expect_err("nobody would find it");
    assert!(error.to_string().contains("removed or replaced"), "{error}");
}

#[tokio::test]
async fn a_log_cut_anywhere_is_an_earlier_state_of_the_same_store() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    let store = Sqlite::open(&path).expect("a new store");
    for number in 0..3 {
        store.write(hold(&format!("vm/m{number}"))).await.expect("written");
    }
    let log = |of: &Path| PathBuf::from(format!("{}-wal", of.display()));
    let (main, wal) = (std::fs::read(&path).expect("a file"), std::fs::read(log(&path)).expect("a log"));
    let mut counts = Vec::new();
    for length in (0..wal.len()).step_by(509).chain([wal.len()]) {
        let cut = folder.path().join(format!("cut-{length}"));
        std::fs::write(&cut, &main).expect("a file");
        std::fs::write(log(&cut), &wal[..length]).expect("a shorter log");
        let recorded = Sqlite::open(&cut).expect("opens").load().await.expect("readable");
        counts.push(recorded.records.len());
    }
    assert!(counts.is_sorted() && counts.first() == Some(&0) && counts.last() == Some(&3), "{counts:?}");
}

#[tokio::test]
async fn a_full_disk_is_named() {
    let folder = TempDir::new().expect("a folder");
    let store = Sqlite::open(&folder.path().join("s")).expect("a new store");
    let error = Error::Write { path: "s".into(), why: "database or disk is full".into() };
    assert!(error.hint().expect("a way out").starts_with("make room"));
    drop(store);
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus").join(name)
}

/// Each was left by the version that wrote its format, killed while it made `simulated.machine/db-3`.
#[tokio::test]
async fn a_store_of_every_earlier_format_is_opened_and_brought_up_to_date() {
    let folder = TempDir::new().expect("a folder");
    for name in ["store-1.sqlite", "store-2.sqlite"] {
        let path = folder.path().join(name);
        std::fs::copy(corpus(name), &path).expect("a copy");
        let store = Sqlite::open(&path).expect("opens");
        store.claim(&Holder::this("machine up")).await.expect("claimed");
        let recorded = store.load().await.expect("readable");
        assert_eq!(recorded.records.len(), 10, "{name}");
        assert!(recorded.records.contains_key(&id("engine.daemon/web")));
        let intents: Vec<_> = recorded.intents.keys().map(ToString::to_string).collect();
        assert_eq!(intents, ["simulated.machine/db-3"], "{name}");
        store.write(hold("simulated.machine/db-3")).await.expect("written");
        drop(store);
        let again = Sqlite::open(&path).expect("opens").load().await.expect("readable");
        assert_eq!((again.records.len(), again.intents.len()), (11, 0), "{name}");
    }
}

#[test]
fn looking_at_a_project_of_an_earlier_version_leaves_its_store_as_it_is() {
    let sandbox = Sandbox::with(
        "name: shop\nproviders: { sim: { driver: simulated, world: ./world.sqlite } }\ndefaults: { provider: sim }\nmachines: { web: {} }\n",
    );
    let state = sandbox.home().join("state/machine/shop");
    std::fs::create_dir_all(&state).expect("a folder");
    let store = state.join("store.sqlite");
    std::fs::copy(corpus("store-1.sqlite"), &store).expect("a copy");
    std::fs::copy(corpus("world.sqlite"), sandbox.project().join("world.sqlite")).expect("a copy");
    let format = || {
        let database = rusqlite::Connection::open(&store).expect("SQLite");
        database.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    for verb in ["plan", "plan --destroy", "ls", "status", "up --dry-run"] {
        let ran = sandbox.run(verb.split(' '));
        assert_eq!(ran.code, 0, "{verb}: {}", ran.stderr);
        assert_eq!(format(), 1, "{verb}");
    }
    assert!(sandbox.ok("plan --destroy").stdout.contains("simulated.machine/db-1"), "what is recorded is known");
    sandbox.ok("up -y --allow-destroy db");
    assert_eq!(format(), 2, "who changes something brings it up to date");
}

#[test]
fn a_project_of_an_earlier_version_goes_on_where_it_was_cut_off() {
    let sandbox = Sandbox::with(
        "name: shop
providers: { sim: { driver: simulated, world: ./world.sqlite } }
defaults: { provider: sim }
machines:
  web: { engine: { options: { log-level: warn } } }
  db: { count: 4, engine: false }
",
    );
    let state = sandbox.home().join("state/machine/shop");
    std::fs::create_dir_all(&state).expect("a folder");
    std::fs::copy(corpus("store-1.sqlite"), state.join("store.sqlite")).expect("a copy");
    std::fs::copy(corpus("world.sqlite"), sandbox.project().join("world.sqlite")).expect("a copy");
    sandbox.ok("up -y");
    sandbox.assert_converged();
    sandbox.ok("destroy -y");
    assert_eq!(sandbox.files("state"), Vec::<String>::new());
}
