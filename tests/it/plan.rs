//! Plans, printed as users see them.

use insta::assert_snapshot;
use libmachine::attributes;
use libmachine::plan::{Drift, Fate};

use crate::support::thing::{Scene, thing};

#[test]
fn what_follows_from_what_it_stands_on_is_not_told_as_changed_without_us() {
    let at = |fills: bool, size: u64| attributes! {"fills-disk": fills, "device-size": size};
    let scene = |seen: u64| {
        let filesystem = thing("filesystem/web", attributes! {"fills-disk": true}).within("disk/web");
        Scene::default()
            .wanted(thing("disk/web", attributes! {"size": 20}))
            .seen("disk/web", attributes! {"size": 20})
            .wanted(filesystem)
            .seen("filesystem/web", at(false, seen))
            .recorded("disk/web", attributes! {"size": 20})
            .recorded("filesystem/web", at(true, 10))
    };
    assert!(scene(10).printed().contains("filesystem/web update  changed without us"), "{}", scene(10).printed());
    let moved = scene(20).drift();
    let [Drift { fate: Fate::Changed(changes), .. }] = &moved[..] else { panic!("{moved:?}") };
    assert_eq!(changes.iter().map(|change| change.path.to_string()).collect::<Vec<_>>(), ["fills-disk"]);
    assert!(
        scene(20).printed().contains("filesystem/web update  not as the Machinefile asks"),
        "{}",
        scene(20).printed()
    );
}

#[test]
fn what_is_as_desired_needs_no_step() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"cpus": 2}))
        .seen("vm/web", attributes! {"cpus": 2, "address": "10.0.0.1"});
    assert_snapshot!(scene.printed(), @"No changes: 1 resource is as the Machinefile asks.");
}

#[test]
fn what_is_absent_is_created_parents_first() {
    let scene = Scene::default()
        .wanted(thing("engine/web", attributes! {}).within("vm/web"))
        .wanted(thing("vm/web", attributes! {"cpus": 2}));
    assert_snapshot!(scene.printed(), @r"
      + vm/web     create  new
      + engine/web create  new

    Plan: 2 to create, 0 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn an_edit_names_the_values_and_what_it_disturbs() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"cpus": 4, "name": "web"}))
        .seen("vm/web", attributes! {"cpus": 2, "name": "web"})
        .recorded("vm/web", attributes! {"cpus": 2, "name": "web"});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  changed in the Machinefile · restarts the machine
            cpus  2 → 4

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn what_others_changed_is_told_from_what_the_file_changed() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"power": "running"}))
        .seen("vm/web", attributes! {"power": "stopped"})
        .recorded("vm/web", attributes! {"power": "running"});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  changed without us
            power  stopped → running

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn a_key_taken_out_of_a_map_is_a_change_to_nothing() {
    let scene = Scene::default()
        .wanted(thing("daemon/web", attributes! {"options": {"debug": true}}))
        .seen("daemon/web", attributes! {"options": {"debug": true, "dns": ["9.9.9.9"]}});
    assert_snapshot!(scene.printed(), @r#"
      ~ daemon/web update  not as the Machinefile asks
            options.dns  ["9.9.9.9"] → (none)

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    "#);
}

#[test]
fn a_replacement_takes_along_what_is_built_upon_it_and_what_lives_inside() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"image": "debian-13"}))
        .seen("disk/web", attributes! {"image": "debian-12"})
        .wanted(thing("vm/web", attributes! {}).uses("disk/web"))
        .seen("vm/web", attributes! {})
        .wanted(thing("engine/web", attributes! {}).within("vm/web"))
        .seen("engine/web", attributes! {})
        .wanted(thing("note/web", attributes! {}).after("vm/web"))
        .seen("note/web", attributes! {});
    assert_snapshot!(scene.printed(), @r"
    -/+ disk/web   replace not as the Machinefile asks
            image  debian-12 → debian-13
    -/+ vm/web     replace disk/web is made anew
      + engine/web create  vm/web is made anew

    These lose data for good:
        disk/web  replace  --allow-replace web

    Plan: 1 to create, 0 to change, 2 to replace, 0 to delete; 1 resource unchanged.
    ");
}

#[test]
fn what_left_the_file_is_deleted_children_first_and_what_lives_inside_goes_along() {
    let scene = Scene::default()
        .orphan(thing("disk/web", attributes! {}))
        .orphan(thing("vm/web", attributes! {}).uses("disk/web"))
        .orphan(thing("engine/web", attributes! {}).within("vm/web"));
    assert_snapshot!(scene.printed(), @r"
      - vm/web   delete  no longer in the Machinefile
            takes along engine/web
      - disk/web delete  no longer in the Machinefile

    Plan: 0 to create, 0 to change, 0 to replace, 2 to delete; 0 resources unchanged.
    ");
}

#[test]
fn what_cannot_be_read_is_blocked_and_never_created() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {}))
        .unreadable("vm/web", "the provider does not answer")
        .wanted(thing("engine/web", attributes! {}).within("vm/web"))
        .unreadable("engine/web", "the provider does not answer");
    assert_snapshot!(scene.printed(), @r"
      ! vm/web blocked: the provider does not answer
      ! engine/web blocked: vm/web comes first and is blocked

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 2 blocked; 0 resources unchanged.
    ");
}

