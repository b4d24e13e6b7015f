//! What may happen without a word, what has to be named, and what a typed answer is good for.

use insta::assert_snapshot;
use libmachine::attributes;
use libmachine::plan::{Allowed, Loss, demands};
use libmachine::selection::Pattern;

use crate::support::sandbox::Ran;
use crate::support::terminal;
use crate::support::thing::{Scene, thing};
use crate::support::world::World;

fn counted(n: u32) -> String {
    format!("defaults: {{ provider: sim, engine: false }}\nmachines: {{ web: {{ count: {n} }} }}\n")
}

/// A project of `before` machines whose Machinefile asks for `after`.
fn shrunk(before: u32, after: u32) -> World {
    let world = World::with(&counted(before));
    world.converge();
    world.rewrite(&counted(after));
    world
}

fn typed(world: &World, words: &str, question: &str, answer: &str) -> Ran {
    terminal::run(&mut world.sandbox.command(words.split_whitespace()), question, answer)
}

fn assert_refused(ran: &Ran, says: &str) {
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(says), "`{says}` is missing from:\n{}", ran.stderr);
}

fn named(text: &str) -> Vec<Pattern> {
    vec![Pattern::parse(text).expect("a pattern")]
}

#[test]
fn a_flag_that_allows_the_loss_of_nothing_known_is_said_with_what_was_meant() {
    let world = shrunk(2, 1);
    let up = world.sandbox.run(["up", "-y", "--allow-destroy", "wbe-2"]);
    assert_refused(&up, "warning: --allow-destroy wbe-2 names nothing of this project: did you mean `web-2`?");
    world.sandbox.ok("up -y --allow-destroy web-2");
    let again = world.sandbox.ok("up -y --allow-destroy web-1");
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    let tagged = world.sandbox.run(["up", "-y", "--allow-destroy", "tag:role=web"]);
    assert_eq!(tagged.code, 64, "{}", tagged.stderr);
    assert!(tagged.stderr.contains("by the name of a machine, not by a tag"), "{}", tagged.stderr);
}

#[test]
fn a_machine_that_goes_without_its_disk_is_listed_apart_too() {
    let scene = Scene::default().orphan(thing("box/web", attributes! {})).orphan(thing("box/db", attributes! {}));
    assert_snapshot!(scene.printed(), @r"
      - box/web delete  no longer in the Machinefile
      - box/db  delete  no longer in the Machinefile

    These machines go or are made anew:
        box/web  delete   --allow-destroy web
        box/db   delete   --allow-destroy db

    Plan: 0 to create, 0 to change, 0 to replace, 2 to delete; 0 resources unchanged.
    ");
    let plan = scene.plan();
    assert!(plan.steps.iter().all(|step| step.loss() == Some(Loss::Machine)));
    let allowed = Allowed { replace: named("web"), destroy: named("db") };
    assert_eq!(demands(&plan, &allowed).flags(), ["--allow-destroy web"], "to replace is not to delete");
}

#[test]
fn what_may_be_deleted_may_be_made_anew_and_a_counted_name_means_its_members() {
    let plan = Scene::default()
        .wanted(thing("disk/web-2.data", attributes! {"image": "b"}))
        .seen("disk/web-2.data", attributes! {"image": "a"})
        .plan();
    let flags = |destroy: &str| demands(&plan, &Allowed { replace: Vec::new(), destroy: named(destroy) }).flags();
    for name in ["web", "web-2", "disk/web-2.data", "web-*", "disk/*"] {
        assert_eq!(flags(name), Vec::<String>::new(), "{name}");
    }
    for name in ["we", "web-", "web-1", "disk/web-2", "data", "", "{web,web-2}"] {
        assert_eq!(flags(name), ["--allow-replace web-2"], "{name}");
    }
}

#[test]
fn y_alone_neither_deletes_a_machine_nor_makes_one_anew() {
    let world = shrunk(2, 1);
    world.sandbox.edit("Machinefile.yaml", "engine: false }", "engine: false, image: debian-12 }");
    let before = world.objects();
    let up = world.sandbox.run(["up", "-y"]);
    assert_refused(&up, "would lose data, and -y alone never does that");
    assert!(up.stderr.contains("machine up -y --allow-destroy web-2 --allow-replace web-1"), "{}", up.stderr);
    assert_refused(&world.sandbox.run(["up", "-y", "--allow-replace", "web"]), "--allow-destroy web-2");
    assert_eq!(world.objects(), before);
    world.sandbox.ok("up -y --allow-destroy web-2 --allow-replace web-1");
    world.sandbox.assert_converged();
}

#[test]
fn without_a_terminal_and_without_y_nothing_happens_and_the_flag_is_named() {
    let world = shrunk(2, 1);
    assert_refused(&world.sandbox.run(["up"]), "machine up -y --allow-destroy web-2");
    assert_refused(&world.sandbox.run(["up", "--allow-destroy", "web-2"]), "run with -y (or MACHINE_YES=true)");
    assert_eq!(world.objects().len(), 2);
}

#[test]
fn on_a_terminal_the_projects_name_allows_a_loss_and_nothing_else_does() {
    let world = shrunk(2, 1);
    for answer in ["y", "yes", "", "Shop"] {
        assert_refused(&typed(&world, "up", "Type the project's name (shop): ", answer), "Nothing was changed.");
        assert_eq!(world.objects().len(), 2, "`{answer}`");
    }
    let up = typed(&world, "up", "Type the project's name (shop): ", "shop");
    assert_eq!(up.code, 0, "{}", up.stderr);
    world.sandbox.assert_converged();
}

#[test]
fn on_a_terminal_what_loses_nothing_is_a_yes_or_no() {
    let world = World::with(&counted(1));
    assert_refused(&typed(&world, "up", "Go ahead? [y/N] ", "no"), "Nothing was changed.");
    assert_eq!(typed(&world, "up", "Go ahead? [y/N] ", "y").code, 0);
    world.sandbox.assert_converged();
}

#[test]
fn more_machines_than_a_typed_name_is_good_for_have_to_be_named() {
    let world = shrunk(6, 1);
    let up = typed(&world, "up", "Type the project's name", "shop");
    assert_refused(&up, "5 machines would go or be made anew at once, and more than 3 have to be named");
    assert!(up.stderr.contains("--allow-destroy web-2 --allow-destroy web-3"), "{}", up.stderr);
    assert_eq!(world.objects().len(), 6);
    let up = typed(&world, "up --max-lost 5", "Type the project's name", "shop");
    assert_eq!(up.code, 0, "{}", up.stderr);
    world.sandbox.assert_converged();
}

#[test]
fn a_counted_name_names_all_that_go() {
    let world = shrunk(6, 1);
    world.sandbox.ok("up -y --allow-destroy web");
    assert_eq!(world.objects().len(), 1);
    world.sandbox.assert_converged();
}

#[test]
fn losing_the_records_never_makes_a_second_machine() {
    let world = shrunk(3, 2);
    for file in world.sandbox.files("state").iter().filter(|file| file.contains("store.sqlite")) {
        std::fs::remove_file(file).expect("removed");
    }
    let plan = world.sandbox.ok("plan").stdout;
    assert!(plan.contains("0 to create, 0 to change, 0 to replace, 1 to delete"), "{plan}");
}
