//! A machine that is called otherwise now is renamed, not made anew.

use libmachine::reconcile::{Converged, Goal};

use crate::support::home::Home;
use crate::support::mortal::Fate;
use crate::support::project::Project;
use crate::support::world::World;

const BEFORE: &str = "
defaults: { provider: sim }
machines:
  web: { ports: ['8080:80'], address: 10.85.1.9 }
  db: { address: 10.85.1.8, protect: true }
compose:
  site: { on: web, files: [compose.yaml] }
";

const AFTER: &str = "
defaults: { provider: sim }
machines:
  www: { ports: ['8080:80'], address: 10.85.1.9 }
  db: { address: 10.85.1.8, protect: true }
compose:
  site: { on: www, files: [compose.yaml] }
moved:
  - { from: machines.web, to: machines.www }
";

fn world() -> World {
    let world = World::with(BEFORE);
    world.sandbox.write("compose.yaml", "services: { app: { image: app } }\n");
    world.converge();
    world
}

/// Without the gaps of a table.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_machine_is_renamed_with_all_that_is_on_it() {
    let world = world();
    world.drift("simulated.machine/web", "power", "stopped");
    world.sandbox.ok("up -y");
    let marked = world.contents()["simulated.machine/web"].clone();
    world.rewrite(AFTER);
    let plan = world.sandbox.ok("plan");
    let line = "→ simulated.machine/www update moved from simulated.machine/web";
    assert!(words(&plan.stdout).contains(line), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("0 to create") && plan.stdout.contains("0 to replace, 0 to delete"),
        "{}",
        plan.stdout
    );
    world.sandbox.ok("up -y");
    world.sandbox.assert_converged();
    let objects = world.objects();
    assert!(objects.iter().all(|id| !id.contains("web")), "{objects:?}");
    assert_eq!(world.contents()["simulated.machine/www"], marked);
    assert!(objects.contains(&"compose.project/site@www".to_owned()), "{objects:?}");
    world.rewrite(AFTER.split("moved:").next().expect("a file"));
    world.sandbox.assert_converged();
    world.sandbox.ok("destroy -y --allow-destroy db");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn a_renamed_machine_changes_in_the_same_step_and_without_our_records() {
    let world = world();
    for file in world.sandbox.files("state").iter().filter(|file| file.contains("store.sqlite")) {
        std::fs::remove_file(file).expect("removed");
    }
    world.rewrite(&AFTER.replace("www: {", "www: { resources: { cpus: 4 },"));
    let plan = world.sandbox.ok("plan");
    let line = "simulated.machine/www update not as the Machinefile asks · moved from simulated.machine/web";
    assert!(words(&plan.stdout).contains(line), "{}", plan.stdout);
    world.converge();
    assert!(world.contents()["simulated.machine/www"].contains("\"cpus\":4"));
    world.sandbox.ok("destroy -y --allow-destroy db");
}

#[test]
fn a_renamed_machine_that_is_made_anew_leaves_nothing_behind() {
    let world = world();
    world.rewrite(&AFTER.replace("www: {", "www: { image: debian-12,"));
    world.sandbox.ok("up -y --allow-replace www");
    world.sandbox.assert_converged();
    assert!(world.objects().iter().all(|id| !id.contains("web")), "{:?}", world.objects());
    world.sandbox.ok("destroy -y --allow-destroy db");
}

#[test]
fn a_saved_plan_renames_too() {
    let world = world();
    world.rewrite(AFTER);
    world.sandbox.ok("plan --out next.plan");
    world.sandbox.ok("apply -y next.plan");
    world.converge();
    assert!(world.objects().contains(&"simulated.machine/www".to_owned()));
    world.sandbox.ok("destroy -y --allow-destroy db");
}

fn machines(world: &World) -> Vec<String> {
    let all = world.objects();
    all.iter().filter_map(|id| id.strip_prefix("simulated.machine/").map(str::to_owned)).collect()
}

#[test]
fn counted_machines_are_renamed_by_their_numbers() {
    let world = World::with("defaults: { provider: sim, engine: false }\nmachines: { worker: { count: 3 } }\n");
    world.converge();
    world.rewrite(
        "defaults: { provider: sim, engine: false }\nmachines: { node: { count: 2 } }\n\
         moved: [{ from: machines.worker, to: machines.node }]\n",
    );
    let plan = world.sandbox.ok("plan");
    let line = "node-2 update changed in the Machinefile · moved from simulated.machine/worker-2";
    assert!(words(&plan.stdout).contains(line), "{}", plan.stdout);
    world.sandbox.ok("up -y --allow-destroy worker-3");
    world.sandbox.assert_converged();
    assert_eq!(machines(&world), ["node-1", "node-2"]);
}

