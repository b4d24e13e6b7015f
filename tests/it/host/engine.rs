//! What an engine goes by, against a machine that answers from a script.

use libmachine::resource::{Disruption, Impact, Observation};
use libmachine::transport::Error;
use libmachine::value::json;

use super::{APPLY, CONFIRM, FACTS, World, facts, machine, said, with_options};
use std::collections::BTreeMap;

/// From the next change on its file says this, and the engine has read it.
fn swapped(world: &World, options: &str) {
    world.script.answer(APPLY, said(0, ""));
    world.script.answer(CONFIRM, said(0, ""));
    *world.script.after.lock().unwrap() = Some((CONFIRM, FACTS, with_options(options, "")));
}

#[tokio::test]
async fn an_option_that_left_the_machinefile_is_taken_back() {
    let world = World::with(None, &json!({ "dns": ["9.9.9.9"] }));
    let restart = || Impact::InPlace(Disruption::Restart, Some("restarts the engine, 3 containers restart".to_owned()));
    let expected = [("options.dns".to_owned(), restart()), ("options.labels".to_owned(), restart())];
    assert_eq!(world.changes("engine.daemon").await, expected);
}

#[tokio::test]
async fn options_are_put_in_force_together_with_those_made_by_hand() {
    let world = World::with(None, &json!({ "labels": ["a=b"], "max-concurrent-downloads": 5 }));
    let reload = Impact::InPlace(Disruption::Reload, Some("reloads the engine".to_owned()));
    assert_eq!(world.changes("engine.daemon").await, [("options.max-concurrent-downloads".to_owned(), reload)]);
    swapped(&world, "{\"mtu\":1400,\"labels\":[\"a=b\"],\"max-concurrent-downloads\":5}");
    world.update("engine.daemon").await.unwrap();
    let script = &world.script.asked_for(APPLY)[0];
    assert!(script.starts_with("sh -s -- reload t-"), "{script}");
    let (new, rest) = script.split_once("either=").unwrap();
    assert!(new.contains("\"mtu\": 1400") && new.contains("\"max-concurrent-downloads\": 5"));
    assert!(!rest.contains("mtu"), "what was made by hand is not remembered as ours");
}

#[tokio::test]
async fn a_secret_in_an_option_reaches_the_engine_and_is_seen_nowhere_else() {
    let options = json!({ "labels": ["a=b"], "log-opts": { "splunk-token": "hunter2", "tag": "x" },
        "proxies": { "http-proxy": "http://u:hunter3@proxy:3128" } });
    let world = World::with(None, &options);
    let daemon = world.get("engine.daemon");
    let shown = json!(daemon.desired()).to_string() + &json!(world.present("engine.daemon").await).to_string();
    assert!(shown.contains("http://u:***@proxy:3128 (sha256:") && !shown.contains("hunter"), "{shown}");
    swapped(&world, &options.to_string());
    world.update("engine.daemon").await.unwrap();
    let script = &world.script.asked_for(APPLY)[0];
    let (new, rest) = script.split_once("either=").unwrap();
    assert!(new.contains("\"splunk-token\": \"hunter2\"") && new.contains("http://u:hunter3@proxy:3128"), "{new}");
    assert!(!new.contains("sha256") && rest.contains("hunter2"), "{script}");
}

#[tokio::test]
async fn a_refused_option_is_named() {
    let world = World::with(None, &json!({ "labels": ["a=b"], "dns": ["9.9.9"] }));
    world.present("engine.daemon").await;
    world.script.answer(APPLY, said(10, "unable to configure the Docker daemon: 9.9.9 is not an ip address: dns\n"));
    let failure = world.update("engine.daemon").await.unwrap_err();
    assert_eq!(failure.message, "the engine refuses option `dns`; nothing was changed");
    assert_eq!(failure.detail.len(), 1);
}

#[tokio::test]
async fn options_of_an_engine_that_left_the_machinefile_are_taken_back() {
    let world = World::with(None, &json!({}));
    world.present("host").await;
    let source = world.get("host").contents().unwrap();
    let found = source.list(&world.cx, None).await.unwrap().found;
    swapped(&world, "{\"mtu\":1400}");
    source.revive(&found[0]).unwrap().delete(&world.cx).await.unwrap();
    let script = &world.script.asked_for(APPLY)[0];
    let (new, rest) = script.split_once("either=").unwrap();
    assert!(new.contains("\"mtu\": 1400") && !new.contains("labels"), "{new}");
    assert!(rest.contains("ours='{}'"), "{rest}");
}

