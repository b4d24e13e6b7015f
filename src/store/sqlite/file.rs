//! The file itself: made whole or not at all, trusted only when it is whole, brought to the current format.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::Error;

/// The statements that lead from each format to the next; the first makes format 1 of an empty file. Those that were
/// released are never changed: a store of any earlier version is opened through them.
const MIGRATIONS: [&str; 2] = [
    "CREATE TABLE records (resource TEXT PRIMARY KEY, attributes TEXT NOT NULL, parents TEXT NOT NULL, token TEXT NOT NULL,
        realm TEXT, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE intents (resource TEXT PRIMARY KEY, operation TEXT NOT NULL, token TEXT NOT NULL, realm TEXT, at INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE journal (seq INTEGER PRIMARY KEY, resource TEXT NOT NULL, event TEXT NOT NULL, detail TEXT NOT NULL,
        at INTEGER NOT NULL);",
    // Who changed the project, by number; the highest is the one whose writes are taken.
    "CREATE TABLE runs (run INTEGER PRIMARY KEY AUTOINCREMENT, holder TEXT NOT NULL, at INTEGER NOT NULL);",
];

#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const FORMAT: i64 = MIGRATIONS.len() as i64;

/// Which file a path leads to.
pub(super) type Identity = (u64, u64);

/// `None` when there is no file.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}

/// Opens or makes the file. An empty, cut or foreign one is an error, never "nothing recorded".
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let name = path.display().to_string();
    let failed = |why: &dyn std::fmt::Display| Error::Open { path: name.clone(), why: why.to_string() };
    let damaged = |why: &str| Error::Damaged { path: name.clone(), why: why.to_owned() };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|why| failed(&why))?;
    }
    if !path.try_exists().map_err(|why| failed(&why))? {
        make(path).map_err(|why| failed(&why))?;
    }
    check_whole(path).map_err(|why| failed(&why))?.map_err(damaged)?;
    let sql = |why: rusqlite::Error| if is_damage(&why) { damaged(&why.to_string()) } else { failed(&why) };
    let mut connection = Connection::open(path).map_err(sql)?;
    let setup = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
    connection.execute_batch(setup).map_err(sql)?;
    match format(&connection).map_err(sql)? {
        FORMAT => {}
        0 => return Err(damaged("it holds something else")),
        found @ 1..FORMAT => migrate(&mut connection, found).map_err(sql)?,
        found => return Err(Error::Newer { path: name, found, known: FORMAT }),
    }
    Ok(connection)
}

/// Opens a file that is there to read what is recorded. One of an earlier format is left as it is: whatever is read of it
/// stands in every format that was released.
pub(super) fn look(path: &Path) -> Result<Connection, Error> {
    let name = path.display().to_string();
    let failed = |why: &dyn std::fmt::Display| Error::Open { path: name.clone(), why: why.to_string() };
    let damaged = |why: &str| Error::Damaged { path: name.clone(), why: why.to_owned() };
    check_whole(path).map_err(|why| failed(&why))?.map_err(damaged)?;
    let sql = |why: rusqlite::Error| if is_damage(&why) { damaged(&why.to_string()) } else { failed(&why) };
    // Not read-only: who looks at a log that nobody has open needs to be able to make its index.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL;").map_err(sql)?;
    match format(&connection).map_err(sql)? {
        1..=FORMAT => Ok(connection),
        0 => Err(damaged("it holds something else")),
        found => Err(Error::Newer { path: name, found, known: FORMAT }),
    }
}

fn format(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// In one transaction: a run that is cut leaves the old format. Another run may have done it meanwhile.
fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = format(&transaction)?.max(from);
    for statements in MIGRATIONS.iter().skip(usize::try_from(from).expect("a positive number")) {
        transaction.execute_batch(statements)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

pub(super) fn is_damage(why: &rusqlite::Error) -> bool {
    let code = why.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(why, rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..))
}

/// SQLite takes a file that was cut between two pages for a smaller database. With a log beside it the file may be behind
/// its own header; then the log has what is missing.
fn check_whole(path: &Path) -> std::io::Result<Result<(), &'static str>> {
    use std::io::Read as _;

    let mut header = Vec::new();
    let mut file = std::fs::File::open(path)?;
    file.by_ref().take(100).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(Err("it is empty"));
    }
    if header.len() < 100 {
        return Ok(Err("it was cut"));
    }
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let has_log = log(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
    let says = u64::from(number(28)) * page;
    let is_current = number(24) == number(92);
    Ok(if !has_log && is_current && file.metadata()?.len() < says { Err("it was cut") } else { Ok(()) })
}

/// Made beside its place and renamed, so that a file under the final name is always whole.
fn make(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let beside = path.with_extension("new");
    // The log of a store that was moved away must not be replayed into this one.
    for leftover in [beside.clone(), log(path, "-wal"), log(path, "-shm")] {
        match std::fs::remove_file(leftover) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why.into()),
            _ => {}
        }
    }
    let mut connection = Connection::open(&beside)?;
    migrate(&mut connection, 0)?;
    connection.close().map_err(|(_, why)| why)?;
    std::fs::rename(&beside, path)?;
    Ok(())
}

fn log(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
