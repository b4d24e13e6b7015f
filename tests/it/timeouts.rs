//! Nothing takes for ever: what takes too long is cut off, named, and gone on with by the next run. Time is the test's own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use libmachine::apply::{Events, Outcome, Tools, apply};
use libmachine::attributes;
use libmachine::catalog;
use libmachine::graph::build;
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::observe::{Observed, Question, observe};
use libmachine::plan::{Options, plan};
use libmachine::resource::{
    Change, Context, Disruption, Failure, Impact, Limits, Observation, Outputs, Parent, Progress, Resource, Times, Work,
};
use libmachine::store::Recorded;
use libmachine::value::Attributes;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::support::project::Project;
use crate::support::sandbox::Sandbox;
use crate::support::thing::{Nowhere, id};

/// Takes its time over everything.
#[derive(Debug)]
struct Slow {
    id: ResourceId,
    parents: Vec<Parent>,
    desired: Attributes,
    takes: Duration,
    /// Stops when it is asked to.
    listens: bool,
    ended: Arc<Mutex<Vec<&'static str>>>,
}

impl Slow {
    async fn work(&self, cx: &Context) -> Result<(), Failure> {
        tokio::select! {
            () = sleep(self.takes) => self.ended.lock().unwrap().push("done"),
            () = cx.cancel.cancelled(), if self.listens => {
                self.ended.lock().unwrap().push("stopped");
                return Err(Failure::new("stopped on request"));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Resource for Slow {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn machine(&self) -> Option<&str> {
        Some(self.id.name())
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    async fn read(&self, cx: &Context) -> Observation {
        _ = self.work(cx).await;
        Observation::Absent
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.work(cx).await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.work(cx).await
    }
}

fn slow(name: &str, takes: Duration) -> Slow {
    let (parents, ended) = (Vec::new(), Arc::default());
    Slow { id: id(&format!("box/{name}")), parents, desired: attributes! {"cpus": 1}, takes, listens: false, ended }
}

fn context(times: &[(&str, Work, Duration)]) -> Context {
    let own = times.iter().map(|(name, work, time)| ((*name).to_owned(), BTreeMap::from([(*work, *time)])));
    let limits = Limits::new(HashMap::new(), own.collect(), Times::new());
    let owner = Owner { project: Name::new("shop").expect("a name"), id: None };
    let (outputs, progress, cancel) = (Outputs::default(), Progress::silent(), CancellationToken::new());
    Context { owner, outputs, progress, limits, cancel, token: String::new() }
}

async fn make(all: Vec<Slow>, context: Context) -> Outcome {
    let all = all.into_iter().map(|one| Arc::new(one) as Arc<dyn Resource>).collect();
    let graph = build(all, Vec::new()).expect("a graph");
    let plan = Arc::new(plan(&graph, &Observed::default(), &Recorded::default(), &Options::default()));
    let (store, recorded) = (Arc::new(Nowhere), Arc::default());
    apply(&plan, &graph, &Tools { store, recorded, context, events: Events::silent(), parallel: 16 }).await
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cut_off_named_and_in_nobodys_way() {
    let child = Slow { parents: vec![Parent::after(id("box/web"))], ..slow("web-child", MINUTE) };
    let all = vec![slow("web", MINUTE * 100), slow("db", MINUTE), child];
    let start = Instant::now();
    let outcome = make(all, context(&[("web", Work::Create, MINUTE * 10)])).await;
    assert_eq!(start.elapsed(), MINUTE * 10 + Duration::from_secs(10), "with a moment to stop in");
    assert_eq!(outcome.done, 1, "the rest goes on");
    assert_eq!(outcome.skipped, [(id("box/web-child"), id("box/web"))]);
    let (resource, failure) = &outcome.failed[0];
    assert_eq!((resource, failure.message.as_str()), (&id("box/web"), "creating it took longer than 10m"));
    assert_eq!(
        failure.hint.as_deref(),
        Some(
            "give it longer with `timeouts: { create: 20m }` of machine `web`; `machine up` goes on from what was begun"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn who_listens_stops_in_order_when_the_time_is_up() {
    let one = Slow { listens: true, ..slow("web", MINUTE * 100) };
    let ended = Arc::clone(&one.ended);
    let start = Instant::now();
    let outcome = make(vec![one], context(&[("web", Work::Create, MINUTE)])).await;
    assert_eq!(start.elapsed(), MINUTE);
    assert_eq!(outcome.failed[0].1.message, "creating it took longer than 1m");
    assert_eq!(*ended.lock().unwrap(), ["stopped"]);
}

#[tokio::test(start_paused = true)]
async fn what_ends_well_a_moment_too_late_counts() {
    let outcome =
        make(vec![slow("web", MINUTE + Duration::from_secs(5))], context(&[("web", Work::Create, MINUTE)])).await;
    assert!(outcome.is_complete());
}

#[tokio::test(start_paused = true)]
async fn without_a_word_an_hour_is_the_end() {
    let start = Instant::now();
    let outcome = make(vec![slow("web", MINUTE * 1000)], context(&[])).await;
    assert_eq!(outcome.failed[0].1.message, "creating it took longer than 1h");
    assert!(start.elapsed() < MINUTE * 61);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_takes_too_long_sees_nothing_and_says_so() {
    let (web, db) = (slow("web", MINUTE * 1000), slow("db", MINUTE));
    let desired = [Arc::new(web) as Arc<dyn Resource>, Arc::new(db)];
    let question = Question {
        desired: &desired,
        orphans: &[],
        sources: &[],
        remembered: &|_| None,
        moved: &BTreeMap::new(),
        select: None,
        parallel: 4,
    };
    let sight = observe(&question, &context(&[("web", Work::Read, MINUTE * 2)])).await.expect("a graph");
    let why = "reading it took longer than 2m".to_owned();
    assert_eq!(*sight.observed.get(&id("box/web")), Observation::Unreadable(why));
    assert_eq!(*sight.observed.get(&id("box/db")), Observation::Absent);
}

#[test]
fn a_machine_inherits_its_times_and_what_is_no_machines_gets_those_of_defaults() {
    let desired = Project::new(
        "defaults: { timeouts: { create: 10m, delete: 2m } }\n\
         machines: { web: { timeouts: { create: 90s } }, db: {} }\n",
    )
    .desired();
    let limits = catalog::limits(&desired);
    let time = |name: &str, work| limits.time(&slow(name, MINUTE), work);
    assert_eq!(time("web", Work::Create), Duration::from_secs(90));
    assert_eq!(time("web", Work::Delete), MINUTE * 2);
    assert_eq!(time("web", Work::Update), Duration::from_hours(1));
    assert_eq!(time("db", Work::Create), MINUTE * 10);
    assert_eq!(time("gone", Work::Delete), MINUTE * 2);
}

#[test]
fn no_time_at_all_is_refused() {
    let sandbox = Sandbox::with("name: shop\nmachines:\n  web:\n    timeouts: { create: 0s }\n");
    let refused = sandbox.run(["validate"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("nothing can be done in that time"), "{}", refused.stderr);
    assert!(refused.stderr.contains("Machinefile.yaml:4"), "{}", refused.stderr);
}
