//! The store in one SQLite file. A thread of its own writes; whatever waits when it turns round is committed together.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};
use tokio::sync::oneshot;

use super::{Error, Intent, Record, Recorded, Store, Transition};
use crate::id::ResourceId;
use crate::resource::{Link, Parent};

const FORMAT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE records (resource TEXT PRIMARY KEY, attributes TEXT NOT NULL, parents TEXT NOT NULL, token TEXT NOT NULL,
        realm TEXT, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE intents (resource TEXT PRIMARY KEY, operation TEXT NOT NULL, token TEXT NOT NULL, realm TEXT, at INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE journal (seq INTEGER PRIMARY KEY, resource TEXT NOT NULL, event TEXT NOT NULL, detail TEXT NOT NULL,
        at INTEGER NOT NULL);
    PRAGMA user_version = 1;";

/// How many transitions one transaction takes at most.
const BATCH: usize = 1024;

enum Request {
    Load(oneshot::Sender<Result<Recorded, Error>>),
    Write(Transition, oneshot::Sender<Result<(), Error>>),
}

/// Records and journal of one project in one file.
#[derive(Debug)]
pub struct Sqlite {
    requests: mpsc::Sender<Request>,
    path: PathBuf,
}

impl Sqlite {
    /// Opens or makes the file. An empty, cut or foreign file is an error, never "nothing recorded".
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = connect(path)?;
        let (requests, inbox) = mpsc::channel();
        let label = path.display().to_string();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(connection, &inbox, &label))
            .map_err(|why| Error::Open { path: path.display().to_string(), why: why.to_string() })?;
        Ok(Self { requests, path: path.to_owned() })
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        let gone = || Error::Write { path: self.path.display().to_string(), why: "the writer has ended".to_owned() };
        self.requests.send(request).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn load(&self) -> Result<Recorded, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Load(reply), answer).await
    }

    async fn write(&self, transition: Transition) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Write(transition, reply), answer).await
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let name = path.display().to_string();
    let open = |why: &dyn std::fmt::Display| Error::Open { path: name.clone(), why: why.to_string() };
    let damaged = |why: &dyn std::fmt::Display| Error::Damaged { path: name.clone(), why: why.to_string() };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|why| open(&why))?;
    }
    if !path.exists() {
        make(path).map_err(|why| open(&why))?;
    }
    if path.metadata().map_err(|why| open(&why))?.len() == 0 {
        return Err(damaged(&"it is empty"));
    }
    let connection = Connection::open(path).map_err(|why| open(&why))?;
    let setup = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;";
    connection.execute_batch(setup).map_err(|why| damaged(&why))?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|why| damaged(&why))?;
    match found {
        FORMAT => Ok(connection),
        0 => Err(damaged(&"it holds something else")),
        newer => Err(Error::Newer { path: name, found: newer, known: FORMAT }),
    }
}

/// Made beside its place and renamed, so that a file under the final name is always whole.
fn make(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why.into()),
        _ => {}
    }
    // The log of a store that was moved away must not be replayed into this one.
    for log in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(log);
        match std::fs::remove_file(name) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why.into()),
            _ => {}
        }
    }
    let connection = Connection::open(&beside)?;
    connection.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?;
    connection.close().map_err(|(_, why)| why)?;
    std::fs::rename(&beside, path)?;
    Ok(())
}

fn serve(mut connection: Connection, inbox: &mpsc::Receiver<Request>, path: &str) {
    while let Ok(first) = inbox.recv() {
        let mut loads = Vec::new();
        let mut writes = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Load(reply) => loads.push(reply),
                Request::Write(transition, reply) => writes.push((transition, reply)),
            }
            next = if writes.len() < BATCH { inbox.try_recv().ok() } else { None };
        }
        if !writes.is_empty() {
            let outcome = commit(&mut connection, writes.iter().map(|(transition, _)| transition))
                .map_err(|why| Error::Write { path: path.to_owned(), why: why.to_string() });
            for (_, reply) in writes {
                _ = reply.send(outcome.clone());
            }
        }
        for reply in loads {
            let outcome =
                load(&connection).map_err(|why| Error::Damaged { path: path.to_owned(), why: why.to_string() });
            _ = reply.send(outcome);
        }
    }
}

fn commit<'a>(connection: &mut Connection, all: impl Iterator<Item = &'a Transition>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for transition in all {
        write(&transaction, transition)?;
    }
    transaction.commit()
}

fn write(to: &Transaction<'_>, transition: &Transition) -> rusqlite::Result<()> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as i64);
    let mut log = to.prepare_cached("INSERT INTO journal (resource, event, detail, at) VALUES (?1, ?2, ?3, ?4)")?;
    match transition {
        Transition::Begin { id, operation, token, realm } => {
            let text =
                "INSERT OR REPLACE INTO intents (resource, operation, token, realm, at) VALUES (?1, ?2, ?3, ?4, ?5)";
            to.prepare_cached(text)?.execute(params![id.as_str(), operation.as_str(), token, realm, at])?;
            log.execute(params![id.as_str(), "begin", operation.as_str(), at])?;
        }
        Transition::Hold { id, record } => {
            to.prepare_cached("DELETE FROM intents WHERE resource = ?1")?.execute([id.as_str()])?;
            let attributes = serde_json::to_string(&record.attributes).expect("JSON values");
            let parents: Vec<_> = record.parents.iter().map(|p| (p.link.as_str(), p.id.as_str())).collect();
            let parents = serde_json::to_string(&parents).expect("pairs of strings");
            let text = "INSERT OR REPLACE INTO records (resource, attributes, parents, token, realm, at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            to.prepare_cached(text)?.execute(params![
                id.as_str(),
                attributes,
                parents,
                record.token,
                record.realm,
                at
            ])?;
            log.execute(params![id.as_str(), "hold", "", at])?;
        }
        Transition::Gone { id } => {
            to.prepare_cached("DELETE FROM intents WHERE resource = ?1")?.execute([id.as_str()])?;
            to.prepare_cached("DELETE FROM records WHERE resource = ?1")?.execute([id.as_str()])?;
            log.execute(params![id.as_str(), "gone", "", at])?;
        }
        Transition::Fail { id, message } => _ = log.execute(params![id.as_str(), "fail", message, at])?,
    }
    Ok(())
}

fn load(connection: &Connection) -> rusqlite::Result<Recorded> {
    let mut recorded = Recorded::default();
    let mut statement = connection.prepare("SELECT resource, attributes, parents, token, realm FROM records")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(id) = ResourceId::parse(row.get_ref(0)?.as_str()?) else { continue };
        let attributes = json(row.get_ref(1)?.as_str()?, 1)?;
        let parents: Vec<(String, String)> = json(row.get_ref(2)?.as_str()?, 2)?;
        let parents = parents.iter().filter_map(|(link, id)| parent(link, id)).collect();
        recorded.records.insert(id, Record { attributes, parents, token: row.get(3)?, realm: row.get(4)? });
    }
    let mut statement = connection.prepare("SELECT resource, operation, token, realm FROM intents")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(id) = ResourceId::parse(row.get_ref(0)?.as_str()?) else { continue };
        recorded.intents.insert(id, Intent { operation: row.get(1)?, token: row.get(2)?, realm: row.get(3)? });
    }
    Ok(recorded)
}

fn json<T: serde::de::DeserializeOwned>(text: &str, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|why| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(why)))
}

fn parent(link: &str, id: &str) -> Option<Parent> {
    Some(Parent { id: ResourceId::parse(id)?, link: Link::parse(link)? })
}
