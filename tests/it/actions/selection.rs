//! A part of a project: what it takes in, what it leaves out, what it does not even look at.

use insta::assert_snapshot;
use libmachine::attributes;

use crate::support::thing::{Scene, thing};
use crate::support::world::World;

fn scene() -> Scene {
    Scene::default()
        .wanted(thing("key/shop", attributes! {}))
        .wanted(thing("disk/web.root", attributes! {}))
        .wanted(thing("vm/web", attributes! {}).uses("disk/web.root").after("key/shop"))
        .wanted(thing("engine/web", attributes! {}).within("vm/web"))
        .wanted(thing("vm/db-1", attributes! {"tags": {"tier": "data"}}).after("key/shop"))
        .wanted(thing("vm/db-2", attributes! {"tags": {"tier": "data"}}).after("key/shop"))
}

fn steps(scene: &Scene) -> Vec<String> {
    scene.plan().steps.iter().map(|step| format!("{} {}", step.action.as_str(), step.resource)).collect()
}

#[test]
fn a_target_brings_what_it_needs_and_nothing_else() {
    assert_snapshot!(scene().selecting(&["web"], &[]).printed(), @r"
    limited to web: 2 resources left out
      + disk/web.root create  new
      + key/shop      create  new
      + vm/web        create  new
      + engine/web    create  new

    Plan: 4 to create, 0 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn targets_are_ids_names_patterns_and_tags() {
    let selected = |target: &str| steps(&scene().selecting(&[target], &[]));
    assert_eq!(selected("disk/web.root"), ["create disk/web.root"]);
    assert_eq!(selected("engine/*").len(), 4);
    let both = ["create key/shop", "create vm/db-1", "create vm/db-2"];
    for target in ["db", "db-*", "d?-*", "tag:tier", "tag:tier=data", "vm/db-*"] {
        assert_eq!(selected(target), both, "{target}");
    }
    assert_eq!(selected("tag:tier=web"), Vec::<String>::new());
}

#[test]
fn an_exclusion_takes_along_what_could_not_be_without_it() {
    assert_eq!(
        steps(&scene().selecting(&[], &["vm/web"])),
        ["create disk/web.root", "create key/shop", "create vm/db-1", "create vm/db-2"]
    );
    assert_eq!(steps(&scene().selecting(&["web"], &["key/shop"])), ["create disk/web.root"]);
}

#[test]
fn what_goes_takes_along_what_hangs_on_it_and_an_exclusion_keeps_what_it_needs() {
    let scene = || {
        Scene::default()
            .orphan(thing("disk/web", attributes! {}))
            .orphan(thing("vm/web", attributes! {}).uses("disk/web"))
            .orphan(thing("vm/db", attributes! {}))
    };
    assert_eq!(steps(&scene().selecting(&["disk/web"], &[])), ["delete vm/web", "delete disk/web"]);
    assert_eq!(steps(&scene().selecting(&[], &["vm/web"])), ["delete vm/db"]);
}

#[test]
fn what_only_came_later_does_not_go_with_a_target() {
    let scene = |protected: bool| {
        let db = if protected {
            attributes! {"protect": true}
        } else {
            attributes! {}
        };
        Scene::default()
            .orphan(thing("vm/db", db))
            .orphan(thing("seed/db", attributes! {}))
            .orphan(thing("engine/db", attributes! {}).within("vm/db").after("seed/db"))
            .orphan(thing("vm/web", attributes! {}).after("vm/db"))
            .orphan(thing("vm/cache", attributes! {}).after("engine/db"))
    };
    assert_eq!(steps(&scene(false).selecting(&["db"], &[])), ["delete vm/db", "delete seed/db"]);
    assert_eq!(steps(&scene(true).selecting(&["db"], &[])), ["delete seed/db"; 0]);
    assert_eq!(steps(&scene(false).selecting(&["vm/db"], &[])), ["delete vm/db"]);
    assert_eq!(steps(&scene(false).selecting(&["seed/db"], &[])), ["delete engine/db", "delete seed/db"]);
}

#[test]
fn destroying_a_machine_leaves_those_that_came_after_it() {
    let text = "defaults: { provider: sim }\nmachines: { db: {}, web: { depends-on: [db] } }\n";
    let world = World::with(text);
    world.converge();
    world.sandbox.ok("destroy -y --target db");
    assert_eq!(machines(&world), ["web"]);
    world.converge();
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn nothing_is_taken_from_under_what_was_not_selected() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"image": 2}))
        .seen("disk/web", attributes! {"image": 1})
        .wanted(thing("vm/web", attributes! {}).uses("disk/web"))
        .seen("vm/web", attributes! {})
        .selecting(&["disk/web"], &[]);
    assert_snapshot!(scene.printed(), @r"
    limited to disk/web: 1 resource left out
      ! disk/web blocked: vm/web is built upon it and is not selected

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 1 blocked; 0 resources unchanged.
    ");
}

