//! Killed before, during and after everything a run does, a project is finished by the next run: no orphan, no twin,
//! nothing half-made, nobody asked.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libmachine::catalog::Catalog;
use libmachine::custody::{Leaving, take_over};
use libmachine::id::Name;
use libmachine::reconcile::{Converged, Goal, Request, look_at, propose};
use libmachine::resource::{Context, Observation};
use libmachine::store::Store;

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

const WITHOUT: &str = "name: shop
providers: { sim: { driver: simulated, world: ./world.sqlite } }
defaults: { provider: sim }
machines: { db: {} }
";

const WITH: &str = "name: shop
providers: { sim: { driver: simulated, world: ./world.sqlite } }
defaults: { provider: sim }
machines: { db: {}, web: { depends-on: [db] } }
compose: { site: { on: web, files: [compose.yaml] } }
";

async fn forget(catalog: Catalog, store: Arc<dyn Store>, cx: Context) {
    let request = Request::new(Goal::Destroy, 4);
    let proposal = propose(&catalog, &request, Some(store.as_ref()), &cx).await.expect("a look");
    Leaving::of(&proposal, "web").let_go(store.as_ref(), &cx).await.expect("let go");
}

async fn import(catalog: Catalog, store: Arc<dyn Store>, cx: Context) {
    let web = Name::new("web").expect("a name");
    if !matches!(look_at(&catalog, &web, &cx).await, Some(Observation::Present(_))) {
        take_over(&catalog, &web, "legacy", store.as_ref(), &cx).await.expect("taken over");
    }
}

/// Whose each object of the world is.
fn owners(home: &Home) -> Vec<(String, String)> {
    let world = rusqlite::Connection::open(home.path().join("world.sqlite")).expect("a world");
    let mut statement = world.prepare("SELECT id, owner FROM objects ORDER BY id").expect("the table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("texts")).collect()
}

#[test]
fn a_machine_that_is_let_go_survives_a_kill_at_any_moment() {
    let start = Home::new();
    start.run(WITH, Goal::Up, &Fate::immortal()).expect("it was not killed");
    let (whole, fate) = (start.copy(), Fate::immortal());
    whole.command(WITHOUT, &fate, forget).expect("it was not killed");
    whole.run(WITHOUT, Goal::Up, &Fate::immortal()).expect("it was not killed");
    let (expected, left) = (whole.objects(), owners(&whole));
    assert!(left.iter().filter(|(_, owner)| owner.is_empty()).count() > 4, "{left:?}");
    for moment in 0..fate.passed() {
        let home = start.copy();
        assert!(home.command(WITHOUT, &Fate::dying_at(moment), forget).is_none(), "outlived moment {moment}");
        if moment % 2 == 0 {
            _ = home.command(WITHOUT, &Fate::dying_at(moment * 5 % 11), forget);
        }
        home.command(WITHOUT, &Fate::immortal(), forget).expect("it was not killed");
        home.finish(WITHOUT, Goal::Up, &expected, &format!("killed at moment {moment}"));
        assert_eq!(owners(&home), left, "killed at moment {moment}");
    }
}

#[test]
fn a_machine_that_is_taken_over_survives_a_kill_at_any_moment() {
    let start = Home::new();
    start.run(WITHOUT, Goal::Up, &Fate::immortal()).expect("it was not killed");
    let world = rusqlite::Connection::open(start.path().join("world.sqlite")).expect("a world");
    let legacy = "INSERT INTO objects SELECT 'simulated.machine/legacy', kind, '', attributes FROM objects \
                  WHERE id = 'simulated.machine/db'";
    assert_eq!(world.execute(legacy, []).expect("the table"), 1);
    drop(world);
    let (whole, fate) = (start.copy(), Fate::immortal());
    whole.command(WITH, &fate, import).expect("it was not killed");
    whole.run(WITH, Goal::Up, &Fate::immortal()).expect("it was not killed");
    let (expected, left) = (whole.objects(), owners(&whole));
    assert!(left.iter().all(|(id, owner)| owner == "shop" && !id.contains("legacy")), "{left:?}");
    for moment in 0..fate.passed() {
        let home = start.copy();
        assert!(home.command(WITH, &Fate::dying_at(moment), import).is_none(), "outlived moment {moment}");
        home.command(WITH, &Fate::immortal(), import).expect("it was not killed");
        home.finish(WITH, Goal::Up, &expected, &format!("killed at moment {moment}"));
        assert_eq!(owners(&home), left, "killed at moment {moment}");
    }
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
