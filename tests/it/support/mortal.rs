//! A process that dies at a chosen moment, without being one: from then on nothing moves any more, and what ran is dropped.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use libmachine::catalog::Catalog;
use libmachine::desired::Machine;
use libmachine::id::{Name, ResourceId};
use libmachine::note::Note;
use libmachine::provider::{Expansion, Power, Provider, Stray};
use libmachine::resource::{
    Change, Context, Disruption, Failure, Found, Impact, Observation, Page, Parent, Resource, Source,
};
use libmachine::store::{Error, Recorded, Store, Transition};
use libmachine::value::Attributes;
use tokio_util::sync::CancellationToken;

/// Counts the moments at which a process could die: before and after every call to a provider and every transition.
#[derive(Clone, Debug)]
pub struct Fate(Arc<Moments>);

#[derive(Debug)]
struct Moments {
    passed: AtomicUsize,
    last: usize,
    dead: CancellationToken,
}

impl Fate {
    /// Dies at this moment, counted from 0.
    pub fn dying_at(moment: usize) -> Self {
        Self(Arc::new(Moments { passed: AtomicUsize::new(0), last: moment, dead: CancellationToken::new() }))
    }

    pub fn immortal() -> Self {
        Self::dying_at(usize::MAX)
    }

    /// How many moments there were.
    pub fn passed(&self) -> usize {
        self.0.passed.load(Ordering::SeqCst)
    }

    pub async fn moment(&self) {
        if self.0.passed.fetch_add(1, Ordering::SeqCst) >= self.0.last {
            self.0.dead.cancel();
            pending::<()>().await;
        }
    }

    /// What comes of a life, or nothing when it was cut.
    pub async fn live<T>(&self, life: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.dead.cancelled() => None,
            outcome = life => Some(outcome),
        }
    }

    /// The same project, whose every change is a moment.
    pub fn over(&self, catalog: &Catalog) -> Catalog {
        let resources = catalog.resources.iter().map(|inner| self.resource(inner)).collect();
        let source = |inner: &Arc<dyn Source>| -> Arc<dyn Source> {
            Arc::new(MortalSource { inner: Arc::clone(inner), fate: self.clone() })
        };
        let provider = |(name, inner): (&Name, &Arc<dyn Provider>)| {
            let mortal = MortalSource { inner: Arc::clone(inner), fate: self.clone() };
            (name.clone(), Arc::new(mortal) as Arc<dyn Provider>)
        };
        let providers = catalog.providers.iter().map(provider).collect();
        Catalog { resources, sources: catalog.sources.iter().map(source).collect(), providers, ..catalog.clone() }
    }

    fn resource(&self, inner: &Arc<dyn Resource>) -> Arc<dyn Resource> {
        Arc::new(Mortal { inner: Arc::clone(inner), fate: self.clone() })
    }
}

/// A store whose every transition is preceded and followed by a moment.
pub struct MortalStore {
    pub inner: Arc<dyn Store>,
    pub fate: Fate,
}

#[async_trait]
impl Store for MortalStore {
    async fn load(&self) -> Result<Recorded, Error> {
        self.inner.load().await
    }

    async fn write(&self, transition: Transition) -> Result<(), Error> {
        self.fate.moment().await;
        let outcome = self.inner.write(transition).await;
        self.fate.moment().await;
        outcome
    }
}

/// A source whose things have moments; of a provider, taking over is one too.
#[derive(Debug)]
struct MortalSource<T: ?Sized> {
    inner: Arc<T>,
    fate: Fate,
}

#[async_trait]
impl<T: Source + ?Sized> Source for MortalSource<T> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn list(&self, cx: &Context, from: Option<&str>) -> Result<Page, Failure> {
        self.inner.list(cx, from).await
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        self.inner.revive(found).map(|inner| self.fate.resource(&inner))
    }
}

#[async_trait]
impl Provider for MortalSource<dyn Provider> {
    fn expand(&self, machine: &Machine) -> Result<Expansion, Vec<Note>> {
        self.inner.expand(machine)
    }

    async fn power(&self, machine: &Name, power: Power, cx: &Context) -> Result<(), Failure> {
        self.inner.power(machine, power, cx).await
    }

    async fn examine(&self, object: &str, machine: &Name, cx: &Context) -> Result<Option<Stray>, Failure> {
        self.inner.examine(object, machine, cx).await
    }

    async fn adopt(&self, object: &str, machine: &Name, cx: &Context) -> Result<(), Failure> {
        self.fate.moment().await;
        let outcome = self.inner.adopt(object, machine, cx).await;
        self.fate.moment().await;
        outcome
    }
}

#[derive(Debug)]
struct Mortal {
    inner: Arc<dyn Resource>,
    fate: Fate,
}

#[async_trait]
impl Resource for Mortal {
    fn id(&self) -> &ResourceId {
        self.inner.id()
    }

    fn parents(&self) -> &[Parent] {
        self.inner.parents()
    }

    fn desired(&self) -> &Attributes {
        self.inner.desired()
    }

    fn is_machine(&self) -> bool {
        self.inner.is_machine()
    }

    fn outputs(&self) -> &'static [&'static str] {
        self.inner.outputs()
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        self.inner.remarks()
    }

    fn machine(&self) -> Option<&str> {
        self.inner.machine()
    }

    fn claims(&self, attributes: &Attributes) -> Vec<String> {
        self.inner.claims(attributes)
    }

    fn renaming(&self) -> Impact {
        self.inner.renaming()
    }

    fn moves_together(&self) -> bool {
        self.inner.moves_together()
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        self.inner.impact(change, observed)
    }

    fn deletion(&self) -> Disruption {
        self.inner.deletion()
    }

    fn shared(&self) -> bool {
        self.inner.shared()
    }

    fn is_group(&self) -> bool {
        self.inner.is_group()
    }

    fn realm(&self) -> Option<&str> {
        self.inner.realm()
    }

    fn listed_by(&self) -> Option<&dyn Source> {
        self.inner.listed_by()
    }

    fn contents(&self) -> Option<&dyn Source> {
        self.inner.contents()
    }

    async fn read(&self, cx: &Context) -> Observation {
        self.inner.read(cx).await
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.fate.moment().await;
        let outcome = self.inner.create(cx).await;
        self.fate.moment().await;
        outcome
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        self.fate.moment().await;
        let outcome = self.inner.update(cx, changes).await;
        self.fate.moment().await;
        outcome
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.fate.moment().await;
        let outcome = self.inner.delete(cx).await;
        self.fate.moment().await;
        outcome
    }

    async fn rename(&self, from: &ResourceId, cx: &Context) -> Result<(), Failure> {
        self.fate.moment().await;
        let outcome = self.inner.rename(from, cx).await;
        self.fate.moment().await;
        outcome
    }

    async fn disown(&self, cx: &Context) -> Result<String, Failure> {
        self.fate.moment().await;
        let outcome = self.inner.disown(cx).await;
        self.fate.moment().await;
        outcome
    }
}
