//! What a provider may be asked is kept to, by all who ask together. Time is the test's own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use libmachine::apply::{Events, Outcome, Tools, apply};
use libmachine::attributes;
use libmachine::desired;
use libmachine::dirs::Dirs;
use libmachine::graph::build;
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::observe::{Observed, Question, observe};
use libmachine::plan::{Options, plan};
use libmachine::provider::{DRIVERS, Site, setting};
use libmachine::resource::{
    Budget, Change, Context, Disruption, Failure, Found, Impact, Limits, Observation, Outputs, Page, Parent, Progress,
    Rate, Resource, Source, Times,
};
use libmachine::store::Recorded;
use libmachine::value::{Attributes, Path, Value, json};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::support::chance;
use crate::support::sandbox::Sandbox;
use crate::support::thing::{Nowhere, id};
use crate::support::world::World;

/// A provider that notes when it was called.
#[derive(Debug)]
struct Place {
    name: &'static str,
    latency: Duration,
    calls: Mutex<Vec<Instant>>,
    running: Mutex<(usize, usize)>,
    /// It refuses what exceeds so many calls in any second, and says when to come back.
    most: Option<usize>,
    refused: Mutex<Vec<Instant>>,
    pages: usize,
}

impl Place {
    fn new(name: &'static str, latency: Duration) -> Arc<Self> {
        Arc::new(Self::slow(name, latency))
    }

    fn slow(name: &'static str, latency: Duration) -> Self {
        let (calls, running, refused) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { name, latency, calls, running, most: None, refused, pages: 1 }
    }

    async fn call(&self) -> Result<(), Failure> {
        let now = Instant::now();
        let late = |then: &Instant| now.duration_since(*then) < Duration::from_secs(1);
        if let Some(most) = self.most {
            let recent = self.calls().into_iter().filter(|then| late(then)).collect::<Vec<_>>();
            if recent.len() >= most {
                self.refused.lock().expect("no holder panics").push(now);
                let wait = recent[0] + Duration::from_secs(1) - now;
                return Err(Failure::new("too many calls").retry(Some(wait)));
            }
        }
        self.calls.lock().expect("no holder panics").push(now);
        {
            let mut running = self.running.lock().expect("no holder panics");
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        sleep(self.latency).await;
        self.running.lock().expect("no holder panics").0 -= 1;
        Ok(())
    }

    fn calls(&self) -> Vec<Instant> {
        self.calls.lock().expect("no holder panics").clone()
    }

    fn most_at_once(&self) -> usize {
        self.running.lock().expect("no holder panics").1
    }

    /// The most calls that began in any stretch of time of this length.
    fn densest(&self, within: Duration) -> usize {
        let calls = self.calls();
        let from = |first: &Instant| calls.iter().filter(|then| *then >= first && **then < *first + within).count();
        calls.iter().map(from).max().unwrap_or_default()
    }
}

#[async_trait]
impl Source for Place {
    fn name(&self) -> &str {
        self.name
    }

    async fn list(&self, _cx: &Context, from: Option<&str>) -> Result<Page, Failure> {
        self.call().await?;
        let page = from.map_or(0, |from| from.parse().expect("our own word"));
        let found = vec![Found { id: ResourceId::new("t", page), attributes: attributes! {"n": page} }];
        Ok(Page { found, next: (page + 1 < self.pages).then(|| (page + 1).to_string()) })
    }

    fn revive(&self, _found: &Found) -> Option<Arc<dyn Resource>> {
        None
    }
}

#[derive(Debug)]
struct Thing {
    id: ResourceId,
    place: Arc<Place>,
    desired: Attributes,
}

#[async_trait]
impl Resource for Thing {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn realm(&self) -> Option<&str> {
        Some(self.place.name)
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match self.place.call().await {
            Ok(()) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        self.place.call().await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.create(cx).await.map(drop)
    }
}

fn things(place: &Arc<Place>, count: usize) -> Vec<Arc<dyn Resource>> {
    let thing = |n| -> Arc<dyn Resource> {
        let id = id(&format!("t/{}-{n:03}", place.name));
        Arc::new(Thing { id, place: Arc::clone(place), desired: attributes! {"n": n} })
    };
    (0..count).map(thing).collect()
}

fn limits<const N: usize>(budgets: [(&str, Option<&str>, Option<usize>); N]) -> Limits {
    let rate = |text: &str| setting::allowance(&json!(text)).expect("a rate");
    let budget = |(name, written, concurrency): (&str, Option<&str>, Option<usize>)| {
        (name.to_owned(), Budget::new(written.map(rate), concurrency))
    };
    Limits::new(budgets.into_iter().map(budget).collect(), HashMap::new(), Times::new())
}

fn context(limits: Limits) -> Context {
    let owner = Owner { project: Name::new("shop").expect("a name"), id: None };
    let (outputs, progress, cancel) = (Outputs::default(), Progress::silent(), CancellationToken::new());
    Context { owner, outputs, progress, limits, cancel, token: String::new() }
}

async fn make(things: Vec<Arc<dyn Resource>>, limits: Limits, parallel: usize) -> Outcome {
    let graph = build(things, Vec::new()).expect("no edges");
    let plan = Arc::new(plan(&graph, &Observed::default(), &Recorded::default(), &Options::default()));
    let (store, recorded) = (Arc::new(Nowhere), Arc::default());
    let tools = Tools { store, recorded, context: context(limits), events: Events::silent(), parallel };
    apply(&plan, &graph, &tools).await
}

fn timed<T>(life: impl Future<Output = T>) -> (T, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let start = Instant::now();
        let value = life.await;
        (value, start.elapsed())
    })
}