#[tokio::test]
async fn a_daemon_json_that_is_not_json_is_not_overwritten() {
    let world = World::with(None, &json!({ "dns": ["9.9.9.9"] }));
    world.script.answer(FACTS, said(0, "\n\x1edaemon.json\n{ nearly\n\n\x1eend\n"));
    assert!(matches!(world.read("engine.daemon").await, Observation::Unreadable(why) if why.contains("is not JSON")));
    assert!(world.get("engine.daemon").update(&world.cx, &[]).await.is_err());
    assert!(world.script.asked_for(APPLY).is_empty());
}

#[tokio::test]
async fn an_option_that_the_engine_there_does_not_know_is_refused_in_the_plan() {
    let world = World::with(None, &json!({ "labels": ["a=b"], "firewall-backend": "iptables" }));
    let why = "engine 26.1.5: engines before 29.0 have no option `firewall-backend`; take it out, or ask for a newer engine: \
               `version: \"29.0\"`";
    assert_eq!(
        world.changes("engine.daemon").await,
        [("options.firewall-backend".to_owned(), Impact::Refused(why.to_owned()))]
    );
    let failure = world.get("engine.daemon").create(&world.cx).await.unwrap_err();
    assert_eq!(failure.message, format!("{why}; nothing was changed"));
    assert!(world.script.asked_for(APPLY).is_empty());
    let upgraded = World::with(Some("29.0"), &json!({ "labels": ["a=b"], "firewall-backend": "iptables" }));
    let changes = upgraded.changes("engine.daemon").await;
    assert!(matches!(changes[0].1, Impact::InPlace(Disruption::Restart, _)), "the upgrade comes first: {changes:?}");
}

#[tokio::test]
async fn an_option_that_stands_in_the_file_and_is_not_in_force_is_put_in_force() {
    let world = World::with(None, &json!({ "labels": ["a=b"], "dns": ["9.9.9.9"] }));
    let edited = "{\"mtu\":1400,\"labels\":[\"a=b\"],\"dns\":[\"9.9.9.9\"]}";
    let run = "\n\x1erun\nab\nab\n100\n200\n\n\x1eloaded.json\n{\"labels\":[\"a=b\"]}\n";
    world.script.answer(FACTS, with_options(edited, run));
    let changes = world.changes("engine.daemon").await;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].0 == "options.dns" && matches!(changes[0].1, Impact::InPlace(Disruption::Restart, _)));
    world.script.answer(APPLY, said(0, ""));
    world.script.answer(CONFIRM, said(0, ""));
    let failure = world.update("engine.daemon").await.unwrap_err();
    assert_eq!(failure.message, "the engine does not go by `options.dns`: it says nothing of it");
    assert!(world.script.asked_for(APPLY)[0].starts_with("sh -s -- restart "));
}

#[tokio::test]
async fn labels_that_a_reload_by_hand_brought_are_taken_back() {
    let world = World::with(None, &json!({ "labels": ["a=b"] }));
    let info = "\n\x1einfo\n{\"ServerVersion\":\"26.1.5\",\"Labels\":[\"x=y\"]}\n";
    let run = "\n\x1erun\nab\nab\n100\n200\n\n\x1eloaded.json\n{\"labels\":[\"a=b\"]}\n";
    world.script.answer(FACTS, facts(&format!("{info}{run}")));
    let seen = world.present("engine.daemon").await;
    assert_eq!(seen["options"], json!({ "labels": ["x=y"] }));
    assert_eq!(seen["by-hand"], json!({ "mtu": 1400 }));
}

