//! A world in memory that keeps book of every object and call, misbehaves on request and notices what must never happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use libmachine::id::ResourceId;
use libmachine::resource::{
    Change, Context, Disruption, Failure, Found, Impact, Link, Observation, Page, Parent, Resource, Source,
};
use libmachine::store::{Error, Intent, Record, Recorded, Store, Transition};
use libmachine::value::Attributes;
use tokio::time::{Instant, sleep};

use super::mortal::Fate;

/// What a provider answers to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// Not now: come back later.
    Busy,
    /// An error after the call had its effect.
    DoneAndFailed,
    /// An error that trying again does not mend.
    Refused,
}

#[derive(Debug, Default)]
struct Book {
    objects: BTreeMap<ResourceId, Object>,
    faults: Vec<String>,
    calls: usize,
}

#[derive(Debug)]
struct Object {
    attributes: Attributes,
    parents: Vec<Parent>,
    born: Instant,
}

/// The world. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    book: Arc<Mutex<Book>>,
    /// How the calls that change something are answered, in turn; done when there is nothing left.
    answers: Arc<Mutex<Vec<Answer>>>,
    /// How long a call takes.
    latency: Duration,
    /// How long an object that is new does not appear in listings.
    pub lag: Duration,
}

impl Ledger {
    pub fn new(latency: Duration, lag: Duration) -> Self {
        Self { latency, lag, ..Self::default() }
    }

    pub fn answering(&self, answers: &[Answer]) {
        *self.answers.lock().expect("no holder panics") = answers.iter().rev().copied().collect();
    }

    pub fn objects(&self) -> BTreeMap<ResourceId, Attributes> {
        let book = self.book.lock().expect("no holder panics");
        book.objects.iter().map(|(id, object)| (id.clone(), object.attributes.clone())).collect()
    }

    /// What happened that must never happen.
    pub fn faults(&self) -> Vec<String> {
        self.book.lock().expect("no holder panics").faults.clone()
    }

    /// Calls of every kind since the last question.
    pub fn calls(&self) -> usize {
        std::mem::take(&mut self.book.lock().expect("no holder panics").calls)
    }

    async fn call<T>(&self, fate: &Fate, act: impl FnOnce(&mut Book) -> T) -> Result<T, Failure> {
        fate.moment().await;
        if !self.latency.is_zero() {
            sleep(self.latency).await;
        }
        let answer = self.answers.lock().expect("no holder panics").pop().unwrap_or(Answer::Done);
        match answer {
            Answer::Busy => return Err(Failure::new("too many calls").retry(Some(Duration::from_millis(300)))),
            Answer::Refused => return Err(Failure::new("no")),
            Answer::Done | Answer::DoneAndFailed => {}
        }
        let outcome = act(&mut self.book.lock().expect("no holder panics"));
        self.book.lock().expect("no holder panics").calls += 1;
        fate.moment().await;
        if answer == Answer::DoneAndFailed { Err(Failure::new("internal error").retry(None)) } else { Ok(outcome) }
    }
}

/// A resource of the ledger: `image` replaces it, `cpus` restarts it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: ResourceId,
    pub parents: Vec<Parent>,
    pub desired: Attributes,
    pub source: Listing,
}

/// The ledger's only listing.
#[derive(Clone, Debug)]
pub struct Listing {
    pub ledger: Ledger,
    pub fate: Fate,
}

#[async_trait]
impl Source for Listing {
    fn name(&self) -> &'static str {
        "ledger"
    }

    async fn list(&self, _cx: &Context, _from: Option<&str>) -> Result<Page, Failure> {
        let (now, lag) = (Instant::now(), self.ledger.lag);
        let mut book = self.ledger.book.lock().expect("no holder panics");
        book.calls += 1;
        let old = |object: &&Object| lag.is_zero() || now.duration_since(object.born) >= lag;
        let found =
            |(id, object): (&ResourceId, &Object)| Found { id: id.clone(), attributes: object.attributes.clone() };
        Ok(Page::whole(book.objects.iter().filter(|(_, object)| old(object)).map(found).collect()))
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        let book = self.ledger.book.lock().expect("no holder panics");
        let parents = book.objects.get(&found.id).map(|object| object.parents.clone()).unwrap_or_default();
        Some(Arc::new(Entry { id: found.id.clone(), parents, desired: Attributes::new(), source: self.clone() }))
    }
}

