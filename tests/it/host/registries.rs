//! Logins at registries.

use std::collections::BTreeMap;

use libmachine::desired::{Registry, Secret};
use libmachine::resource::Observation;
use libmachine::value::{Path, json};

use super::{FACTS, World, facts, machine, said};

const WRITE: &str = "Writes the logins";

/// `bob:hunter2` and `eve:x`.
const BOB: &str = "Ym9iOmh1bnRlcjI=";
const EVE: &str = "ZXZlOng=";

fn world(password: Secret) -> World {
    let at = Path::parse("machines.web.registries");
    let registry = Registry { address: "reg.example:5000".into(), username: "bob".into(), password, at };
    World::of(
        &libmachine::desired::Machine { registries: vec![registry], ..machine(None, &json!({})) },
        &BTreeMap::new(),
    )
}

fn literal() -> World {
    world(Secret::Literal("hunter2".into()))
}

fn there(login: &str, ours: &str) -> String {
    format!(
        "\n\x1elogins\n{{\"auths\":{{\"reg.example:5000\":{{\"auth\":\"{login}\"}},\"other.example\":{{\"auth\":\"{EVE}\"}}}},\"detachKeys\":\"ctrl-e\"}}\n\
         \n\x1eregistries\n{ours}\n"
    )
}

#[tokio::test]
async fn a_login_is_written_beside_those_of_others_and_seen_nowhere() {
    let world = literal();
    world.script.answer(FACTS, facts(&there("", "").replace("\"reg.example:5000\":{\"auth\":\"\"},", "")));
    world.present("host").await;
    assert_eq!(world.read("host.registries").await, Observation::Absent);
    world.script.answer(WRITE, said(0, ""));
    let resource = world.get("host.registries");
    let made = resource.create(&world.cx).await.unwrap();
    let asked = &world.script.asked_for(WRITE)[0];
    let file = asked.lines().last().unwrap();
    assert!(asked.contains(&format!("machine {} reg.example:5000\n{{", file.len())), "{asked}");
    assert_eq!(
        file,
        format!(
            "{{\"auths\":{{\"other.example\":{{\"auth\":\"{EVE}\"}},\"reg.example:5000\":{{\"auth\":\"{BOB}\"}}}},\"detachKeys\":\"ctrl-e\"}}"
        )
    );
    assert_eq!(json!(made), json!({ "logins": { "reg.example:5000": "bob" } }));

    world.script.answer(FACTS, facts(&there(BOB, "reg.example:5000")));
    assert_eq!(world.changes("host.registries").await, []);
    let told = format!("{:?}{made:?}{:?}", world.resources, world.read("host.registries").await);
    assert!(!told.contains("hunter2") && !told.contains(BOB), "{told}");
}

#[tokio::test]
async fn another_password_or_user_is_noticed_and_none_is_told() {
    let world = literal();
    for (login, told) in [(EVE, "eve"), ("Ym9iOm9sZA==", "bob with another password")] {
        world.script.answer(FACTS, facts(&there(login, "reg.example:5000")));
        let seen = world.present("host.registries").await;
        assert_eq!(seen["logins"]["reg.example:5000"], told);
        assert_eq!(world.changes("host.registries").await.len(), 1);
    }
}

#[tokio::test]
async fn a_password_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["sh", "-c", "echo asked >>asked; echo hunter2"].map(str::to_owned).to_vec();
    let world = world(Secret::Command { words, folder: folder.path().to_owned() });
    world.script.answer(FACTS, facts(&there(BOB, "reg.example:5000")));
    assert_eq!(world.changes("host.registries").await, []);
    assert_eq!(world.changes("host.registries").await, []);
    assert_eq!(std::fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n");
}

#[tokio::test]
async fn a_password_that_cannot_be_had_is_no_reason_to_log_out() {
    let world = world(Secret::Variable("MACHINE_TEST_NO_SUCH_VARIABLE".into()));
    world.script.answer(FACTS, facts(&there(BOB, "reg.example:5000")));
    world.present("host").await;
    let expected = "the password of registry reg.example:5000: variable `MACHINE_TEST_NO_SUCH_VARIABLE` is not set";
    assert_eq!(world.read("host.registries").await, Observation::Unreadable(expected.into()));
}

#[tokio::test]
async fn a_login_that_left_the_machinefile_is_taken_back_and_others_stay() {
    let world = World::with(None, &json!({}));
    world.script.answer(FACTS, facts(&there(BOB, "reg.example:5000")));
    world.present("host").await;
    let contents = world.get("host").contents().unwrap();
    let page = contents.list(&world.cx, None).await.unwrap();
    let found = page.found.iter().find(|found| found.id.kind() == "host.registries").unwrap();
    world.script.answer(WRITE, said(0, ""));
    contents.revive(found).unwrap().delete(&world.cx).await.unwrap();
    let asked = &world.script.asked_for(WRITE)[0];
    assert!(asked.contains("other.example") && !asked.lines().last().unwrap().contains("reg.example"), "{asked}");
}

#[tokio::test]
async fn a_login_that_nobody_would_look_at_is_refused() {
    let world = literal();
    world.script.answer(FACTS, facts("\n\x1elogins\n{\"credsStore\":\"pass\"}\n"));
    world.present("host").await;
    let failure = world.get("host.registries").create(&world.cx).await.unwrap_err();
    assert_eq!(failure.message, "logins at reg.example:5000 are asked from `docker-credential-pass` on web");
}
