//! One connection, and what is asked over it. Every change is made in one transaction that first makes sure that the
//! claim is still ours.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use super::trouble::Trouble;
use super::{rows, schema};
use crate::store::postgres::Target;
use crate::store::{Error, Holder, Recorded, Transition};

/// What is asked.
pub(super) enum Job<'a> {
    Exists,
    Claim(&'a Holder, Duration),
    Release,
    Renew,
    Load,
    Commit(&'a [Transition]),
    Get(&'a str),
    Put { name: &'a str, content: &'a [u8], replace: bool },
    Remove(&'a str),
    Clear,
}

/// What comes back.
pub(super) enum Answer {
    Done,
    Whether(bool),
    Fence(i64),
    Recorded(Recorded),
    Secret(Option<Vec<u8>>),
}

pub(super) struct Session {
    client: Client,
    project: String,
    ready: bool,
}

/// Held by the session of a claim: the server drops it with the connection of a dead run.
const SIGN_OF_LIFE: &str = "hashtextextended('machine ' || $1::text, $2::bigint)";

impl Session {
    pub(super) async fn open(target: &Target, project: &str) -> Result<Self, Trouble> {
        let client = target.connect().await?;
        // Whatever the server's default is, a commit is on disk when it returns.
        let durable = "SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'";
        client.execute(durable, &[]).await?;
        // A run that stands still in the middle of a transaction must not keep others out for longer than its lease.
        let patience = "SELECT set_config('idle_in_transaction_session_timeout', $1, false),
            set_config('lock_timeout', $1, false)";
        client.execute(patience, &[&format!("{}ms", target.lease_time().as_millis())]).await?;
        Ok(Self { client, project: project.to_owned(), ready: false })
    }

    /// Takes a claim of an earlier connection over to this one.
    pub(super) async fn resume(&mut self, fence: i64) -> Result<(), Trouble> {
        let transaction = self.client.transaction().await?;
        guard(&transaction, &self.project, Some(fence)).await?;
        let live = format!("SELECT pg_try_advisory_lock({SIGN_OF_LIFE})");
        transaction.query_one(&live, &[&self.project, &fence]).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(super) async fn perform(&mut self, fence: Option<i64>, job: &Job<'_>, name: &str) -> Result<Answer, Trouble> {
        if let Job::Exists = job {
            return Ok(Answer::Whether(schema::exists(&self.client).await?));
        }
        if !self.ready {
            match job {
                Job::Load | Job::Get(_) if !schema::readable(&self.client, name).await? => {
                    let nothing = Answer::Recorded(Recorded::default());
                    return Ok(if matches!(job, Job::Load) { nothing } else { Answer::Secret(None) });
                }
                Job::Load | Job::Get(_) => {}
                _ => {
                    schema::migrate(&mut self.client, name).await?;
                    self.ready = true;
                }
            }
        }
        let project = self.project.clone();
        match job {
            Job::Load => return Ok(Answer::Recorded(rows::load(&self.client, &project, name).await?)),
            Job::Get(secret) => return self.get(secret).await,
            Job::Claim(holder, lease) => return self.claim(holder, *lease).await,
            _ => {}
        }
        let transaction = self.client.transaction().await?;
        guard(&transaction, &project, fence).await?;
        match job {
            Job::Commit(all) => rows::write(&transaction, &project, all).await?,
            Job::Put { name, content, replace } => put(&transaction, &project, name, content, *replace).await?,
            Job::Remove(secret) => {
                let text = "DELETE FROM machine.secrets WHERE project = $1 AND name = $2";
                transaction.execute(text, &[&project, secret]).await?;
            }
            Job::Release => release(&transaction, &project, fence).await?,
            Job::Clear => rows::clear(&transaction, &project).await?,
            Job::Renew | Job::Exists | Job::Claim(..) | Job::Load | Job::Get(_) => {}
        }
        transaction.commit().await?;
        Ok(Answer::Done)
    }

    async fn get(&self, secret: &str) -> Result<Answer, Trouble> {
        let text = "SELECT content FROM machine.secrets WHERE project = $1 AND name = $2";
        let row = self.client.query_opt(text, &[&self.project, &secret]).await?;
        Ok(Answer::Secret(row.map(|row| row.get(0))))
    }

    /// A claim is taken over when its run said nothing for the time of its lease, or when its connection is gone.
    async fn claim(&mut self, holder: &Holder, lease: Duration) -> Result<Answer, Trouble> {
        let project = &self.project;
        let transaction = self.client.transaction().await?;
        let begin = "INSERT INTO machine.projects (project) VALUES ($1) ON CONFLICT DO NOTHING";
        transaction.execute(begin, &[project]).await?;
        let look = "SELECT fence, holder, coalesce(seen > clock_timestamp() - lease, false)
            FROM machine.projects WHERE project = $1 FOR UPDATE";
        let row = match transaction.query_one(look, &[project]).await {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Err(Error::Locked(None).into()),
            row => row?,
        };
        let (fence, other, is_fresh): (i64, Option<String>, bool) = (row.get(0), row.get(1), row.get(2));
        if let Some(other) = other.filter(|_| is_fresh) {
            let live = format!("SELECT pg_try_advisory_xact_lock({SIGN_OF_LIFE})");
            let is_dead: bool = transaction.query_one(&live, &[project, &fence]).await?.get(0);
            if !is_dead {
                return Err(Error::Locked(Holder::parse(&other).map(Box::new)).into());
            }
        }
        let fence = fence + 1;
        let take = "UPDATE machine.projects SET fence = $2, holder = $3, seen = clock_timestamp(),
            lease = make_interval(secs => $4) WHERE project = $1";
        transaction.execute(take, &[project, &fence, &holder.to_text(), &lease.as_secs_f64()]).await?;
        let live = format!("SELECT pg_try_advisory_lock({SIGN_OF_LIFE})");
        transaction.query_one(&live, &[project, &fence]).await?;
        transaction.commit().await?;
        Ok(Answer::Fence(fence))
    }
}

/// Locks the project's row, so that nobody takes it over before this transaction ends, and refuses when somebody has.
async fn guard(transaction: &Transaction<'_>, project: &str, fence: Option<i64>) -> Result<(), Trouble> {
    let Some(fence) = fence else { return Ok(()) };
    let text = "UPDATE machine.projects SET seen = clock_timestamp() WHERE project = $1 AND fence = $2";
    if transaction.execute(text, &[&project, &fence]).await? == 1 {
        return Ok(());
    }
    let text = "SELECT holder FROM machine.projects WHERE project = $1";
    let other: Option<String> = transaction.query_opt(text, &[&project]).await?.and_then(|row| row.get(0));
    Err(Error::Fenced(other.and_then(|text| Holder::parse(&text)).map(Box::new)).into())
}

async fn release(transaction: &Transaction<'_>, project: &str, fence: Option<i64>) -> Result<(), Trouble> {
    let Some(fence) = fence else { return Ok(()) };
    let text = "UPDATE machine.projects SET holder = NULL WHERE project = $1 AND fence = $2";
    transaction.execute(text, &[&project, &fence]).await?;
    let live = format!("SELECT pg_advisory_unlock({SIGN_OF_LIFE})");
    transaction.query_one(&live, &[&project, &fence]).await?;
    Ok(())
}

async fn put(
    transaction: &Transaction<'_>,
    project: &str,
    name: &str,
    content: &[u8],
    replace: bool,
) -> Result<(), Trouble> {
    let conflict = if replace { "(project, name) DO UPDATE SET content = $3, at = now()" } else { "DO NOTHING" };
    let text =
        format!("INSERT INTO machine.secrets (project, name, content) VALUES ($1, $2, $3) ON CONFLICT {conflict}");
    transaction.execute(&text, &[&project, &name, &content]).await?;
    Ok(())
}
