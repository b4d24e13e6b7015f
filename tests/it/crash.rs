//! Killed before, during and after everything a run does, a project is finished by the next run: no orphan, no twin,
//! nothing half-made, nobody asked.

use std::process::Stdio;
use std::time::{Duration, Instant};

use libmachine::reconcile::{Converged, Goal};

use crate::support::home::Home;
use crate::support::mortal::Fate;
use crate::support::world::World;

const BEFORE: &str = "name: shop
providers: { sim: { driver: simulated, world: ./world.sqlite } }
defaults: { provider: sim, engine: { options: { debug: false } } }
machines:
  db: { image: debian-12 }
  web: { count: 2, depends-on: [db] }
  plain: { count: 4, engine: false }
compose:
  site: { on: [web, db], files: [compose.yaml] }
";

/// One machine is made anew, one web and one plain machine leave, engines change, a machine and a project arrive.
const AFTER: &str = "name: shop
providers: { sim: { driver: simulated, world: ./world.sqlite } }
defaults: { provider: sim, engine: { options: { debug: true } } }
machines:
  db: { image: debian-13 }
  web: { count: 1, depends-on: [db], resources: { ram: 4 } }
  plain: { count: 3, engine: false }
  cache: { depends-on: [web] }
compose:
  site: { on: [web, db], files: [compose.yaml] }
  more: { on: cache, files: [compose.yaml] }
";

/// Kills a run at every one of its moments in turn, every third of its successors as well, and finishes each.
fn kill_everywhere(start: &Home, machinefile: &str, goal: Goal) {
    let whole = start.copy();
    let fate = Fate::immortal();
    let outcome = whole.run(machinefile, goal, &fate);
    assert!(matches!(outcome, Some(Converged::Fully { changed: true })), "{outcome:?}");
    let (expected, moments) = (whole.objects(), fate.passed());
    assert!(moments > 80, "only {moments} moments");
    for moment in 0..moments {
        let home = start.copy();
        let cut = home.run(machinefile, goal, &Fate::dying_at(moment));
        assert!(cut.is_none(), "a run of {moments} moments outlived moment {moment}");
        let mut history = format!("killed at moment {moment} of {moments}");
        if moment % 3 == 0 {
            let second = moment * 7 % 40;
            _ = home.run(machinefile, goal, &Fate::dying_at(second));
            history = format!("{history}, the next at its moment {second}");
        }
        if moment % 9 == 0 {
            _ = home.run(machinefile, goal, &Fate::dying_at(moment % 20));
            history.push_str(", and a third");
        }
        home.finish(machinefile, goal, &expected, &history);
    }
}

fn built() -> Home {
    let home = Home::new();
    let outcome = home.run(BEFORE, Goal::Up, &Fate::immortal());
    assert!(matches!(outcome, Some(Converged::Fully { changed: true })), "{outcome:?}");
    assert!(home.objects().len() >= 25, "a project of {} objects", home.objects().len());
    home
}

#[test]
fn a_project_that_is_made_survives_a_kill_at_any_moment() {
    kill_everywhere(&Home::new(), BEFORE, Goal::Up);
}

#[test]
fn a_project_that_changes_survives_a_kill_at_any_moment() {
    kill_everywhere(&built(), AFTER, Goal::Up);
}

#[test]
fn a_project_that_is_destroyed_survives_a_kill_at_any_moment() {
    kill_everywhere(&built(), BEFORE, Goal::Destroy);
}

#[test]
fn the_real_program_survives_sigkill_whenever_it_comes() {
    let text = "defaults: { provider: sim }\nmachines: { web: { count: 3 }, db: { depends-on: [web] } }\n";
    let world = World::in_weather("latency: 2ms", text);
    let start = Instant::now();
    world.converge();
    let (whole, expected) = (start.elapsed(), world.objects());
    world.sandbox.ok("destroy -y");
    for nth in 0..10_u32 {
        let verb = if nth % 3 == 2 { "destroy" } else { "up" };
        let mut child = world.sandbox.command([verb, "-y"]).stderr(Stdio::null()).spawn().expect("the binary runs");
        let end = Instant::now() + whole * nth / 10;
        while Instant::now() < end && child.try_wait().expect("a child").is_none() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
    world.converge();
    assert_eq!(world.objects(), expected);
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}
