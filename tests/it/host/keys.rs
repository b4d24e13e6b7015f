//! Whose keys a machine lets in.

use std::collections::BTreeMap;

use libmachine::attributes;
use libmachine::id::ResourceId;
use libmachine::resource::{Disruption, Impact, Observation};
use libmachine::value::json;

use super::{FACTS, World, facts, machine, said};

#[tokio::test]
async fn a_machine_that_lets_your_own_key_in_lets_the_projects_in_too() {
    let mut machine = machine(None, &json!({}));
    machine.ssh.agent = true;
    let world = World::of(&machine, &BTreeMap::new());
    world.script.answer(FACTS, facts("\n\x1eauthorized\nssh-ed25519 MINE me\nssh-ed25519 AAAA another name\n"));
    let out = world.changes("host.access").await;
    assert_eq!(out[0].0, "project-key", "there is no key yet");
    world.cx.outputs.set(ResourceId::new("ssh.key", "shop"), attributes! { "public-key": "ssh-ed25519 AAAA shop" });
    assert_eq!(world.changes("host.access").await, []);

    world.cx.outputs.set(ResourceId::new("ssh.key", "shop"), attributes! { "public-key": "ssh-ed25519 BBBB shop" });
    world.script.answer("authorized_keys\nnew=", said(0, ""));
    world.get("host.access").update(&world.cx, &[]).await.unwrap();
    assert!(world.script.asked_for("authorized_keys\nnew=")[0].contains("ssh-ed25519 BBBB shop"));
}

#[tokio::test]
async fn keys_of_the_machinefile_come_and_go_and_those_of_others_stay() {
    let mut machine = machine(None, &json!({}));
    machine.ssh.authorized_keys = vec!["ssh-ed25519 AAAAaaaaaaaa1111 me".into(), "ssh-rsa BBBBbbbbbbbb2222".into()];
    let world = World::of(&machine, &BTreeMap::new());
    let keys = world.get("host.authorized-keys");
    let there = "\n\x1eauthorized\nssh-ed25519 AAAAaaaaaaaa1111 me\nssh-rsa HAND by hand\n";
    world.script.answer(FACTS, facts(there));
    assert_eq!(
        world.read("host.authorized-keys").await,
        Observation::Absent,
        "the machine does not know yet which are ours"
    );

    world.script.answer("authorized_keys.machine-new", said(0, ""));
    world.cx.outputs.set(ResourceId::new("ssh.key", "shop"), attributes! { "public-key": "ssh-ed25519 OURS shop" });
    keys.create(&world.cx).await.unwrap();
    let asked = &world.script.asked_for("authorized_keys.machine-new")[0];
    assert!(asked.starts_with("sh -s -- ssh-ed25519 OURS shop ssh-ed25519 AAAAaaaaaaaa1111 me ssh-rsa"), "{asked}");

    let granted = "\n\x1egranted\nssh-ed25519 AAAAaaaaaaaa1111 old name\nssh-rsa CCCCcccccccc3333\n";
    world.script.answer(FACTS, facts(&format!("{there}{granted}")));
    let missing = world.changes("host.authorized-keys").await;
    assert_eq!(missing, [("keys.ssh-rsa …bbbbbbbb2222".into(), Impact::InPlace(Disruption::None, None))]);
    let found = world.get("host").contents().unwrap().list(&world.cx, None).await.unwrap().found;
    assert!(found.iter().any(|found| found.id.as_str() == "host.authorized-keys/web"), "{found:?}");
}
