//! The store keeps what it was told and refuses what it cannot trust: the same for both back ends.

use std::sync::Arc;
use std::time::Duration;

use libmachine::attributes;
use libmachine::resource::Parent;
use libmachine::store::{Claim, Error, Holder, Operation, Place, Record, Recorded, Store, Transition};

use crate::support::backend::Backend;
use crate::support::thing::id;

fn record() -> Record {
    Record {
        attributes: attributes! {"cpus": 2, "text": "zero \u{0} and ünicode"}.into(),
        parents: vec![Parent::within(id("host/web")), Parent::after(id("key/p"))],
        token: "t".to_owned(),
        realm: Some("sim".to_owned()),
    }
}

fn begin(resource: &str) -> Transition {
    Transition::Begin { id: id(resource), operation: Operation::Create, token: "t".to_owned(), realm: None }
}

fn hold(resource: &str) -> Transition {
    Transition::Hold { id: id(resource), record: record() }
}

async fn claim(place: &Place) -> Result<Claim, Error> {
    place.claim(&Holder::this("machine test"), Duration::ZERO, |_, _| ()).await
}

async fn claimed(place: &Place) -> Claim {
    claim(place).await.expect("nobody has it")
}

async fn write(store: &Arc<dyn Store>, transition: Transition) {
    store.write(transition).await.expect("written");
}

async fn load(place: &Place) -> Recorded {
    place.look().await.expect("readable").expect("a store").load().await.expect("readable")
}

