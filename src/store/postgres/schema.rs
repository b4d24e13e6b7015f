//! The tables, in a schema of their own, and the way from each version of them to the next.

use tokio_postgres::Client;

use super::trouble::Trouble;
use crate::store::Error;

/// The statements that lead from each format to the next. Those that were released are never changed.
const MIGRATIONS: [&str; 1] =
    ["CREATE TABLE machine.projects (project text PRIMARY KEY, fence bigint NOT NULL DEFAULT 0, holder text,
        seen timestamptz, lease interval);
    CREATE TABLE machine.records (project text NOT NULL, resource text NOT NULL, attributes text NOT NULL,
        parents text NOT NULL, token text NOT NULL, realm text, at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (project, resource));
    CREATE TABLE machine.intents (project text NOT NULL, resource text NOT NULL, operation text NOT NULL,
        token text NOT NULL, realm text, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (project, resource));
    CREATE TABLE machine.journal (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, project text NOT NULL,
        resource text NOT NULL, event text NOT NULL, detail text NOT NULL, at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX journal_of_project ON machine.journal (project, seq);
    CREATE TABLE machine.secrets (project text NOT NULL, name text NOT NULL, content bytea NOT NULL,
        at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (project, name));"];

#[expect(clippy::cast_possible_wrap, reason = "a handful")]
const FORMAT: i64 = MIGRATIONS.len() as i64;

/// Whether there are tables of ours at all.
pub(super) async fn exists(client: &Client) -> Result<bool, Trouble> {
    Ok(client.query_one("SELECT to_regclass('machine.format') IS NOT NULL", &[]).await?.get(0))
}

/// Whether there is anything to read. Tables of an earlier format are left as they are: whatever is read of them stands
/// in every format that was released.
pub(super) async fn readable(client: &Client, name: &str) -> Result<bool, Trouble> {
    if !exists(client).await? {
        return Ok(false);
    }
    match found(client).await? {
        0 => Ok(false),
        1..=FORMAT => Ok(true),
        found => Err(Error::Newer { path: name.to_owned(), found, known: FORMAT }.into()),
    }
}

/// Brings the tables to the current format, from nothing or an earlier one, in one transaction. Others who want the same
/// wait for it.
pub(super) async fn migrate(client: &mut Client, name: &str) -> Result<(), Trouble> {
    if exists(client).await? && found(client).await? == FORMAT {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('machine format', 0))", &[]).await?;
    let create = "CREATE SCHEMA IF NOT EXISTS machine;
        CREATE TABLE IF NOT EXISTS machine.format (format bigint NOT NULL);";
    if transaction.query_one("SELECT to_regclass('machine.format') IS NULL", &[]).await?.get(0) {
        transaction.batch_execute(create).await?;
    }
    let format: i64 = transaction.query_one("SELECT coalesce(max(format), 0) FROM machine.format", &[]).await?.get(0);
    if format > FORMAT {
        return Err(Error::Newer { path: name.to_owned(), found: format, known: FORMAT }.into());
    }
    for statements in MIGRATIONS.iter().skip(usize::try_from(format).expect("a positive number")) {
        transaction.batch_execute(statements).await?;
    }
    transaction.batch_execute("DELETE FROM machine.format").await?;
    transaction.execute("INSERT INTO machine.format VALUES ($1)", &[&FORMAT]).await?;
    transaction.commit().await?;
    Ok(())
}

async fn found(client: &Client) -> Result<i64, Trouble> {
    Ok(client.query_one("SELECT coalesce(max(format), 0) FROM machine.format", &[]).await?.get(0))
}
