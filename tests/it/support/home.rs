//! A project in a folder, run within the test's own process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libmachine::apply::Events;
use libmachine::catalog::{self, Catalog};
use libmachine::config::{self, Environment, Input};
use libmachine::desired::{self, Surroundings};
use libmachine::dirs::Dirs;
use libmachine::id::Owner;
use libmachine::keyring::{Cipher, Keyring};
use libmachine::provider::DRIVERS;
use libmachine::reconcile::{Converged, Goal, Request, converge, propose};
use libmachine::resource::{Context, Limits, Outputs, Progress};
use libmachine::schema;
use libmachine::store::{Files, Sqlite, Store};
use libmachine::value::Value;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::mortal::{Fate, MortalStore};

/// A folder with a project, its store and its world.
pub struct Home(TempDir);

pub type Objects = BTreeMap<String, String>;

impl Home {
    /// In memory where the system offers that: a run waits for the disk at each step.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder");
        std::fs::write(folder.path().join("compose.yaml"), "services: { app: { image: app } }\n").expect("a file");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn copy(&self) -> Self {
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

    pub fn project(&self, machinefile: &str) -> (Owner, Catalog) {
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

    pub fn dirs(&self) -> Dirs {
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

    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(&self.0.path().join("store.sqlite")).expect("a store"))
    }

    /// One run of the program; nothing comes of it when it is killed.
    pub fn run(&self, machinefile: &str, goal: Goal, fate: &Fate) -> Option<Converged> {
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

    /// One other command, given what it works with; nothing comes of it when it is killed.
    pub fn command<T, L: Future<Output = T>>(
        &self,
        machinefile: &str,
        fate: &Fate,
        act: impl FnOnce(Catalog, Arc<dyn Store>, Context) -> L,
    ) -> Option<T> {
        let (owner, catalog) = self.project(machinefile);
        let store: Arc<dyn Store> = Arc::new(MortalStore { inner: self.store(), fate: fate.clone() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(fate.live(act(fate.over(&catalog), store, context(owner))))
    }

    pub fn objects(&self) -> Objects {
        let world = Connection::open(self.0.path().join("world.sqlite")).expect("a world");
        let mut statement = world.prepare("SELECT id, attributes FROM objects").expect("the table");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("texts")).collect()
    }

    /// Finishes what was cut, and checks that it ends where a run that nobody cut would have.
    pub fn finish(&self, machinefile: &str, goal: Goal, expected: &Objects, history: &str) {
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

pub fn context(owner: Owner) -> Context {
    let (outputs, progress) = (Outputs::default(), Progress::silent());
    Context {
        owner,
        outputs,
        progress,
        limits: Limits::default(),
        cancel: CancellationToken::new(),
        token: String::new(),
    }
}
