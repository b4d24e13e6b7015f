//! The rows: what transitions do to the tables, and everything read back.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Transaction};

use super::trouble::Trouble;
use crate::id::ResourceId;
use crate::store::{Error, Intent, Kept, Record, Recorded, Transition, parents_from_text, parents_to_text};

/// Columns of rows that are written together.
struct Columns<const N: usize>([Vec<Option<String>>; N]);

impl<const N: usize> Columns<N> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Vec::new()))
    }

    fn push(&mut self, row: [Option<&str>; N]) {
        for (column, value) in self.0.iter_mut().zip(row) {
            // PostgreSQL's texts hold no zero byte.
            column.push(value.map(|text| text.replace('\0', "")));
        }
    }
}

/// Writes transitions of different resources: a statement per table, however many there are, all on their way at once.
pub(super) async fn write(to: &Transaction<'_>, project: &str, all: &[Transition]) -> Result<(), Trouble> {
    let mut begun = Columns::<4>::new();
    let mut held = Columns::<5>::new();
    let mut log = Columns::<3>::new();
    let (mut ended, mut gone) = (Vec::new(), Vec::new());
    for transition in all {
        match transition {
            Transition::Begin { id, operation, token, realm } => {
                begun.push([Some(id.as_str()), Some(operation.as_str()), Some(token), realm.as_deref()]);
                log.push([Some(id.as_str()), Some("begin"), Some(operation.as_str())]);
            }
            Transition::Hold { id, record } => {
                let attributes = record.attributes.to_text();
                let parents = parents_to_text(&record.parents);
                let row = [id.as_str(), &attributes, &parents, &record.token].map(Some);
                held.push([row[0], row[1], row[2], row[3], record.realm.as_deref()]);
                log.push([Some(id.as_str()), Some("hold"), Some("")]);
                ended.push(id.as_str());
            }
            Transition::Gone { id } => {
                log.push([Some(id.as_str()), Some("gone"), Some("")]);
                ended.push(id.as_str());
                gone.push(id.as_str());
            }
            Transition::Fail { id, message } => log.push([Some(id.as_str()), Some("fail"), Some(message)]),
        }
    }
    let intents = "INSERT INTO machine.intents (project, resource, operation, token, realm)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
        ON CONFLICT (project, resource) DO UPDATE SET operation = excluded.operation, token = excluded.token,
            realm = excluded.realm, at = now()";
    let records = "INSERT INTO machine.records (project, resource, attributes, parents, token, realm)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        ON CONFLICT (project, resource) DO UPDATE SET attributes = excluded.attributes, parents = excluded.parents,
            token = excluded.token, realm = excluded.realm, at = now()";
    let journal = "INSERT INTO machine.journal (project, resource, event, detail)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])";
    let ([i0, i1, i2, i3], [r0, r1, r2, r3, r4], [j0, j1, j2]) = (&begun.0, &held.0, &log.0);
    if !i0.is_empty() {
        to.execute(intents, &[&project, i0, i1, i2, i3]).await?;
    }
    if !ended.is_empty() {
        to.execute("DELETE FROM machine.intents WHERE project = $1 AND resource = ANY($2)", &[&project, &ended])
            .await?;
    }
    if !r0.is_empty() {
        to.execute(records, &[&project, r0, r1, r2, r3, r4]).await?;
    }
    if !gone.is_empty() {
        to.execute("DELETE FROM machine.records WHERE project = $1 AND resource = ANY($2)", &[&project, &gone]).await?;
    }
    to.execute(journal, &[&project, j0, j1, j2]).await?;
    Ok(())
}

pub(super) async fn load(client: &Client, project: &str, place: &str) -> Result<Recorded, Trouble> {
    let mut recorded = Recorded::default();
    let text = "SELECT resource, attributes, parents, token, realm FROM machine.records WHERE project = $1";
    for row in client.query(text, &[&project]).await? {
        let Some(id) = ResourceId::parse(row.get(0)) else { continue };
        let odd = |why: serde_json::Error| Error::Garbled { place: place.to_owned(), why: format!("{id}: {why}") };
        let attributes = Kept::from_text(row.get(1)).map_err(odd)?;
        let parents = parents_from_text(row.get(2)).map_err(odd)?;
        recorded.records.insert(id, Record { attributes, parents, token: row.get(3), realm: row.get(4) });
    }
    let text = "SELECT resource, operation, token, realm FROM machine.intents WHERE project = $1";
    let intents: BTreeMap<_, _> = client
        .query(text, &[&project])
        .await?
        .iter()
        .filter_map(|row| {
            let intent = Intent { operation: row.get(1), token: row.get(2), realm: row.get(3) };
            Some((ResourceId::parse(row.get(0))?, intent))
        })
        .collect();
    recorded.intents = intents;
    Ok(recorded)
}

/// Everything but the count of claims: a run that wakes up late must not find its number given out again.
pub(super) async fn clear(transaction: &Transaction<'_>, project: &str) -> Result<(), Trouble> {
    for table in ["records", "intents", "journal", "secrets"] {
        let text = format!("DELETE FROM machine.{table} WHERE project = $1");
        transaction.execute(&text, &[&project]).await?;
    }
    Ok(())
}