#[test]
fn what_hides_behind_a_stopped_machine_is_seen_in_the_next_round() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"power": "running"}))
        .seen("vm/web", attributes! {"power": "stopped"})
        .wanted(thing("engine/web", attributes! {}).within("vm/web"))
        .unreadable("engine/web", "web is stopped");
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  not as the Machinefile asks
            power  stopped → running
      ? engine/web seen once vm/web is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 1 to be seen; 0 resources unchanged.
    ");
}

#[test]
fn what_lives_in_a_machine_that_reboots_is_looked_at_afterwards() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"cpus": 4}))
        .seen("vm/web", attributes! {"cpus": 2})
        .wanted(thing("host/web", attributes! {"ready": true}).within("vm/web"))
        .seen("host/web", attributes! {"ready": true})
        .wanted(thing("engine/web", attributes! {"debug": true}).within("host/web"))
        .seen("engine/web", attributes! {"debug": false});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  not as the Machinefile asks · restarts the machine
            cpus  2 → 4
      ? host/web seen once vm/web is done
      ? engine/web seen once vm/web is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 2 to be seen; 0 resources unchanged.
    ");
}

#[test]
fn a_refused_change_blocks_with_the_reason() {
    let scene = Scene::default()
        .wanted(thing("disk/web", attributes! {"size": 1_073_741_824_u64}))
        .seen("disk/web", attributes! {"size": 2_147_483_648_u64});
    assert_snapshot!(scene.printed(), @r"
      ! disk/web blocked: it cannot shrink

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 1 blocked; 0 resources unchanged.
    ");
}

#[test]
fn a_create_that_was_cut_off_is_completed_even_when_it_looks_whole() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {}))
        .seen("vm/web", attributes! {})
        .cut_off_while_creating("vm/web");
    assert_snapshot!(scene.printed(), @r"
      + vm/web create  an earlier run was cut off here

    Plan: 1 to create, 0 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn what_is_built_upon_a_thing_that_lives_in_two_places_goes_before_either() {
    let scene = Scene::default()
        .orphan(thing("box/a", attributes! {}))
        .orphan(thing("box/b", attributes! {}).after("box/a"))
        .orphan(thing("part/c", attributes! {}).within("box/a").within("box/b"))
        .orphan(thing("part/d", attributes! {}).within("box/a").uses("part/c"));
    let plan = scene.plan();
    let steps: Vec<_> = plan.steps.iter().map(|step| step.resource.as_str()).collect();
    assert_eq!(steps, ["part/d", "box/b", "box/a"]);
}

#[test]
fn what_is_built_upon_a_thing_that_is_made_anew_with_its_parent_goes_first() {
    let scene = Scene::default()
        .wanted(thing("box/a", attributes! {"image": "new"}))
        .seen("box/a", attributes! {"image": "old"})
        .wanted(thing("part/c", attributes! {}).within("box/a"))
        .seen("part/c", attributes! {})
        .orphan(thing("box/b", attributes! {}))
        .orphan(thing("part/d", attributes! {}).within("box/b").uses("part/c"));
    let plan = scene.plan();
    let deletes = plan.steps.iter().filter(|step| step.action == libmachine::plan::Action::Delete);
    assert_eq!(deletes.map(|step| step.resource.as_str()).collect::<Vec<_>>(), ["part/d", "box/b"]);
}

#[test]
fn records_of_what_is_gone_and_unwanted_are_forgotten_without_a_step() {
    let scene = Scene::default().recorded("vm/old", attributes! {});
    assert_eq!(scene.plan().forgotten.len(), 1);
    assert_snapshot!(scene.printed(), @"No changes: 0 resources are as the Machinefile asks.");
}

#[test]
fn what_an_unreadable_thing_came_after_stays_with_it() {
    let scene = Scene::default()
        .orphan(thing("key/shop", attributes! {}))
        .orphan(thing("vm/web", attributes! {}).after("key/shop"))
        .orphan(thing("vm/db", attributes! {}).after("key/shop"))
        .unreadable("vm/db", "its provider does not answer");
    assert_snapshot!(scene.printed(), @r"
      - vm/web delete  no longer in the Machinefile
      ! key/shop blocked: vm/db is built upon it and cannot follow now
      ! vm/db blocked: its provider does not answer

    Plan: 0 to create, 0 to change, 0 to replace, 1 to delete, 2 blocked; 0 resources unchanged.
    ");
}

#[test]
fn what_waits_for_a_reboot_keeps_what_it_is_built_upon_even_inside_something_else() {
    let scene = Scene::default()
        .wanted(thing("vm/db", attributes! {"cpus": 2}))
        .seen("vm/db", attributes! {"cpus": 1})
        .wanted(thing("host/db", attributes! {}).within("vm/db"))
        .seen("host/db", attributes! {})
        .wanted(thing("vm/web", attributes! {"image": 2}))
        .seen("vm/web", attributes! {"image": 1})
        .wanted(thing("disk/web", attributes! {}).within("vm/web"))
        .seen("disk/web", attributes! {})
        .wanted(thing("data/web", attributes! {}).uses("disk/web").after("host/db"))
        .seen("data/web", attributes! {});
    assert_snapshot!(scene.printed(), @r"
      ~ vm/db update  not as the Machinefile asks · restarts the machine
            cpus  1 → 2
      ? host/db seen once vm/db is done
      ? vm/web seen once vm/db is done
      ? disk/web seen once vm/db is done

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 3 to be seen; 1 resource unchanged.
    ");
}
