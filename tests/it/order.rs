//! Machines that come after others.

use insta::assert_snapshot;

use crate::support::project::Project;
use crate::support::world::World;

const LAYERS: &str = "defaults: { provider: sim, engine: false }
machines:
  db: { count: 3 }
  web: { count: 2, depends-on: [db] }
  edge: { depends-on: [web-2, db-1] }
";

#[test]
fn a_machine_is_made_after_those_it_depends_on_and_deleted_before_them() {
    let world = World::in_weather("latency: 5ms", LAYERS);
    let up = world.sandbox.ok("up -y --progress plain");
    let made = |id: &str| up.stderr.find(&format!("simulated.machine/{id}  created")).expect("made");
    let started = |id: &str| up.stderr.find(&format!("simulated.machine/{id}  creating")).expect("made");
    assert!(["db-1", "db-2", "db-3"].iter().all(|db| made(db) < started("web-1") && made(db) < started("web-2")));
    assert!(made("web-2") < started("edge"));
    world.sandbox.assert_converged();
    let down = world.sandbox.ok("destroy -y --progress plain");
    let gone = |id: &str| down.stderr.find(&format!("simulated.machine/{id}  deleted")).expect("deleted");
    let going = |id: &str| down.stderr.find(&format!("simulated.machine/{id}  deleting")).expect("deleted");
    assert!(gone("edge") < going("web-2") && gone("web-2") < going("db-1") && gone("web-1") < going("db-3"));
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn a_machine_with_an_engine_is_waited_for_until_it_can_be_worked_on() {
    let world = World::with("defaults: { provider: sim }\nmachines: { db: {}, web: { depends-on: [db] } }\n");
    let graph = world.sandbox.ok("graph").stdout;
    assert!(graph.contains("machines/db"), "{graph}");
    let up = world.sandbox.ok("up -y --progress plain").stderr;
    let at = |text: &str| up.find(text).unwrap_or_else(|| panic!("{text} is not in {up}"));
    assert!(at("host/db  created") < at("simulated.machine/web  creating"));
    world.sandbox.assert_converged();
    world.sandbox.ok("destroy -y");
}

#[test]
fn what_stands_for_many_is_no_step_and_nobody_counts_it() {
    let world = World::with(LAYERS);
    let plan = world.sandbox.ok("plan").stdout;
    assert!(!plan.contains("machines/"), "{plan}");
    world.converge();
    assert!(world.sandbox.ok("plan").stdout.contains("7 resources"), "{}", world.sandbox.ok("plan").stdout);
}

#[test]
fn one_vertex_stands_between_two_layers() {
    let world = World::with(
        "defaults: { provider: sim, engine: false }\nmachines: { a: { count: 50 }, b: { count: 50, depends-on: [a] } }\n",
    );
    let graph = world.sandbox.ok("graph -o dot").stdout;
    let edges = graph.lines().filter(|line| line.contains("->")).count();
    assert!(edges <= 200, "100 machines have {edges} edges");
}

#[test]
fn machines_that_wait_for_each_other_or_for_nobody_are_named() {
    let project = Project::new(
        "machines:\n  a: { depends-on: [b] }\n  b: { count: 2, depends-on: [c] }\n  c: { depends-on: [a] }\n  \
         d: { depends-on: [bb] }\n",
    );
    assert_snapshot!(project.findings(), @r"
      × no machine is called `bb`
       ╭─[Machinefile:5:21]
     4 │   c: { depends-on: [a] }
     5 │   d: { depends-on: [bb] }
       ·                     ─┬
       ·                      ╰── here
       ╰────
      help: did you mean `b`?

      × these machines wait for each other: `a` → `b` → `c` → `a`
       ╭─[Machinefile:2:20]
     1 │ machines:
     2 │   a: { depends-on: [b] }
       ·                    ─┬─
       ·                     ╰── here
     3 │   b: { count: 2, depends-on: [c] }
       ╰────
      help: take one of the names out
    ");
}
