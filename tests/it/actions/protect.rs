//! Protection stands on the thing itself and outlives what is said of it elsewhere.

use insta::assert_snapshot;
use libmachine::attributes;

use crate::support::thing::{Scene, thing};
use crate::support::world::World;

#[test]
fn what_is_protected_is_not_deleted_and_neither_is_what_it_needs() {
    let scene = Scene::default()
        .orphan(thing("disk/web", attributes! {}))
        .orphan(thing("seed/web", attributes! {}))
        .orphan(thing("vm/web", attributes! {"protect": true}).uses("disk/web").after("seed/web"))
        .orphan(thing("engine/web", attributes! {}).within("vm/web"))
        .orphan(thing("vm/db", attributes! {}));
    assert_snapshot!(scene.printed(), @r"
      - vm/db delete  no longer in the Machinefile
      ! disk/web blocked: vm/web needs it and is protected
      ! seed/web blocked: vm/web needs it and is protected
      ! vm/web blocked: it is protected (`protect: true` is written on it): apply `protect: false` first, or give --allow-destroy web
      ! engine/web blocked: it lives in vm/web, which is protected

    Plan: 0 to create, 0 to change, 0 to replace, 1 to delete, 4 blocked; 0 resources unchanged.
    ");
}

#[test]
fn what_is_protected_does_not_go_with_what_it_lives_in_or_is_built_upon() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"image": 2}))
        .seen("disk/web", attributes! {"image": 1})
        .wanted(thing("vm/web", attributes! {"protect": true}).uses("disk/web"))
        .seen("vm/web", attributes! {"protect": true})
        .orphan(thing("rack/old", attributes! {}))
        .orphan(thing("shelf/old", attributes! {}).within("rack/old"))
        .orphan(thing("vm/old", attributes! {"protect": true}).within("shelf/old"));
    assert!(scene.plan().steps.is_empty(), "{}", scene.printed());
    assert_eq!(scene.plan().blocked.len(), 4, "{}", scene.printed());
}

#[test]
fn the_protection_goes_before_what_it_held_back() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"image": 2}))
        .seen("disk/web", attributes! {"image": 1})
        .wanted(thing("vm/web", attributes! {"protect": null}).uses("disk/web"))
        .seen("vm/web", attributes! {"protect": true});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  not as the Machinefile asks
            protect  true → (none)
      ? disk/web seen once vm/web is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 1 to be seen; 0 resources unchanged.
    ");
}

#[test]
fn the_name_on_the_command_line_lets_it_go() {
    let scene = Scene::default().orphan(thing("vm/web", attributes! {"protect": true})).allowing("web");
    assert_eq!(scene.plan().steps.len(), 1);
}

const PROTECTED: &str = "defaults: { provider: sim, engine: false }\nmachines:\n  db:\n    protect: true\n  web: {}\n";
const WITHOUT: &str = "defaults: { provider: sim, engine: false }\nmachines: { web: {} }\n";

#[test]
fn protection_outlives_the_block_that_declared_it() {
    let world = World::with(PROTECTED);
    world.converge();
    world.rewrite(WITHOUT);
    for command in ["up -y", "destroy -y", "destroy -y --target db"] {
        let refused = world.sandbox.run(command.split(' '));
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
        assert!(refused.stderr.contains("simulated.machine/db: it is protected"), "{command}: {}", refused.stderr);
        assert!(world.objects().contains(&"simulated.machine/db".to_owned()), "{command}");
    }
    for file in world.sandbox.files("state").iter().filter(|file| file.contains("store.sqlite")) {
        std::fs::remove_file(file).expect("removed");
    }
    assert_eq!(world.sandbox.run(["destroy", "-y"]).code, 1, "without our records it is the same");
    world.sandbox.ok("destroy -y --allow-destroy db");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn a_protected_machine_is_not_made_anew_and_the_plan_says_who_asked_for_that() {
    let world = World::with(PROTECTED);
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "protect: true", "protect: true\n    image: debian-12");
    let plan = world.sandbox.ok("plan");
    assert!(plan.stdout.contains("it is protected (`protect: true` in Machinefile.yaml:6)"), "{}", plan.stdout);
    let up = world.sandbox.run(["up", "-y", "--allow-replace", "db"]);
    assert_eq!(up.code, 1, "{}", up.stderr);
    world.sandbox.ok("up -y --allow-destroy db");
    world.sandbox.assert_converged();
}

#[test]
fn protection_that_was_taken_off_no_longer_holds() {
    let world = World::with(PROTECTED);
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "protect: true", "protect: false");
    world.converge();
    world.rewrite(WITHOUT);
    world.sandbox.ok("up -y --allow-destroy db");
    world.sandbox.assert_converged();
}

#[test]
fn a_destroy_spares_what_the_file_has_just_begun_to_protect() {
    let world = World::with("defaults: { provider: sim, engine: false }\nmachines: { db: {} }\n");
    world.converge();
    world.rewrite("defaults: { provider: sim, engine: false }\nmachines: { db: { protect: true } }\n");
    let ran = world.sandbox.run(["destroy", "-y"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(world.objects(), ["simulated.machine/db"]);
    world.sandbox.ok("destroy -y --allow-destroy db");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn what_is_made_on_the_way_waits_for_the_protection_it_takes_away() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"image": 2}))
        .seen("vm/web", attributes! {"image": 1})
        .wanted(thing("disk/web", attributes! {}).within("vm/web"))
        .wanted(thing("data/web", attributes! {"cpus": 2, "protect": null}).uses("disk/web"))
        .seen("data/web", attributes! {"cpus": 1, "protect": true});
    assert_snapshot!(scene.printed(), @r"
      ~ data/web update  not as the Machinefile asks · the rest follows once it is no longer protected
            protect  true → (none)
      ? vm/web seen once data/web is done
      ? disk/web seen once data/web is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 2 to be seen; 0 resources unchanged.
    ");
}

