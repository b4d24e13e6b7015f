//! An update makes the changes of its step and no others.

use libmachine::resource::diff;
use libmachine::value::json;

use super::{APPLY, CONFIRM, FACTS, INSTALL, World, facts, said, with_options};

#[tokio::test]
async fn an_update_of_one_option_leaves_the_others_as_they_are() {
    let world = World::with(None, &json!({ "labels": ["c=d"], "max-concurrent-downloads": 5 }));
    let daemon = world.get("engine.daemon");
    let changes = diff(daemon.desired(), &world.present("engine.daemon").await);
    let paths: Vec<_> = changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["options.labels", "options.max-concurrent-downloads"]);
    world.script.answer(APPLY, said(0, ""));
    world.script.answer(CONFIRM, said(0, ""));
    let options = "{\"mtu\":1400,\"labels\":[\"a=b\"],\"max-concurrent-downloads\":5}";
    *world.script.after.lock().unwrap() = Some((CONFIRM, FACTS, with_options(options, "")));
    daemon.update(&world.cx, &changes[1..]).await.unwrap();
    let script = &world.script.asked_for(APPLY)[0];
    assert!(script.starts_with("sh -s -- reload t-"), "{script}");
    assert!(script.contains("a=b") && !script.contains("c=d"), "{script}");
    assert!(script.contains("\"max-concurrent-downloads\": 5"), "{script}");
}

#[tokio::test]
async fn an_engine_whose_version_is_not_to_change_is_not_asked_for_again() {
    let world = World::with(Some("28"), &json!({}));
    world.present("engine.package").await;
    world.script.answer(INSTALL, said(0, ""));
    world.get("engine.package").update(&world.cx, &[]).await.unwrap();
    let asked = &world.script.asked_for(INSTALL)[0];
    assert!(asked.starts_with("sh -s -- 300  docker.io docker-cli docker-compose iptables"), "{asked}");
}

#[tokio::test]
async fn a_package_that_somebody_no_longer_holds_back_is_held_again_and_not_installed() {
    let world = World::with(Some("26.1"), &json!({}));
    world.script.answer(FACTS, facts("\n\x1epackages\ndocker.io installed install 26.1.5+dfsg1-9\n"));
    let changes = world.changes("engine.package").await;
    assert_eq!(changes.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["held"]);
    world.script.answer("apt-mark hold", said(0, ""));
    *world.script.after.lock().unwrap() = Some(("apt-mark hold", FACTS, facts("")));
    world.update("engine.package").await.unwrap();
    assert!(world.script.asked_for("apt-mark hold")[0].starts_with("sh -s -- docker.io\n"));
    assert!(world.script.asked_for(INSTALL).is_empty());
    assert!(world.changes("engine.package").await.is_empty());
}