const MS: Duration = Duration::from_millis(1);

proptest! {
    #![proptest_config(chance::config(200))]

    #[test]
    fn a_rate_is_never_exceeded_and_used_up(
        calls in 1_usize..20, latency in 0_u32..400, parallel in 1_usize..40, count in 1_usize..120
    ) {
        let place = Place::new("cloud", MS * latency);
        let rate = format!("{calls}/s");
        let made = make(things(&place, count), limits([("cloud", Some(&rate), None)]), parallel);
        let (outcome, took) = timed(made);
        prop_assert!(outcome.is_complete());
        prop_assert_eq!(place.calls().len(), count);
        prop_assert!(place.densest(Duration::from_secs(1)) <= calls);
        // By the rate, or by how many may run at once; the last ones end after their latency.
        let by_rate = Duration::from_secs(((count - 1) / calls) as u64);
        let by_parallel = MS * latency * u32::try_from(count.div_ceil(parallel)).unwrap();
        let ideal = by_rate + by_parallel + MS * latency;
        prop_assert!(took <= ideal + ideal / 10 + MS * 20, "{took:?} of {ideal:?}");
    }
}

#[test]
fn no_more_operations_run_at_once_than_a_provider_allows() {
    let place = Place::new("cloud", MS * 100);
    let (outcome, took) = timed(make(things(&place, 30), limits([("cloud", None, Some(3))]), 64));
    assert!(outcome.is_complete());
    assert_eq!(place.most_at_once(), 3);
    assert_eq!(took, MS * 1000);
}

#[test]
fn a_slow_provider_is_in_nobodys_way() {
    let (slow, quick) = (Place::new("a", MS * 5000), Place::new("b", MS * 10));
    let mut all = things(&slow, 20);
    all.extend(things(&quick, 100));
    let (outcome, _) = timed(make(all, limits([("a", Some("2/s"), Some(2)), ("b", None, None)]), 4));
    assert!(outcome.is_complete());
    let (first, last) = (quick.calls()[0], *quick.calls().last().unwrap());
    assert!(last - first <= MS * 510, "the quick one has two of the four places at least: {:?}", last - first);
    assert_eq!(slow.most_at_once(), 2);
}

#[test]
fn who_was_told_to_come_back_later_holds_no_place() {
    let busy = Arc::new(Place { most: Some(1), ..Place::slow("a", MS) });
    let quick = Place::new("b", MS * 10);
    let mut all = things(&busy, 4);
    all.extend(things(&quick, 50));
    let (outcome, _) = timed(make(all, limits([("a", None, None), ("b", None, None)]), 4));
    assert!(outcome.is_complete());
    let (first, last) = (quick.calls()[0], *quick.calls().last().unwrap());
    assert!(last - first <= MS * 250, "{:?}", last - first);
}

#[test]
fn one_refusal_holds_all_calls_of_its_provider_back() {
    let place = Arc::new(Place { most: Some(10), ..Place::slow("cloud", MS * 20) });
    let (outcome, took) = timed(make(things(&place, 60), limits([("cloud", None, None)]), 30));
    assert!(outcome.is_complete());
    let refused = place.refused.lock().unwrap().clone();
    let first = refused[0];
    let resume = first + MS * 1000 - MS * 20;
    let early = |then: &&Instant| **then > first && **then < resume;
    assert_eq!(place.calls().iter().filter(early).count(), 0, "nothing begins before the provider's time is up");
    assert_eq!(refused.iter().filter(early).count(), 0);
    assert!(refused.len() < 60, "fewer are sent at once after that: {} refusals", refused.len());
    assert!(took < MS * 12_000, "{took:?}");
}