#[test]
fn one_machine_becomes_the_first_of_several() {
    let world = World::with("defaults: { provider: sim, engine: false }\nmachines: { web: {} }\n");
    world.converge();
    let after = "defaults: { provider: sim, engine: false }\nmachines: { web: { count: 2 } }\n\
                 moved: [{ from: machines.web, to: machines.web }]\n";
    world.rewrite(after);
    let plan = world.sandbox.ok("plan");
    assert!(plan.stdout.contains("1 to create, 1 to change, 0 to replace, 0 to delete"), "{}", plan.stdout);
    world.converge();
    assert_eq!(machines(&world), ["web-1", "web-2"]);
}

#[test]
fn chains_circles_and_names_that_are_still_there_are_errors_at_both_lines() {
    let findings =
        |machines: &str, moved: &str| Project::new(&format!("machines: {{ {machines} }}\nmoved:\n{moved}")).findings();
    let step = |from: &str, to: &str| format!("  - {{ from: machines.{from}, to: machines.{to} }}\n");
    let chain = findings("c: {}", &(step("a", "b") + &step("b", "c")));
    assert!(chain.contains("`b` moves on from where `a` moved to") && chain.contains("the step before"), "{chain}");
    assert!(chain.contains("from `machines.a` to `machines.c`"), "{chain}");
    let circle = findings("a: {}, b: {}", &(step("a", "b") + &step("b", "a")));
    assert!(circle.contains("`b` and `a` move in a circle") && circle.contains("the way back"), "{circle}");
    let still = findings("a: {}, b: {}", &step("a", "b"));
    assert!(still.contains("`a` is still one of the machines") && still.contains("declared here"), "{still}");
    let both = findings("c: {}", &(step("a", "c") + &step("b", "c")));
    assert!(both.contains("two machines cannot both become `c`") && both.contains("the other one"), "{both}");
    let nowhere = findings("www: {}", &step("web", "wwww"));
    assert!(nowhere.contains("no machine is called `wwww`") && nowhere.contains("did you mean `www`?"), "{nowhere}");
    let form = findings("www: {}", "  - { from: web, to: machines.www }\n");
    assert!(form.contains("name a machine as it stands in the Machinefile"), "{form}");
}

#[test]
fn what_several_files_say_of_moved_adds_up_and_keeps_its_lines() {
    let first = "machines: { www: {}, db: {} }\nmoved: [{ from: machines.web, to: machines.www }]\n";
    let files = |second: &str| Project::new(first).file("more.yaml", second).layer("Machinefile").layer("more.yaml");
    let both = files("moved: [{ from: machines.base, to: machines.db }]\n").desired();
    let moved: Vec<_> = both.moved.iter().map(|(now, olds)| format!("{now} {}", olds[0])).collect();
    assert_eq!(moved, ["db base", "www web"]);
    let wrong = files("moved: [{ from: machines.base, to: machines.bd }]\n").findings();
    assert!(wrong.contains("no machine is called `bd`") && wrong.contains("more.yaml:1:"), "{wrong}");
}

const HEAD: &str = "name: shop\nproviders: { sim: { driver: simulated, world: ./world.sqlite } }\n";

#[test]
fn a_rename_survives_a_kill_at_any_moment() {
    let (before, after) = (format!("{HEAD}{BEFORE}"), format!("{HEAD}{AFTER}"));
    let start = Home::new();
    let made = start.run(&before, Goal::Up, &Fate::immortal());
    assert!(matches!(made, Some(Converged::Fully { changed: true })), "{made:?}");
    let whole = start.copy();
    let fate = Fate::immortal();
    let moved = whole.run(&after, Goal::Up, &fate);
    assert!(matches!(moved, Some(Converged::Fully { changed: true })), "{moved:?}");
    let (expected, moments) = (whole.objects(), fate.passed());
    assert!(moments > 30, "only {moments} moments");
    for moment in 0..moments {
        let home = start.copy();
        assert!(home.run(&after, Goal::Up, &Fate::dying_at(moment)).is_none(), "outlived moment {moment}");
        if moment % 3 == 0 {
            _ = home.run(&after, Goal::Up, &Fate::dying_at(moment * 7 % 30));
        }
        home.finish(&after, Goal::Up, &expected, &format!("killed at moment {moment} of {moments}"));
    }
}