#[test]
fn nothing_is_taken_from_under_what_is_only_just_losing_its_protection() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"image": 2}))
        .seen("vm/web", attributes! {"image": 1})
        .wanted(thing("disk/web", attributes! {}).within("vm/web"))
        .seen("disk/web", attributes! {})
        .wanted(thing("data/web", attributes! {"protect": null}).uses("disk/web"))
        .seen("data/web", attributes! {"protect": true});
    assert_snapshot!(scene.printed(), @r"
      ~ data/web update  not as the Machinefile asks
            protect  true → (none)
      ? vm/web seen once data/web is done
      ? disk/web seen once data/web is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 2 to be seen; 0 resources unchanged.
    ");
}

/// Both would be made anew, and one may not be.
fn web_beside_a_protected_db() -> Scene {
    Scene::default()
        .wanted(thing("vm/db", attributes! {"image": 2, "protect": true}))
        .seen("vm/db", attributes! {"image": 1, "protect": true})
        .wanted(thing("vm/web", attributes! {"image": 2}))
        .seen("vm/web", attributes! {"image": 1})
}

#[test]
fn nothing_is_taken_from_under_what_could_not_follow() {
    let scene = web_beside_a_protected_db()
        .wanted(thing("net/web", attributes! {}).within("vm/web").after("vm/db"))
        .seen("net/web", attributes! {})
        .wanted(thing("data/web", attributes! {}).uses("net/web"))
        .seen("data/web", attributes! {});
    assert_snapshot!(scene.printed(), @r"
      ! vm/db blocked: it is protected (`protect: true` is written on it): apply `protect: false` first, or give --allow-destroy db
      ! vm/web blocked: data/web is built upon it and cannot follow now
      ! net/web blocked: data/web is built upon it and cannot follow now

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 3 blocked; 1 resource unchanged.
    ");
}

#[test]
fn nothing_is_taken_from_under_what_could_not_follow_however_deep_that_lives() {
    let scene = web_beside_a_protected_db()
        .wanted(thing("net/web", attributes! {}).within("vm/web").after("vm/db"))
        .seen("net/web", attributes! {})
        .wanted(thing("disk/web", attributes! {}).within("net/web"))
        .seen("disk/web", attributes! {})
        .wanted(thing("data/web", attributes! {}).uses("disk/web"))
        .seen("data/web", attributes! {});
    let printed = scene.printed();
    assert!(printed.contains("! vm/web blocked: data/web is built upon it and cannot follow now"), "{printed}");
    assert!(printed.contains("Plan: 0 to create, 0 to change, 0 to replace, 0 to delete"), "{printed}");
}

#[test]
fn what_waits_for_something_else_keeps_its_protection_too() {
    let scene = web_beside_a_protected_db()
        .wanted(thing("net/web", attributes! {}).after("vm/db"))
        .wanted(thing("data/web", attributes! {"protect": null}).within("vm/web").after("net/web"))
        .seen("data/web", attributes! {"protect": true});
    assert_snapshot!(scene.printed(), @r"
      ~ data/web update  not as the Machinefile asks
            protect  true → (none)
      ? vm/web seen once data/web is done
      ! vm/db blocked: it is protected (`protect: true` is written on it): apply `protect: false` first, or give --allow-destroy db
      ! net/web blocked: vm/db comes first and is blocked

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 1 to be seen, 2 blocked; 0 resources unchanged.
    ");
}

#[test]
fn protection_that_is_asked_together_with_a_replacement_is_put_on_and_holds() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"image": 2, "protect": true}))
        .seen("vm/web", attributes! {"image": 1});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  not as the Machinefile asks · from now on it is not made anew, so the rest is not done
            protect  (none) → true

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn protection_that_is_asked_together_with_a_replacement_below_it_is_put_on_first() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"image": 2}))
        .seen("disk/web", attributes! {"image": 1})
        .wanted(thing("vm/web", attributes! {"protect": true}).uses("disk/web"))
        .seen("vm/web", attributes! {});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  not as the Machinefile asks
            protect  (none) → true
      ? disk/web seen once vm/web is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 1 to be seen; 0 resources unchanged.
    ");
}

#[test]
fn what_is_protected_is_named_as_the_reason_before_what_only_waits_for_it() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"image": 2}))
        .seen("disk/web", attributes! {"image": 1})
        .wanted(thing("vm/web", attributes! {"protect": true}).uses("disk/web"))
        .seen("vm/web", attributes! {"protect": true})
        .wanted(thing("data/web", attributes! {}).after("disk/web").uses("vm/web"));
    assert_snapshot!(scene.printed(), @r"
      ! disk/web blocked: vm/web needs it and is protected
      ! data/web blocked: disk/web comes first and is blocked

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 2 blocked; 1 resource unchanged.
    ");
}