#[test]
fn a_listing_and_reads_keep_to_the_rate_too() {
    let place = Arc::new(Place { pages: 25, ..Place::slow("cloud", MS) });
    let (desired, sources) = (things(&place, 20), [Arc::clone(&place) as Arc<dyn Source>]);
    let question = Question {
        desired: &desired,
        orphans: &[],
        sources: &sources,
        remembered: &|_| None,
        moved: &BTreeMap::new(),
        select: None,
        parallel: 16,
    };
    let cx = context(limits([("cloud", Some("10/s"), None)]));
    let (sight, took) = timed(observe(&question, &cx));
    assert!(sight.expect("a graph").blind.is_empty());
    assert_eq!(place.calls().len(), 25 + 20, "a call for each page and each thing that no listing covers");
    assert_eq!(place.densest(Duration::from_secs(1)), 10);
    assert!(took < MS * 4600, "{took:?}");
}

#[test]
fn a_listing_is_read_in_pages() {
    let world = World::in_weather("latency: 0s", "machines: {}\n");
    let project = world.sandbox.project();
    let dirs = Dirs {
        global: project.clone(),
        config: project.clone(),
        state: project.clone(),
        data: project.clone(),
        cache: project.clone(),
        runtime: project.clone(),
    };
    let settings = [("world", json!("world.sqlite")), ("latency", json!("100ms"))];
    let provider = desired::Provider {
        name: Name::new("sim").expect("a name"),
        driver: "simulated".to_owned(),
        settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        base: project,
        at: Path::parse("providers.sim"),
    };
    let owner = Owner { project: Name::new("shop").expect("a name"), id: None };
    let site = Site { owner: &owner, dirs: &dirs, provider: &provider, key: &id("ssh.key/shop"), idle: false };
    let driver = DRIVERS.iter().find(|driver| driver.name == "simulated").expect("the driver");
    let look = |expected: usize| {
        let source: Arc<dyn Source> = (driver.open)(&site).expect("it opens");
        let question = Question {
            desired: &[],
            orphans: &[],
            sources: &[source],
            remembered: &|_| None,
            moved: &BTreeMap::new(),
            select: None,
            parallel: 16,
        };
        let (sight, took) = timed(observe(&question, &context(Limits::default())));
        assert_eq!(sight.expect("a graph").graph.len(), expected);
        took
    };
    assert_eq!(look(0), MS * 100);
    world.sandbox.ok("plan");
    let database = rusqlite::Connection::open(world.sandbox.project().join("world.sqlite")).expect("SQLite");
    let table =
        "CREATE TABLE objects (id TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL, attributes TEXT NOT NULL,
        PRIMARY KEY (owner, id)) WITHOUT ROWID";
    database.execute(table, []).expect("a table");
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
        INSERT INTO objects SELECT 'simulated.machine/m-' || i, 'simulated.machine', 'shop', '{}' FROM n";
    assert_eq!(database.execute(fill, []).expect("rows"), 2500);
    assert_eq!(look(2500), MS * 300, "a call for every thousand");
}

#[test]
fn a_rate_is_so_many_calls_in_any_stretch_of_its_unit() {
    let rate = |text: &str| setting::allowance(&Value::from(text));
    let of = |calls, seconds| Some(Rate { calls, within: Duration::from_secs(seconds) });
    assert_eq!(rate("10/s"), of(10, 1));
    assert_eq!(rate("100/m"), of(100, 60));
    assert_eq!(rate("5000/h"), of(5000, 3600));
    assert_eq!(rate("0.5/s"), of(1, 2));
    assert_eq!(rate("2.5/s").map(|rate| (rate.calls, rate.within)), Some((2, MS * 800)));
    for text in ["0/s", "-1/s", "10", "10/d", "/s", "inf/s"] {
        assert_eq!(rate(text), None, "{text}");
    }
}

#[test]
fn every_provider_takes_a_budget_and_says_what_one_is() {
    let plan = |settings: &str| {
        let text = format!(
            "name: shop\nproviders: {{ sim: {{ driver: simulated, {settings} }} }}\n\
             machines: {{ web: {{ provider: sim, engine: false }} }}\n"
        );
        Sandbox::with(&text).run(["plan"])
    };
    assert_eq!(plan("rate: 20/s, concurrency: 2").code, 0);
    for wrong in ["rate: 20", "rate: 20/d", "concurrency: 0", "concurrency: many"] {
        let refused = plan(wrong);
        assert_eq!(refused.code, 1, "{wrong}");
        assert!(refused.stderr.contains("Machinefile.yaml:2"), "{}", refused.stderr);
    }
}

#[test]
fn a_project_that_keeps_to_its_rate_is_never_refused() {
    let weather = "rate-limit: 40/s, rate: 20/s, concurrency: 4";
    let world = World::in_weather(weather, "machines: { web: { provider: sim, engine: false, count: 30 } }\n");
    let up = world.sandbox.ok("up -y");
    assert!(!up.stderr.contains("too many calls"), "{}", up.stderr);
    world.sandbox.assert_converged();
}