#[tokio::test]
async fn variables_are_what_the_engine_runs_with() {
    let mut machine = machine(None, &json!({ "labels": ["a=b"] }));
    let engine = machine.engine.as_mut().unwrap();
    engine.env = BTreeMap::from([("GODEBUG".to_owned(), "x509negativeserial=1".to_owned())]);
    engine.proxy.http = Some("http://u:hunter2@proxy:3128".to_owned());
    engine.proxy.no_proxy = vec![".example".to_owned(), "10.85.0.0/16".to_owned()];
    let world = World::of(&machine, &BTreeMap::new());
    let paths: Vec<_> = world.changes("engine.daemon").await.into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["env.GODEBUG", "env.HTTP_PROXY", "env.NO_PROXY"]);
    let file = "\n\x1eenvironment\nGODEBUG=\"x509negativeserial=1\"\nHTTP_PROXY=\"http://u:hunter2@proxy:3128\"\n\
                NO_PROXY=\".example,10.85.0.0/16\"\n";
    world.script.answer(FACTS, facts(file));
    assert_eq!(world.changes("engine.daemon").await.len(), 3, "the engine has not been restarted since");
    let run = "\n\x1eenviron\nPATH=/bin\nGODEBUG=x509negativeserial=1\nHTTP_PROXY=http://u:hunter2@proxy:3128\n\
               NO_PROXY=.example,10.85.0.0/16\n";
    world.script.answer(FACTS, facts(&format!("{file}{run}")));
    assert_eq!(world.changes("engine.daemon").await, []);
    let seen = json!(world.present("engine.daemon").await).to_string();
    assert!(!seen.contains("hunter2"), "{seen}");
    world.script.answer(super::INSTALL, said(0, ""));
    world.get("engine.package").create(&world.cx).await.unwrap();
    let install = &world.script.asked_for(super::INSTALL)[0];
    assert!(
        install.contains("export HTTP_PROXY=http://u:hunter2@proxy:3128 http_proxy=http://u:hunter2@"),
        "{install}"
    );
}

#[tokio::test]
async fn until_a_change_is_confirmed_what_was_before_it_counts() {
    let world = World::with(None, &json!({ "labels": ["a=b"], "max-concurrent-downloads": 5 }));
    world.script.answer(FACTS, facts("\n\x1epending\nrestart\n"));
    let changes = world.changes("engine.daemon").await;
    assert_eq!(changes[0].0, "options.max-concurrent-downloads");
    assert!(matches!(changes[0].1, Impact::InPlace(Disruption::Restart, _)), "what was tried may still be in force");
    swapped(&world, "{\"mtu\":1400,\"labels\":[\"a=b\"],\"max-concurrent-downloads\":5}");
    world.update("engine.daemon").await.unwrap();
    assert!(world.script.asked_for(APPLY)[0].starts_with("sh -s -- restart t-"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_cannot_be_reached_anew_is_told_to_go_back_by_itself() {
    let world = World::with(None, &json!({ "labels": ["a=b"], "bip": "10.85.0.1/16" }));
    world.present("engine.daemon").await;
    world.script.answer(APPLY, said(0, ""));
    let silence = Error::Unreachable { address: "127.0.0.1:1".into(), why: "no answer within 10 s".into() };
    world.script.refuse(CONFIRM, silence);
    let failure = world.update("engine.daemon").await.unwrap_err();
    assert!(failure.message.starts_with("the machine cannot be reached with these options of the engine"), "{failure}");
    let hint = "the machine goes back to what was before by itself, 150 s after the change began";
    assert_eq!(failure.hint.as_deref(), Some(hint));
    assert_eq!(failure.retry, libmachine::resource::Retry::Never);
    world.script.answer(CONFIRM, said(10, ""));
    let late = world.update("engine.daemon").await.unwrap_err();
    assert!(late.message.contains("took the engine's options back"), "{late}");
}

#[tokio::test]
async fn an_engine_that_does_not_start_with_the_machine_is_enabled_without_a_restart() {
    let world = World::with(None, &json!({ "labels": ["a=b"] }));
    world.script.answer(FACTS, facts("\n\x1eunit\nactive\ndisabled\n"));
    let text = Some("starts the engine with the machine".to_owned());
    assert_eq!(world.changes("engine.daemon").await, [("enabled".to_owned(), Impact::InPlace(Disruption::None, text))]);
    world.script.answer(APPLY, said(0, ""));
    *world.script.after.lock().unwrap() = Some((APPLY, FACTS, facts("\n\x1eunit\nactive\nenabled\n")));
    world.update("engine.daemon").await.unwrap();
    assert!(world.script.asked_for(APPLY)[0].starts_with("sh -s -- enable "));
    assert!(world.script.asked_for(CONFIRM).is_empty(), "there is nothing to go back to");
}
