//! An update makes the changes of its step and no others.

use std::collections::BTreeSet;

use libmachine::reconcile::{Converged, Goal};
use libmachine::resource::{Context, Observation, Resource, diff};
use libmachine::value::Attributes;
use rusqlite::Connection;

use crate::support::home::{Home, context};
use crate::support::mortal::Fate;
use crate::support::world::World;

const PROJECT: &str = "name: shop
providers: { sim: { driver: simulated, world: ./world.sqlite } }
defaults: { provider: sim, engine: { options: { debug: false, labels: [a=b] } } }
machines:
  web: { ports: ['8080:80', '8081:81'], protect: true, tags: { tier: work }, resources: { disks: { data: { allocation: 1GB } } } }
compose:
  site: { on: web, files: [compose.yaml] }
";

async fn seen(resource: &dyn Resource, cx: &Context) -> Attributes {
    match resource.read(cx).await {
        Observation::Present(attributes) => attributes,
        other => panic!("{}: {other:?}", resource.id()),
    }
}

/// Makes every attribute of everything differ from what is asked for.
fn disturb(home: &Home) {
    let world = Connection::open(home.path().join("world.sqlite")).expect("a world");
    for (id, attributes) in home.objects() {
        let mut attributes: Attributes = serde_json::from_str(&attributes).expect("a map");
        for (_, value) in attributes.iter_mut().filter(|(name, _)| *name != "parents") {
            *value = "disturbed".into();
        }
        let text = serde_json::to_string(&attributes).expect("a map");
        world.execute("UPDATE objects SET attributes = ?2 WHERE id = ?1", [id, text]).expect("the table");
    }
}

#[test]
fn what_differs_beside_the_changes_of_a_step_stays_as_it_is() {
    let home = Home::new();
    let made = home.run(PROJECT, Goal::Up, &Fate::immortal());
    assert!(matches!(made, Some(Converged::Fully { changed: true })), "{made:?}");
    disturb(&home);
    let (owner, catalog) = home.project(PROJECT);
    let cx = context(owner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut kinds = BTreeSet::new();
    for resource in catalog.resources.iter().filter(|resource| resource.realm().is_some()) {
        runtime.block_on(change_one_by_one(resource.as_ref(), &cx));
        kinds.insert(resource.id().kind().to_owned());
    }
    assert!(kinds.len() >= 6, "{kinds:?}");
}

async fn change_one_by_one(resource: &dyn Resource, cx: &Context) {
    loop {
        let differing = diff(resource.desired(), &seen(resource, cx).await);
        let Some(first) = differing.first() else { break };
        resource.update(cx, std::slice::from_ref(first)).await.expect("an update");
        let left = diff(resource.desired(), &seen(resource, cx).await);
        assert_eq!(left, differing[1..], "{} after {}", resource.id(), first.path);
    }
}

#[test]
fn the_step_that_lifts_the_protection_changes_nothing_else() {
    let text = "defaults: { provider: sim, engine: false }\n\
                machines: { db: { protect: true, image: debian-12, resources: { cpus: 1 } } }\n";
    let world = World::with(text);
    world.converge();
    world.rewrite(&text.replace("true", "false").replace("debian-12", "debian-13").replace("cpus: 1", "cpus: 4"));
    let up = world.sandbox.run(["up", "-y"]);
    assert_eq!(up.code, 1, "{}", up.stderr);
    let db = &world.contents()["simulated.machine/db"];
    assert!(!db.contains("protect\":true") && db.contains("debian-12") && db.contains("\"cpus\":1"), "{db}");
    world.sandbox.ok("up -y --allow-replace db");
    world.sandbox.assert_converged();
}
