//! The rows: what each transition does to the tables, and everything read back.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::id::ResourceId;
use crate::store::{Intent, Kept, Record, Recorded, Transition, parents_from_text, parents_to_text};

/// How many past runs are remembered.
const RUNS: i64 = 100;

/// The number of a run that begins now; the runs before it are no longer heard.
pub(super) fn begin_run(connection: &Connection, holder: &str) -> rusqlite::Result<i64> {
    connection.execute("INSERT INTO runs (holder, at) VALUES (?1, ?2)", params![holder, now()])?;
    let run = connection.last_insert_rowid();
    connection.execute("DELETE FROM runs WHERE run <= ?1", [run - RUNS])?;
    Ok(run)
}

/// Who began after `run`, if anyone did.
pub(super) fn later_run(transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<Option<String>> {
    let text = "SELECT holder FROM runs WHERE run > ?1 ORDER BY run DESC LIMIT 1";
    transaction.prepare_cached(text)?.query_row([run], |row| row.get(0)).optional()
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as i64)
}

pub(super) fn write(to: &Transaction<'_>, transition: &Transition) -> rusqlite::Result<()> {
    let at = now();
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
            let attributes = record.attributes.to_text();
            let parents = parents_to_text(&record.parents);
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

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Recorded> {
    let mut recorded = Recorded::default();
    let mut statement = connection.prepare("SELECT resource, attributes, parents, token, realm FROM records")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(id) = ResourceId::parse(row.get_ref(0)?.as_str()?) else { continue };
        let attributes = Kept::from_text(row.get_ref(1)?.as_str()?).map_err(|why| odd(1, why))?;
        let parents = parents_from_text(row.get_ref(2)?.as_str()?).map_err(|why| odd(2, why))?;
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

fn odd(column: usize, why: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(why))
}
