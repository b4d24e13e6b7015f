//! The file behind the simulated world. Losing it to a power cut loses a simulation, so it does not wait for the disk.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::weather::{Fate, Weather, storm};
use crate::desired::{Forward, Protocol};
use crate::id::ResourceId;
use crate::resource::{Change, Failure, Found, Link, Page, Parent, made};
use crate::value::{Attributes, Value};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 10000;
    CREATE TABLE IF NOT EXISTS objects (id TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL,
        attributes TEXT NOT NULL, PRIMARY KEY (owner, id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS inside (owner TEXT NOT NULL, parent TEXT NOT NULL, id TEXT NOT NULL,
        PRIMARY KEY (owner, parent, id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ports (port TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, id TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ports_by_holder ON ports (owner, id);
    CREATE TABLE IF NOT EXISTS born (owner TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (owner, id)) WITHOUT ROWID;";

/// How much one call lists at most.
const PAGE: u32 = 1000;

/// Takes an object and everything inside it.
const REMOVE: &str = "
    WITH RECURSIVE gone(id) AS (SELECT ?2 UNION SELECT inside.id FROM inside JOIN gone ON inside.parent = gone.id
        WHERE inside.owner = ?1)
    DELETE FROM objects WHERE owner = ?1 AND id IN (SELECT id FROM gone)";

const RELEASE: &str = "DELETE FROM ports WHERE owner = ?1 AND id = ?2";

/// A change of the world that waits for its turn. It says how it went once all that was changed with it is kept.
type Act = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Box<dyn FnOnce() + Send>> + Send>;

pub(super) struct World {
    path: PathBuf,
    weather: Weather,
    connection: Mutex<Option<Connection>>,
    /// What arrived together is done in one transaction.
    waiting: Mutex<Vec<Act>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("path", &self.path).finish_non_exhaustive()
    }
}

impl World {
    /// Nothing is opened before the first call.
    pub(super) fn new(path: PathBuf, weather: Weather) -> Self {
        Self { path, weather, connection: Mutex::new(None), waiting: Mutex::default() }
    }

    /// A page of what an owner has, in the order of ids: what comes after `from`.
    pub(super) async fn list(&self, owner: &str, from: Option<&str>) -> Result<Page, Failure> {
        let lag = i64::try_from(self.weather.list_lag.as_millis()).unwrap_or(i64::MAX);
        self.see(|db| {
            let text = "SELECT id, attributes FROM objects WHERE owner = ?1 AND id > ?4 AND (?2 = 0 OR NOT EXISTS
                (SELECT 1 FROM born WHERE born.owner = ?1 AND born.id = objects.id AND born.at > ?3))
                ORDER BY id LIMIT ?5";
            let mut statement = db.prepare_cached(text)?;
            let mut rows = statement.query(params![owner, lag, now() - lag, from.unwrap_or(""), PAGE + 1])?;
            let (mut page, mut read, mut last) = (Page::default(), 0, String::new());
            while let Some(row) = rows.next()? {
                let text = row.get_ref(0)?.as_str()?;
                if read == PAGE {
                    page.next = Some(last);
                    break;
                }
                read += 1;
                text.clone_into(&mut last);
                let Some(id) = ResourceId::parse(text) else { continue };
                page.found.push(Found { id, attributes: parse(row.get_ref(1)?.as_str()?)? });
            }
            Ok(page)
        })
        .await
    }

    pub(super) async fn get(&self, owner: &str, id: &ResourceId) -> Result<Option<Attributes>, Failure> {
        self.see(|db| attributes(db, owner, id)).await
    }

    pub(super) async fn put(
        &self,
        owner: &str,
        id: &ResourceId,
        wanted: Attributes,
        parents: &[Parent],
    ) -> Result<Attributes, Failure> {
        let (owner, id) = (owner.to_owned(), id.clone());
        let within: Vec<_> =
            parents.iter().filter(|parent| parent.link == Link::Within).map(|p| p.id.clone()).collect();
        let is_noted = !self.weather.list_lag.is_zero();
        let there = self.act(move |db| {
            if id.kind() == super::MACHINE
                && let Some(port) = take_ports(db, &owner, &id, &wanted)?
            {
                return Ok(Err(taken(&port)));
            }
            let body = serde_json::to_string(&wanted).expect("JSON values");
            db.prepare_cached("INSERT OR REPLACE INTO objects (id, kind, owner, attributes) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![id.as_str(), id.kind(), owner, body])?;
            for parent in within {
                db.prepare_cached("INSERT OR IGNORE INTO inside (owner, parent, id) VALUES (?1, ?2, ?3)")?
                    .execute(params![owner, parent.as_str(), id.as_str()])?;
            }
            if is_noted {
                db.prepare_cached("INSERT OR IGNORE INTO born (owner, id, at) VALUES (?1, ?2, ?3)")?
                    .execute(params![owner, id.as_str(), now()])?;
            }
            Ok(Ok(wanted))
        });
        there.await?
    }

    /// Makes these changes to an object that is there, and notes beside them what it hangs on.
    pub(super) async fn change(
        &self,
        owner: &str,
        id: &ResourceId,
        changes: &[Change],
        (key, parents): (&'static str, Value),
    ) -> Result<Attributes, Failure> {
        let (owner, id, changes) = (owner.to_owned(), id.clone(), changes.to_vec());
        let there = self.act(move |db| {
            let Some(known) = attributes(db, &owner, &id)? else {
                return Ok(Err(Failure::new(format!("{id} does not exist")).hint("run it again: it is made then")));
            };
            let mut all = made(&known, &changes);
            all.insert(key.to_owned(), parents);
            if id.kind() == super::MACHINE
                && let Some(port) = take_ports(db, &owner, &id, &all)?
            {
                return Ok(Err(taken(&port)));
            }
            write(db, &owner, &id, &all)?;
            Ok(Ok(all))
        });
        there.await?
    }

    /// Sets some attributes of an object that is there.
    pub(super) async fn merge(&self, owner: &str, id: &ResourceId, some: &Attributes) -> Result<(), Failure> {
        let (owner, of, some) = (owner.to_owned(), id.clone(), some.clone());
        let there = self.act(move |db| {
            let Some(mut all) = attributes(db, &owner, &of)? else { return Ok(false) };
            all.extend(some);
            write(db, &owner, &of, &all)?;
            Ok(true)
        });
        if there.await? { Ok(()) } else { Err(Failure::new(format!("{id} does not exist"))) }
    }

    pub(super) async fn remove(&self, owner: &str, id: &ResourceId) -> Result<(), Failure> {
        let (owner, id) = (owner.to_owned(), id.clone());
        self.act(move |db| {
            db.prepare_cached(REMOVE)?.execute(params![owner, id.as_str()])?;
            if id.kind() == super::MACHINE {
                db.prepare_cached(RELEASE)?.execute(params![owner, id.as_str()])?;
            }
            db.prepare_cached("DELETE FROM born WHERE owner = ?1 AND id = ?2")?.execute(params![owner, id.as_str()])?;
            Ok(())
        })
        .await
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A call across the simulated network that changes nothing.
    pub(super) async fn see<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        let fate = self.weather.pass().await?;
        if fate == Fate::Succeeds { self.look(look).map_err(|why| self.unusable(&why)) } else { Err(storm()) }
    }

    /// A call across the simulated network that changes the world: wholly or not at all.
    pub(super) async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let fate = self.weather.pass().await?;
        if fate == Fate::FailsBefore {
            return Err(storm());
        }
        let (reply, answer) = oneshot::channel();
        let act: Act = Box::new(move |db| {
            let done = act(db)?;
            Ok(Box::new(move || _ = reply.send(done)))
        });
        self.waiting.lock().expect("no holder panics").push(act);
        // Whoever is about to call as well does so first.
        tokio::task::yield_now().await;
        self.act_together().map_err(|why| self.unusable(&why))?;
        let done = answer.await.map_err(|_| self.unusable(&"a change beside this one was refused"))?;
        if fate == Fate::FailsAfter { Err(storm()) } else { Ok(done) }
    }

    fn unusable(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::new(format!("the world in {} cannot be used: {why}", self.path.display()))
            .hint("delete the file to begin with an empty world")
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Box<dyn std::error::Error>> {
        let mut guard = self.connection.lock().expect("no holder panics");
        if guard.is_none() && !self.path.exists() {
            let nothing = Connection::open_in_memory()?;
            nothing.execute_batch(SCHEMA)?;
            return Ok(look(&nothing)?);
        }
        Ok(look(self.opened(&mut guard)?)?)
    }

    /// Everything that waits, unless somebody else has done it already.
    fn act_together(&self) -> Result<(), Box<dyn std::error::Error>> {
        let mut guard = self.connection.lock().expect("no holder panics");
        let waiting = std::mem::take(&mut *self.waiting.lock().expect("no holder panics"));
        if waiting.is_empty() {
            return Ok(());
        }
        let db = self.opened(&mut guard)?;
        let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let replies = waiting.into_iter().map(|act| act(&transaction)).collect::<rusqlite::Result<Vec<_>>>()?;
        transaction.commit()?;
        for reply in replies {
            reply();
        }
        Ok(())
    }

    fn opened<'a>(
        &self,
        connection: &'a mut Option<Connection>,
    ) -> Result<&'a mut Connection, Box<dyn std::error::Error>> {
        Ok(match connection {
            Some(connection) => connection,
            none => none.insert(self.open()?),
        })
    }

    fn open(&self) -> Result<Connection, Box<dyn std::error::Error>> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let connection = Connection::open(&self.path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    }
}

fn taken(port: &str) -> Failure {
    Failure::new(format!("the world says: {port} is taken"))
}

/// `127.0.0.1:8080/tcp`, as ports are called among the attributes.
pub(super) fn listen(forward: &Forward) -> String {
    let protocol = if forward.protocol == Protocol::Udp { "udp" } else { "tcp" };
    format!("{}:{}/{protocol}", forward.address, forward.port)
}

/// The ports that a machine takes of the world, whatever address they listen on.
pub(super) fn ports(machine: &Attributes) -> impl Iterator<Item = String> {
    let ports = machine.get("ports").and_then(Value::as_object).into_iter().flatten();
    ports.filter_map(|(listen, _)| Some(format!("port {}", listen.rsplit_once(':')?.1)))
}

/// Gives a machine its ports and takes the others back; one that another machine has is returned.
fn take_ports(db: &Connection, owner: &str, id: &ResourceId, machine: &Attributes) -> rusqlite::Result<Option<String>> {
    for port in ports(machine) {
        let text = "SELECT EXISTS (SELECT 1 FROM ports WHERE port = ?3 AND NOT (owner = ?1 AND id = ?2))";
        if db.prepare_cached(text)?.query_row(params![owner, id.as_str(), port], |row| row.get(0))? {
            return Ok(Some(port));
        }
    }
    db.prepare_cached(RELEASE)?.execute(params![owner, id.as_str()])?;
    for port in ports(machine) {
        let text = "INSERT OR REPLACE INTO ports (owner, id, port) VALUES (?1, ?2, ?3)";
        db.prepare_cached(text)?.execute(params![owner, id.as_str(), port])?;
    }
    Ok(None)
}

pub(super) fn attributes(db: &Connection, owner: &str, id: &ResourceId) -> rusqlite::Result<Option<Attributes>> {
    db.prepare_cached("SELECT attributes FROM objects WHERE owner = ?1 AND id = ?2")?
        .query_row(params![owner, id.as_str()], |row| parse(row.get_ref(0)?.as_str()?))
        .optional()
}

pub(super) fn write(db: &Connection, owner: &str, id: &ResourceId, all: &Attributes) -> rusqlite::Result<()> {
    let body = serde_json::to_string(all).expect("JSON values");
    db.prepare_cached("UPDATE objects SET attributes = ?3 WHERE owner = ?1 AND id = ?2")?.execute(params![
        owner,
        id.as_str(),
        body
    ])?;
    Ok(())
}

fn parse(text: &str) -> rusqlite::Result<Attributes> {
    serde_json::from_str(text)
        .map_err(|why| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(why)))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as i64)
}