#[tokio::test]
async fn looking_makes_no_store() {
    for backend in Backend::all() {
        assert!(backend.place().look().await.expect("readable").is_none());
        assert!(backend.place().look().await.expect("readable").is_none(), "not by the first look either");
        assert!(!backend.folder.path().join("shop").exists());
        assert_eq!(backend.place().vault().get("key").await.expect("readable"), None);
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    for backend in Backend::all() {
        let run = claimed(&backend.place()).await;
        write(&run.store, begin("vm/a")).await;
        write(&run.store, hold("vm/b")).await;
        drop(run);
        let recorded = load(&backend.place()).await;
        assert_eq!(recorded.intents[&id("vm/a")].operation, "create");
        assert_eq!(recorded.records[&id("vm/b")], record());
        assert!(recorded.remembers(&id("vm/a")) && recorded.remembers(&id("vm/b")));
    }
}

#[tokio::test]
async fn holding_ends_the_intent_and_going_ends_the_record() {
    for backend in Backend::all() {
        let run = claimed(&backend.place()).await;
        write(&run.store, begin("vm/a")).await;
        write(&run.store, hold("vm/a")).await;
        let recorded = run.store.load().await.expect("readable");
        assert!(recorded.intents.is_empty() && recorded.records.len() == 1);
        write(&run.store, Transition::Gone { id: id("vm/a") }).await;
        assert_eq!(run.store.load().await.expect("readable"), Recorded::default());
    }
}

#[tokio::test]
async fn a_failed_operation_keeps_its_intent() {
    for backend in Backend::all() {
        let run = claimed(&backend.place()).await;
        write(&run.store, begin("vm/a")).await;
        write(&run.store, Transition::Fail { id: id("vm/a"), message: "no \u{0}".to_owned() }).await;
        assert!(run.store.load().await.expect("readable").intents.contains_key(&id("vm/a")));
    }
}

#[tokio::test]
async fn writes_that_wait_together_are_all_kept_in_order() {
    for backend in Backend::all() {
        let run = claimed(&backend.place()).await;
        let writes = (0..2500).flat_map(|number| [begin(&format!("vm/m{number}")), hold(&format!("vm/m{number}"))]);
        let store = &run.store;
        let all = futures_util::future::join_all(writes.map(|transition| store.write(transition))).await;
        assert!(all.iter().all(Result::is_ok));
        let recorded = load(&backend.place()).await;
        assert_eq!((recorded.records.len(), recorded.intents.len()), (2500, 0));
    }
}

#[tokio::test]
async fn projects_in_one_place_do_not_see_each_other() {
    for backend in Backend::all() {
        let (shop, other) = (backend.place(), backend.place_of("other"));
        let (run, beside) = (claimed(&shop).await, claimed(&other).await);
        write(&run.store, hold("vm/a")).await;
        assert_eq!(beside.store.load().await.expect("readable"), Recorded::default());
        other.clear().await;
        assert_eq!(run.store.load().await.expect("readable").records.len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_project_that_was_cleared() {
    for backend in Backend::all() {
        let place = backend.place();
        let run = claimed(&place).await;
        write(&run.store, hold("vm/a")).await;
        write(&run.store, begin("vm/b")).await;
        place.vault().add("key", b"secret").await.expect("written");
        place.clear().await;
        run.release().await;
        let again = claimed(&backend.place()).await;
        assert_eq!(again.store.load().await.expect("readable"), Recorded::default());
        assert_eq!(backend.place().vault().get("key").await.expect("readable"), None);
    }
}

#[tokio::test]
async fn a_second_writer_is_told_who_holds_the_project_and_has_it_when_the_first_ends() {
    for backend in Backend::all() {
        let first = claimed(&backend.place()).await;
        let error = claim(&backend.place()).await.expect_err("held");
        let text = error.to_string();
        let process = format!("process {}, since 0 s", std::process::id());
        for part in ["another run is changing this project: `machine test` of ", " on ", &process] {
            assert!(text.replace(", since 1 s", ", since 0 s").contains(part), "{text}");
        }
        assert!(error.hint().expect("a way out").contains("--lock-wait"));
        first.release().await;
        claimed(&backend.place()).await.release().await;
    }
}

#[tokio::test]
async fn who_waits_is_told_for_whom_and_goes_on_by_itself() {
    for backend in Backend::all() {
        let first = claimed(&backend.place()).await;
        let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let place = backend.place();
        let second = tokio::spawn(async move {
            let waiting = |other: Option<&Holder>, _| _ = told.send(other.cloned());
            place.claim(&Holder::this("machine up"), Duration::from_mins(1), waiting).await
        });
        let other = hears.recv().await.expect("a word").expect("a name");
        assert_eq!(other.command, "machine test");
        first.release().await;
        second.await.expect("no panic").expect("its turn").release().await;
    }
}

#[tokio::test]
async fn a_run_that_is_gone_without_a_word_is_no_obstacle() {
    for backend in Backend::all() {
        drop(claimed(&backend.place()).await);
        claimed(&backend.place()).await.release().await;
    }
}

#[tokio::test]
async fn what_a_run_writes_after_it_lost_the_project_is_rejected() {
    for backend in Backend::all() {
        let first = claimed(&backend.place()).await;
        write(&first.store, begin("vm/a")).await;
        take_over(&backend).await;
        for transition in [hold("vm/a"), begin("vm/b")] {
            let error = first.store.write(transition).await.expect_err("too late");
            assert!(matches!(error, Error::Fenced(Some(_))), "{error}");
            assert!(error.to_string().contains("`machine other`"), "{error}");
        }
        let recorded = load(&backend.place()).await;
        assert!(recorded.records.is_empty() && recorded.intents.len() == 1, "{recorded:?}");
    }
}

/// As another run does that was told the first is gone.
async fn take_over(backend: &Backend) {
    let holder = Holder::this("machine other");
    match backend.place() {
        Place::Folder(folder) => {
            let other = libmachine::store::Sqlite::open(&folder.join("store.sqlite")).expect("the same store");
            other.claim(&holder).await.expect("taken");
        }
        Place::Shared(postgres) => {
            let text = serde_json::to_string(&holder).expect("JSON");
            backend.query(&format!("UPDATE machine.projects SET fence = fence + 1, holder = '{text}'"));
            drop(postgres);
        }
    }
}

#[tokio::test]
async fn a_secret_is_kept_until_it_is_replaced_or_removed() {
    for backend in Backend::all() {
        let run = claimed(&backend.place()).await;
        let vault = backend.place().vault();
        assert_eq!(vault.get("key").await.expect("readable"), None);
        vault.add("key", b"one\0\xff").await.expect("written");
        vault.add("key", b"two").await.expect("not written, and no error");
        assert_eq!(vault.get("key").await.expect("readable").as_deref(), Some(&b"one\0\xff"[..]));
        vault.replace("key", b"three").await.expect("written");
        assert_eq!(backend.place().vault().get("key").await.expect("readable").as_deref(), Some(&b"three"[..]));
        vault.remove("key").await.expect("removed");
        vault.remove("key").await.expect("gone already");
        assert_eq!(vault.get("key").await.expect("readable"), None);
        run.release().await;
    }
}

#[tokio::test]
async fn who_may_only_read_can_look() {
    let backend = Backend::postgres();
    let claim = claimed(&backend.place()).await;
    write(&claim.store, hold("vm/web")).await;
    let role = format!("reader_{}", std::process::id());
    backend.query(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA machine TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA machine TO {role}"
    ));
    let place = backend.place_for(&role);
    let store = place.look().await.expect("it may look").expect("a store");
    assert_eq!(store.load().await.expect("readable").records.len(), 1);
    assert!(matches!(place.claim(&Holder::this("up"), Duration::ZERO, |_, _| ()).await, Err(Error::Write { .. })));
    backend.query(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_by_name() {
    for backend in Backend::all() {
        claimed(&backend.place()).await.release().await;
        if backend.is_shared() {
            backend.query("UPDATE machine.format SET format = 99");
        } else {
            let path = backend.folder.path().join("shop/store.sqlite");
            let database = rusqlite::Connection::open(path).expect("SQLite");
            database.execute_batch("PRAGMA user_version = 99").expect("written");
        }
        let error = claim(&backend.place()).await.expect_err("too new");
        assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
        assert!(error.hint().expect("a way out").contains("newer `machine`"));
        let looks = match backend.place().look().await {
            Ok(store) => store.expect("a store").load().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(matches!(looks, Err(Error::Newer { .. })));
    }
}
