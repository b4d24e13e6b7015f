//! One operation: intent on disk, the call with its retries, the result on disk.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::poll;
use sha2::{Digest, Sha256};

use super::{Event, Tools};
use crate::id::ResourceId;
use crate::plan::{Action, Phase, Step};
use crate::resource::{Context, Failure, Progress, Resource, Retry};
use crate::store::{self, Operation, Record, Transition};
use crate::value::Attributes;

/// How an operation ended badly.
pub(super) enum Error {
    Operation(Failure),
    /// Nothing more may be done: what happens can no longer be written down.
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// Carries out one half of a step. `effective` is called once the world is as it should be and the record of it stands in
/// the store's queue: what comes next may begin, and shares the wait for the disk. Of what begins again with the same resource it is not called.
pub(super) async fn operate(
    tools: &Tools,
    resource: Arc<dyn Resource>,
    step: &Step,
    phase: Phase,
    effective: impl FnOnce(),
) -> Result<(), Error> {
    let id = resource.id().clone();
    let operation = match (step.action, phase) {
        (Action::Delete | Action::Replace, Phase::Down) => Operation::Delete,
        (Action::Update, _) => Operation::Update,
        _ => Operation::Create,
    };
    let token = token(tools, &id, operation);
    let realm = resource.realm().map(str::to_owned);
    let begin = Transition::Begin { id: id.clone(), operation, token: token.clone(), realm: realm.clone() };
    tools.store.write(begin).await?;

    let cx = context(tools, &id, &token);
    // The second half of a replace finds it renamed and deleted.
    let moved = step.moved.as_ref().filter(|_| phase == Phase::Down || step.action != Action::Replace);
    let end = match call(tools, resource.as_ref(), step, moved, operation, &cx).await {
        Ok(Some(attributes)) => {
            tools.context.outputs.set(id.clone(), attributes.clone());
            let record = Record { attributes, parents: resource.parents().to_vec(), token, realm };
            Transition::Hold { id, record }
        }
        Ok(None) => {
            tools.context.outputs.remove(&id);
            Transition::Gone { id }
        }
        Err(failure) => {
            tools.store.write(Transition::Fail { id, message: failure.message.clone() }).await?;
            return Err(Error::Operation(failure));
        }
    };
    let mut write = tools.store.write(end);
    if let Some(from) = moved {
        write.await?;
        tools.store.write(Transition::Gone { id: from.clone() }).await?;
        return Ok(());
    }
    if let Poll::Ready(written) = poll!(&mut write) {
        return Ok(written?);
    }
    let begins_again = step.action == Action::Replace && phase == Phase::Down;
    if !begins_again {
        effective();
    }
    Ok(write.await?)
}

/// The token of a create that was begun before and never ended, so that its repetition is recognised; the token of the
/// object for an update; a new one otherwise.
fn token(tools: &Tools, id: &ResourceId, operation: Operation) -> String {
    let known = match operation {
        Operation::Create => tools
            .recorded
            .intents
            .get(id)
            .filter(|intent| intent.operation == operation.as_str())
            .map(|intent| intent.token.clone()),
        Operation::Update | Operation::Delete => tools.recorded.records.get(id).map(|record| record.token.clone()),
    };
    known.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let seed = format!("{}\0{id}\0{now}\0{}", tools.context.owner.slug(), std::process::id());
        hex::encode(&Sha256::digest(seed)[..16])
    })
}

fn context(tools: &Tools, id: &ResourceId, token: &str) -> Context {
    let (events, resource) = (tools.events.clone(), id.clone());
    let progress =
        Progress::new(move |text| events.send(Event::Progress { resource: resource.clone(), text: text.to_owned() }));
    Context { progress, token: token.to_owned(), ..tools.context.clone() }
}

/// How long a provider may ask us to come back later.
const PATIENCE: Duration = Duration::from_mins(15);
const QUICK: Duration = Duration::from_millis(20);

fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(8)
        .build()
}

/// Between 0 and 1, so that those who failed together do not return together.
fn fraction() -> f64 {
    RandomState::new().hash_one(Instant::now()) as f64 / u64::MAX as f64
}

/// The attributes after a create or update, nothing after a delete.
async fn call(
    tools: &Tools,
    resource: &dyn Resource,
    step: &Step,
    moved: Option<&ResourceId>,
    operation: Operation,
    cx: &Context,
) -> Result<Option<Attributes>, Failure> {
    let start = Instant::now();
    let mut waits = backoff();
    loop {
        let renamed = match moved {
            Some(from) => resource.rename(from, cx).await,
            None => Ok(()),
        };
        let result = match (renamed, operation) {
            (Err(failure), _) => Err(failure),
            (Ok(()), Operation::Create) => resource.create(cx).await.map(Some),
            (Ok(()), Operation::Update) => resource.update(cx, &step.changes).await.map(Some),
            (Ok(()), Operation::Delete) => resource.delete(cx).await.map(|()| None),
        };
        let Err(failure) = result else { return result };
        let wait = match failure.retry {
            _ if cx.cancel.is_cancelled() => return Err(failure),
            Retry::Never => return Err(failure),
            // Being asked to come back is no failure of ours, however often; others were asked for the same moment.
            Retry::Later(Some(asked)) if start.elapsed() < PATIENCE => asked.max(QUICK) * 2,
            Retry::Later(_) => match waits.next() {
                Some(wait) => wait,
                None => return Err(failure),
            },
        };
        let wait = wait.mul_f64(0.5 + fraction());
        tools.events.send(Event::Retrying { resource: resource.id().clone(), failure, wait });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cx.cancel.cancelled() => return Err(Failure::new("stopped on request, before trying again")),
        }
    }
}
