//! One operation: intent on disk, the call with its retries, the result on disk.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::poll;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::hold::Hold;
use super::{Event, Tools};
use crate::id::ResourceId;
use crate::plan::{Action, Phase, Step};
use crate::resource::{Context, Failure, Progress, Resource, Retry, Work, overdue};
use crate::store::{self, Operation, Record, Transition};
use crate::value::Attributes;

/// How an operation ended badly.
pub(super) enum Error {
    Operation(Failure),
    /// Nothing was done; this is not as it should be before anything more is.
    Unwell(ResourceId, Failure),
    /// Nothing more may be done: what happens can no longer be written down.
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// One half of a step.
pub(super) struct Job<'a> {
    pub(super) resource: Arc<dyn Resource>,
    pub(super) step: &'a Step,
    pub(super) phase: Phase,
    pub(super) hold: Hold,
}

/// Carries it out. `effective` is called once the world is as it should be and the record of it stands in
/// the store's queue: what comes next may begin, and shares the wait for the disk. Of what begins again with the same resource it is not called.
pub(super) async fn operate(tools: &Tools, job: Job<'_>, effective: impl FnOnce()) -> Result<(), Error> {
    let Job { resource, step, phase, mut hold } = job;
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
    let end = match call(tools, resource.as_ref(), step, moved, operation, &cx, &mut hold).await {
        Ok(Some(attributes)) => {
            tools.context.outputs.set(id.clone(), attributes.clone());
            let record = Record { attributes: attributes.into(), parents: resource.parents().to_vec(), token, realm };
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
        hold.release();
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
async fn attempt(
    resource: &dyn Resource,
    step: &Step,
    moved: Option<&ResourceId>,
    work: Work,
    cx: Context,
) -> Result<Option<Attributes>, Failure> {
    if let Some(from) = moved {
        resource.rename(from, &cx).await?;
    }
    match work {
        Work::Update => resource.update(&cx, &step.changes).await.map(Some),
        Work::Delete => resource.delete(&cx).await.map(|()| None),
        Work::Create | Work::Read => resource.create(&cx).await.map(Some),
    }
}

/// How long an operation may take to stop once its time is up, before it is cut off where it stands.
const GRACE: Duration = Duration::from_secs(10);

/// What came of it in time. When that is up it is asked to stop, as a user would ask.
async fn within<T, L: Future<Output = Result<T, Failure>>>(
    time: Duration,
    cx: &Context,
    life: impl FnOnce(Context) -> L,
) -> Option<Result<T, Failure>> {
    let cancel = cx.cancel.child_token();
    let mut life = std::pin::pin!(life(Context { cancel: cancel.clone(), ..cx.clone() }));
    if let Ok(result) = timeout(time, &mut life).await {
        return Some(result);
    }
    cancel.cancel();
    timeout(GRACE, life).await.ok().filter(Result::is_ok)
}

/// Calls it, again where that may help.
async fn call(
    tools: &Tools,
    resource: &dyn Resource,
    step: &Step,
    moved: Option<&ResourceId>,
    operation: Operation,
    cx: &Context,
    hold: &mut Hold,
) -> Result<Option<Attributes>, Failure> {
    let start = Instant::now();
    let mut waits = backoff();
    let work = match operation {
        Operation::Create => Work::Create,
        Operation::Update => Work::Update,
        Operation::Delete => Work::Delete,
    };
    let time = cx.limits.time(resource, work);
    // What the provider makes us wait for is not the operation's own time.
    let mut spent = Duration::ZERO;
    loop {
        hold.begin();
        let began = tokio::time::Instant::now();
        let left = time.saturating_sub(spent);
        let result = within(left, cx, |cx| attempt(resource, step, moved, work, cx)).await;
        spent += began.elapsed();
        let Some(result) = result else { return Err(overdue(resource, work, time)) };
        let failure = match result {
            Ok(attributes) => {
                hold.budget().into_iter().for_each(|budget| budget.served());
                return Ok(attributes);
            }
            Err(failure) => failure,
        };
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
        if let (Some(budget), Retry::Later(Some(asked))) = (hold.budget(), failure.retry) {
            budget.refused(asked);
        }
        let wait = wait.mul_f64(0.5 + fraction());
        tools.events.send(Event::Retrying { resource: resource.id().clone(), failure, wait });
        let resting = hold.rest();
        let again = async {
            tokio::time::sleep(wait).await;
            hold.resume(resting).await;
        };
        tokio::select! {
            () = again => {}
            () = cx.cancel.cancelled() => return Err(Failure::new("stopped on request, before trying again")),
        }
    }
}
