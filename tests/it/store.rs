//! The store keeps what it was told and refuses what it cannot trust.

use libmachine::attributes;
use libmachine::resource::Parent;
use libmachine::store::{Error, Holder, Lock, Operation, Record, Sqlite, Store, Transition};
use tempfile::TempDir;

use crate::support::thing::id;

fn record() -> Record {
    Record {
        attributes: attributes! {"cpus": 2},
        parents: vec![Parent::within(id("host/web")), Parent::after(id("key/p"))],
        token: "t".to_owned(),
        realm: Some("sim".to_owned()),
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("deep/store.sqlite");
    let store = Sqlite::open(&path).expect("a new store");
    let begin = Transition::Begin { id: id("vm/a"), operation: Operation::Create, token: "t".to_owned(), realm: None };
    store.write(begin).await.expect("written");
    store.write(Transition::Hold { id: id("vm/b"), record: record() }).await.expect("written");
    drop(store);

    let recorded = Sqlite::open(&path).expect("the same store").load().await.expect("readable");
    assert_eq!(recorded.intents[&id("vm/a")].operation, "create");
    assert_eq!(recorded.records[&id("vm/b")], record());
    assert!(recorded.remembers(&id("vm/a")) && recorded.remembers(&id("vm/b")));
}

#[tokio::test]
async fn holding_ends_the_intent_and_going_ends_the_record() {
    let folder = TempDir::new().expect("a folder");
    let store = Sqlite::open(&folder.path().join("s")).expect("a new store");
    let begin = Transition::Begin { id: id("vm/a"), operation: Operation::Create, token: "t".to_owned(), realm: None };
    store.write(begin).await.expect("written");
    store.write(Transition::Hold { id: id("vm/a"), record: record() }).await.expect("written");
    let recorded = store.load().await.expect("readable");
    assert!(recorded.intents.is_empty() && recorded.records.len() == 1);
    store.write(Transition::Gone { id: id("vm/a") }).await.expect("written");
    assert_eq!(store.load().await.expect("readable"), libmachine::store::Recorded::default());
}

#[tokio::test]
async fn a_failed_operation_keeps_its_intent() {
    let folder = TempDir::new().expect("a folder");
    let store = Sqlite::open(&folder.path().join("s")).expect("a new store");
    let begin = Transition::Begin { id: id("vm/a"), operation: Operation::Create, token: "t".to_owned(), realm: None };
    store.write(begin).await.expect("written");
    store.write(Transition::Fail { id: id("vm/a"), message: "no".to_owned() }).await.expect("written");
    assert!(store.load().await.expect("readable").intents.contains_key(&id("vm/a")));
}

#[test]
fn a_file_cut_anywhere_is_an_error_with_a_way_out_and_never_an_empty_store() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    drop(Sqlite::open(&path).expect("a new store"));
    let whole = std::fs::read(&path).expect("a file");
    for length in [0, 1, 15, 16, 50, 99] {
        let cut = folder.path().join(format!("cut-{length}"));
        std::fs::write(&cut, &whole[..length]).expect("a shorter file");
        let error = Sqlite::open(&cut).expect_err("cut files are refused");
        assert!(matches!(error, Error::Damaged { .. }), "{length}: {error}");
        assert!(error.hint().expect("a way out").contains("nothing is made twice"));
    }
}

#[tokio::test]
async fn the_log_of_a_store_that_was_moved_away_is_not_replayed_into_the_next() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    let store = Sqlite::open(&path).expect("a new store");
    store.write(Transition::Hold { id: id("vm/a"), record: record() }).await.expect("written");
    assert!(folder.path().join("s-wal").exists(), "what was written is still in the log");
    std::fs::rename(&path, folder.path().join("moved")).expect("moved away, as the hint says");
    let fresh = Sqlite::open(&path).expect("a new store");
    assert_eq!(fresh.load().await.expect("readable"), libmachine::store::Recorded::default());
}

#[test]
fn a_store_of_a_newer_version_is_refused_by_name() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    drop(Sqlite::open(&path).expect("a new store"));
    let database = rusqlite::Connection::open(&path).expect("SQLite");
    database.execute_batch("PRAGMA user_version = 99").expect("written");
    drop(database);
    assert!(matches!(Sqlite::open(&path), Err(Error::Newer { found: 99, .. })));
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("lock");
    let held = Lock::take(&path, &Holder("anna, pid 7".to_owned())).expect("free");
    let error = Lock::take(&path, &Holder("ben".to_owned())).expect_err("held");
    assert_eq!(error.to_string(), "another run is changing this project: anna, pid 7");
    drop(held);
    Lock::take(&path, &Holder("ben".to_owned())).expect("free again");
}