impl Book {
    /// Takes an object with all that lives in it; what is built upon any of that must be gone.
    fn remove(&mut self, id: &ResourceId) {
        let mut gone = BTreeSet::from([id.clone()]);
        loop {
            let hangs = |object: &Object, link: Link| {
                object.parents.iter().any(|parent| parent.link == link && gone.contains(&parent.id))
            };
            let inside: Vec<_> =
                self.objects.iter().filter(|(_, o)| hangs(o, Link::Within)).map(|(id, _)| id).collect();
            let more: Vec<_> = inside.into_iter().filter(|id| !gone.contains(*id)).cloned().collect();
            if more.is_empty() {
                for (other, object) in self.objects.iter().filter(|(other, _)| !gone.contains(*other)) {
                    if hangs(object, Link::Uses) {
                        self.faults.push(format!("{id} was taken from under {other}"));
                    }
                }
                break;
            }
            gone.extend(more);
        }
        self.objects.retain(|id, _| !gone.contains(id));
    }

    fn put(&mut self, entry: &Entry) {
        for parent in entry.parents.iter().filter(|parent| parent.link != Link::After) {
            if !self.objects.contains_key(&parent.id) {
                self.faults.push(format!("{} was made without {}", entry.id, parent.id));
            }
        }
        let born = self.objects.get(&entry.id).map_or_else(Instant::now, |object| object.born);
        let object = Object { attributes: entry.desired.clone(), parents: entry.parents.clone(), born };
        self.objects.insert(entry.id.clone(), object);
    }
}

#[async_trait]
impl Resource for Entry {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        match change.path.to_string().as_str() {
            "image" => Impact::Replace(Disruption::DataLoss),
            "cpus" => Impact::InPlace(Disruption::Reboot, None),
            _ => Impact::InPlace(Disruption::None, None),
        }
    }

    fn listed_by(&self) -> Option<&dyn Source> {
        Some(&self.source)
    }

    async fn read(&self, _cx: &Context) -> Observation {
        let mut book = self.source.ledger.book.lock().expect("no holder panics");
        book.calls += 1;
        book.objects.get(&self.id).map_or(Observation::Absent, |o| Observation::Present(o.attributes.clone()))
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        self.source.ledger.call(&self.source.fate, |book| book.put(self)).await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, _cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.source.ledger.call(&self.source.fate, |book| book.put(self)).await?;
        Ok(self.desired.clone())
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        self.source.ledger.call(&self.source.fate, |book| book.remove(&self.id)).await
    }
}

/// A store in memory. What was not yet on disk when the process died is there in part only.
#[derive(Default)]
pub struct Memory(Mutex<Disk>);

#[derive(Default)]
struct Disk {
    safe: Recorded,
    queued: Vec<Transition>,
    committed: usize,
}

impl Memory {
    /// The power fails: of what waits for the disk, only the first transitions arrived.
    pub fn fail(&self, arrived: usize) {
        let mut disk = self.0.lock().expect("no holder panics");
        let arrived = arrived.min(disk.queued.len());
        disk.commit(arrived);
        disk.queued.clear();
    }

    pub fn lose(&self) {
        *self.0.lock().expect("no holder panics") = Disk::default();
    }
}

impl Disk {
    fn commit(&mut self, n: usize) {
        for transition in self.queued.drain(..n).collect::<Vec<_>>() {
            self.committed += 1;
            match transition {
                Transition::Begin { id, operation, token, realm } => {
                    let intent = Intent { operation: operation.as_str().to_owned(), token, realm };
                    self.safe.intents.insert(id, intent);
                }
                Transition::Hold { id, record } => {
                    self.safe.intents.remove(&id);
                    self.safe.records.insert(id, Record { ..record });
                }
                Transition::Gone { id } => {
                    self.safe.intents.remove(&id);
                    self.safe.records.remove(&id);
                }
                Transition::Fail { .. } => {}
            }
        }
    }
}

/// How long the disk takes.
const DISK: Duration = Duration::from_millis(1);

#[async_trait]
impl Store for Memory {
    async fn load(&self) -> Result<Recorded, Error> {
        Ok(self.0.lock().expect("no holder panics").safe.clone())
    }

    async fn write(&self, transition: Transition) -> Result<(), Error> {
        let mine = {
            let mut disk = self.0.lock().expect("no holder panics");
            disk.queued.push(transition);
            disk.committed + disk.queued.len()
        };
        sleep(DISK).await;
        let mut disk = self.0.lock().expect("no holder panics");
        let waiting = mine.saturating_sub(disk.committed);
        disk.commit(waiting);
        Ok(())
    }
}