#[test]
fn what_holds_something_that_was_not_selected_stays_however_deep_that_is() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"image": 2}))
        .seen("vm/web", attributes! {"image": 1})
        .wanted(thing("engine/web", attributes! {}).within("vm/web"))
        .seen("engine/web", attributes! {})
        .wanted(thing("project/site", attributes! {}).within("engine/web"))
        .seen("project/site", attributes! {})
        .selecting(&[], &["project/site"]);
    assert!(scene.plan().steps.is_empty(), "{}", scene.printed());
    assert_eq!(scene.plan().blocked.len(), 2, "{}", scene.printed());
}

#[test]
fn records_outside_the_selection_are_kept() {
    let scene = Scene::default().wanted(thing("vm/web", attributes! {})).recorded("vm/old", attributes! {});
    assert_eq!(scene.plan().forgotten.len(), 1);
    let scene = Scene::default().wanted(thing("vm/web", attributes! {})).recorded("vm/old", attributes! {});
    assert_eq!(scene.selecting(&["web"], &[]).plan().forgotten.len(), 0);
}

const MANY: &str = "defaults: { provider: sim }\nmachines: { web: {}, worker: { count: 3, tags: { tier: work } } }\n";

fn machines(world: &World) -> Vec<String> {
    let all = world.objects();
    all.iter().filter_map(|id| id.strip_prefix("simulated.machine/").map(str::to_owned)).collect()
}

#[test]
fn a_project_can_be_made_and_unmade_in_parts() {
    let world = World::with(MANY);
    let up = world.sandbox.ok("up -y --target worker-2 --target web");
    assert!(up.stderr.contains("limited to worker-2, web"), "{}", up.stderr);
    assert_eq!(machines(&world), ["web", "worker-2"]);
    world.sandbox.ok("up -y --exclude tag:tier=work");
    assert_eq!(machines(&world), ["web", "worker-2"]);
    world.sandbox.ok("up -y --target tag:tier");
    assert_eq!(machines(&world), ["web", "worker-1", "worker-2", "worker-3"]);
    world.sandbox.assert_converged();
    world.sandbox.ok("destroy -y --target worker --exclude worker-1");
    assert_eq!(machines(&world), ["web", "worker-1"]);
    world.sandbox.ok("destroy -y --target engine.daemon/web");
    assert!(machines(&world).contains(&"web".to_owned()));
    assert!(!world.objects().contains(&"engine.daemon/web".to_owned()));
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn a_part_forgets_and_deletes_nothing_outside() {
    let world = World::with(MANY);
    world.converge();
    world.rewrite("defaults: { provider: sim }\nmachines: { web: { resources: { cpus: 4 } } }\n");
    world.sandbox.ok("up -y --target web");
    assert_eq!(machines(&world).len(), 4);
    world.sandbox.ok("up -y --target worker-1 --allow-destroy worker-1");
    assert_eq!(machines(&world), ["web", "worker-2", "worker-3"]);
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn a_target_that_names_nothing_is_an_error_with_a_suggestion() {
    let world = World::with(MANY);
    for command in ["plan", "up -y", "destroy -y"] {
        let wrong = world.sandbox.run(command.split(' ').chain(["--target", "wbe"]));
        assert_eq!(wrong.code, 64, "{}", wrong.stderr);
        assert!(wrong.stderr.contains("`wbe` names nothing of this project"), "{}", wrong.stderr);
        assert!(wrong.stderr.contains("web"), "{}", wrong.stderr);
    }
    assert_eq!(world.sandbox.run(["plan", "--target", "tag:"]).code, 64);
}

#[test]
fn a_plan_for_one_machine_reads_its_neighbourhood_only() {
    let world = World::with(MANY);
    world.converge();
    let damage = "UPDATE objects SET attributes = '{' WHERE id = 'simulated.machine/worker-1'";
    assert_eq!(world.database().execute(damage, []).expect("the table"), 1);
    let all = world.sandbox.run(["plan"]);
    assert!(all.stderr.contains("cannot be listed"), "{}", all.stderr);
    let one = world.sandbox.ok("plan --target web");
    assert!(one.stdout.contains("No changes: 7 resources are"), "{}", one.stdout);
    assert!(!one.stderr.contains("cannot be listed"), "{}", one.stderr);
}
