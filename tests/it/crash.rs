//! Killed before, during and after everything a run does, a project is finished by the next run: no orphan, no twin,
//! nothing half-made, nobody asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use libmachine::apply::Events;
use libmachine::catalog::{self, Catalog};
use libmachine::config::{self, Environment, Input};
use libmachine::desired::{self, Surroundings};
use libmachine::dirs::Dirs;
use libmachine::id::Owner;
use libmachine::keyring::{Cipher, Keyring};
use libmachine::provider::DRIVERS;
use libmachine::reconcile::{Converged, Goal, Request, converge, propose};
use libmachine::resource::{Context, Outputs, Progress};
use libmachine::schema;
use libmachine::store::{Files, Sqlite, Store};
use libmachine::value::Value;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::mortal::{Fate, MortalStore};
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

/// A folder with a project, its store and its world.
struct Home(TempDir);

type Objects = BTreeMap<String, String>;

impl Home {
    /// In memory where the system offers that: a run waits for the disk at each step.
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder");
        std::fs::write(folder.path().join("compose.yaml"), "services: { app: { image: app } }\n").expect("a file");
        Self(folder)
    }

    fn copy(&self) -> Self {
        let copy = Self::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            std::fs::create_dir_all(copy.0.path().join(&folder)).expect("a folder");
            for entry in std::fs::read_dir(self.0.path().join(&folder)).expect("a folder") {
                let entry = entry.expect("an entry");
                let name = folder.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(name);
                } else {
                    std::fs::copy(entry.path(), copy.0.path().join(name)).expect("a copy");
                }
            }
        }
        copy
    }

    fn project(&self, machinefile: &str) -> (Owner, Catalog) {
        static SCHEMA: OnceLock<Value> = OnceLock::new();
        std::fs::write(self.0.path().join("Machinefile"), machinefile).expect("a file");
        let environment = Environment::new();
        let schema = SCHEMA.get_or_init(|| schema::machinefile(DRIVERS));
        let input = Input {
            folder: self.0.path(),
            files: &[],
            stdin: &[],
            environment: &environment,
            schema,
            global: None,
            user: None,
            profiles: &[],
            without: &[],
            flags: &[],
            texts: &[],
        };
        let config = config::load(&input).expect("a Machinefile");
        let drivers = catalog::drivers();
        let surroundings =
            Surroundings { project: None, drivers: &drivers, downloads: &BTreeMap::new(), environment: &environment };
        let (desired, notes) = desired::resolve(&config, &surroundings);
        let desired = desired.unwrap_or_else(|| panic!("{notes:?}"));
        let (catalog, _) = catalog::expand(&desired, &self.dirs(), &self.keyring()).expect("resources");
        (desired.owner, catalog)
    }

    fn keyring(&self) -> Arc<Keyring> {
        let cipher = Cipher::new(&[], &Environment::new(), &self.dirs()).expect("no recipients");
        Arc::new(Keyring::new(Arc::new(Files::new(self.0.path().join("state/keys"))), cipher))
    }

    fn dirs(&self) -> Dirs {
        let folder = |name: &str| self.0.path().join(name);
        Dirs {
            global: folder("global"),
            config: folder("config"),
            state: folder("state"),
            data: folder("data"),
            cache: folder("cache"),
            runtime: folder("run"),
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(&self.0.path().join("store.sqlite")).expect("a store"))
    }

    /// One run of the program; nothing comes of it when it is killed.
    fn run(&self, machinefile: &str, goal: Goal, fate: &Fate) -> Option<Converged> {
        let (owner, catalog) = self.project(machinefile);
        let catalog = fate.over(&catalog);
        let store: Arc<dyn Store> = Arc::new(MortalStore { inner: self.store(), fate: fate.clone() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let cx = context(owner);
        let events = Events::silent();
        let request = Request::new(goal, 4);
        let life = converge(&catalog, &request, &store, &cx, &events, |_, _| true);
        runtime.block_on(fate.live(life)).map(|outcome| outcome.expect("a plan"))
    }

    fn objects(&self) -> Objects {
        let world = Connection::open(self.0.path().join("world.sqlite")).expect("a world");
        let mut statement = world.prepare("SELECT id, attributes FROM objects").expect("the table");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("texts")).collect()
    }

    /// Finishes what was cut, and checks that it ends where a run that nobody cut would have.
    fn finish(&self, machinefile: &str, goal: Goal, expected: &Objects, history: &str) {
        let outcome = self.run(machinefile, goal, &Fate::immortal());
        assert!(matches!(outcome, Some(Converged::Fully { .. })), "{history}: {outcome:?}");
        assert_eq!(&self.objects(), expected, "{history}");
        let (owner, catalog) = self.project(machinefile);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (store, cx) = (self.store(), context(owner));
        let again =
            runtime.block_on(propose(&catalog, &Request::new(goal, 4), Some(store.as_ref()), &cx)).expect("a plan");
        assert!(again.plan.is_empty() && again.plan.changes_nothing(), "{history}: {:?}", again.plan);
        let recorded = runtime.block_on(store.load()).expect("readable");
        assert!(recorded.intents.is_empty(), "{history}: {:?}", recorded.intents);
    }
}

fn context(owner: Owner) -> Context {
    let (outputs, progress) = (Outputs::default(), Progress::silent());
    Context { owner, outputs, progress, cancel: CancellationToken::new(), token: String::new() }
}

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
