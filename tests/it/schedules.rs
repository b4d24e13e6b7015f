//! Random projects, changes, faults, kills and losses, ten thousand at a time: whatever came before, the run that is left
//! alone ends where it should.
//!
//! A case that fails is made as small as it can be and kept beside this file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use libmachine::apply::Events;
use libmachine::attributes;
use libmachine::catalog::Catalog;
use libmachine::host::Drives;
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::reconcile::{Converged, Goal, Request, converge, propose};
use libmachine::resource::{Context, Limits, Outputs, Parent, Progress, Resource, Source};
use libmachine::store::Store;
use libmachine::value::Attributes;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio_util::sync::CancellationToken;

use crate::support::chance;
use crate::support::ledger::{Answer, Entry, Ledger, Listing, Memory};
use crate::support::mortal::{Fate, MortalStore};
use crate::support::thing::id;

/// A resource in both versions of a project. Parents are counted downwards from itself.
#[derive(Clone, Debug)]
struct Draw {
    parents: Vec<(usize, u8)>,
    before: Option<(u8, u8)>,
    after: Option<(u8, u8)>,
}

/// What happens to one run.
#[derive(Clone, Debug)]
struct Ordeal {
    /// To the version after the change.
    after: bool,
    destroy: bool,
    killed_at: Option<usize>,
    /// Of the transitions that wait for the disk when it dies, how many arrive.
    arrived: usize,
    answers: Vec<Answer>,
    loses_store: bool,
    parallel: usize,
}

fn draw() -> impl Strategy<Value = Draw> {
    let version = || prop::option::weighted(0.8, (0_u8..2, 0_u8..2));
    (prop::collection::vec((0_usize..4, 0_u8..3), 0..3), version(), version())
        .prop_map(|(parents, before, after)| Draw { parents, before, after })
}

fn ordeal() -> impl Strategy<Value = Ordeal> {
    let answer = prop_oneof![
        6 => Just(Answer::Done), 2 => Just(Answer::Busy), 2 => Just(Answer::DoneAndFailed), 1 => Just(Answer::Refused)
    ];
    let killed = prop::option::weighted(0.8, 0_usize..60);
    let losses = (0_usize..6, prop::bool::weighted(0.15));
    (any::<bool>(), prop::bool::weighted(0.2), killed, losses, prop::collection::vec(answer, 0..12), 1_usize..5)
        .prop_map(|(after, destroy, killed_at, (arrived, loses_store), answers, parallel)| Ordeal {
            after,
            destroy,
            killed_at,
            arrived,
            answers,
            loses_store,
            parallel,
        })
}

/// The resources of one version: wanted with all that they hang on.
fn project(draws: &[Draw], after: bool, source: &Listing) -> Vec<Entry> {
    let mut wanted: BTreeMap<usize, Entry> = BTreeMap::new();
    for (n, draw) in draws.iter().enumerate() {
        let Some((image, cpus)) = (if after { draw.after } else { draw.before }) else { continue };
        let mut parents: BTreeMap<usize, u8> = BTreeMap::new();
        for (back, link) in &draw.parents {
            if let Some(parent) = n.checked_sub(back + 1) {
                parents.entry(parent).or_insert(*link);
            }
        }
        if !parents.keys().all(|parent| wanted.contains_key(parent)) {
            continue;
        }
        let parents = parents.into_iter().map(|(parent, link)| {
            let parent = id(&format!("t/{parent:02}"));
            match link {
                0 => Parent::after(parent),
                1 => Parent::uses(parent),
                _ => Parent::within(parent),
            }
        });
        let (id, parents) = (id(&format!("t/{n:02}")), parents.collect());
        let desired = attributes! {"image": image, "cpus": cpus};
        wanted.insert(n, Entry { id, parents, desired, source: source.clone() });
    }
    wanted.into_values().collect()
}

struct Trial {
    draws: Vec<Draw>,
    ledger: Ledger,
    store: Arc<Memory>,
}

impl Trial {
    fn catalog(&self, after: bool, fate: &Fate) -> Catalog {
        let source = Listing { ledger: self.ledger.clone(), fate: fate.clone() };
        let entries = project(&self.draws, after, &source);
        let resources = entries.into_iter().map(|entry| Arc::new(entry) as Arc<dyn Resource>).collect();
        let sources = vec![Arc::new(source) as Arc<dyn Source>];
        Catalog {
            resources,
            sources,
            providers: BTreeMap::new(),
            machines: BTreeMap::new(),
            drives: Drives::default(),
            protected: BTreeMap::new(),
            moved: BTreeMap::new(),
            fleets: Vec::new(),
            ignored: BTreeMap::new(),
        }
    }

    async fn run(&self, after: bool, goal: Goal, fate: &Fate, parallel: usize) -> Option<Converged> {
        let catalog = self.catalog(after, fate);
        let store: Arc<dyn Store> =
            Arc::new(MortalStore { inner: Arc::clone(&self.store) as Arc<dyn Store>, fate: fate.clone() });
        let (cx, events) = (context(), Events::silent());
        let request = Request::new(goal, parallel);
        let life = converge(&catalog, &request, &store, &cx, &events, |_, _| true);
        fate.live(life).await.map(|outcome| outcome.expect("a graph"))
    }

    async fn endure(&self, ordeal: &Ordeal) {
        self.ledger.answering(&ordeal.answers);
        let fate = ordeal.killed_at.map_or_else(Fate::immortal, Fate::dying_at);
        let goal = if ordeal.destroy { Goal::Destroy } else { Goal::Up };
        if self.run(ordeal.after, goal, &fate, ordeal.parallel).await.is_none() {
            self.store.fail(ordeal.arrived);
        }
        self.ledger.answering(&[]);
        if ordeal.loses_store {
            self.store.lose();
            // Who remembers nothing sees what the listing shows, and that takes its time.
            tokio::time::sleep(self.ledger.lag).await;
        }
    }

    /// Left alone, it ends as asked, remembers nothing unfinished and has nothing more to do.
    async fn settle(&self, after: bool, goal: Goal) -> Result<(), TestCaseError> {
        // What is made is listed by now.
        tokio::time::sleep(self.ledger.lag).await;
        let outcome = self.run(after, goal, &Fate::immortal(), 3).await;
        prop_assert!(matches!(outcome, Some(Converged::Fully { .. })), "{outcome:?}");
        let source = Listing { ledger: self.ledger.clone(), fate: Fate::immortal() };
        let expected: BTreeMap<ResourceId, Attributes> = match goal {
            Goal::Up => project(&self.draws, after, &source).into_iter().map(|e| (e.id, e.desired)).collect(),
            Goal::Destroy => BTreeMap::new(),
        };
        prop_assert_eq!(self.ledger.objects(), expected);
        let catalog = self.catalog(after, &Fate::immortal());
        let again =
            propose(&catalog, &Request::new(goal, 3), Some(self.store.as_ref()), &context()).await.expect("a graph");
        prop_assert!(again.plan.is_empty() && again.plan.changes_nothing(), "{:?}", again.plan);
        let recorded = self.store.load().await.expect("in memory");
        prop_assert!(recorded.intents.is_empty(), "{:?}", recorded.intents);
        prop_assert_eq!(self.ledger.faults(), Vec::<String>::new());
        Ok(())
    }
}

fn context() -> Context {
    let owner = Owner { project: Name::new("shop").expect("a name"), id: None };
    let (outputs, progress) = (Outputs::default(), Progress::silent());
    Context {
        owner,
        outputs,
        progress,
        limits: Limits::default(),
        cancel: CancellationToken::new(),
        token: String::new(),
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a run that hangs or is killed must have said its seed")]
fn whatever_happened_before_the_run_that_is_left_alone_ends_where_it_should() {
    let (seed, runs) = (chance::seed(), chance::runs(4000));
    eprintln!("MACHINE_TEST_SEED={seed} MACHINE_TEST_RUNS={runs}");
    let config = ProptestConfig {
        cases: runs,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/it/schedules.saved"))),
        source_file: Some(file!()),
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let case = (
        prop::collection::vec(draw(), 1..10),
        prop::collection::vec(ordeal(), 1..5),
        prop_oneof![2 => Just(0_u64), 1 => Just(30)],
    );
    let outcome = runner.run(&case, |(draws, ordeals, lag)| {
        let builder = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        builder.expect("a runtime").block_on(async {
            let lag = Duration::from_secs(lag);
            let ledger = Ledger::new(Duration::from_millis(20), lag);
            let trial = Trial { draws, ledger, store: Arc::default() };
            for ordeal in &ordeals {
                trial.endure(ordeal).await;
            }
            let after = ordeals.last().is_some_and(|ordeal| ordeal.after);
            trial.settle(after, Goal::Up).await?;
            trial.settle(after, Goal::Destroy).await
        })
    });
    if let Err(failure) = outcome {
        panic!("with MACHINE_TEST_SEED={seed}: {failure}");
    }
}

#[test]
fn a_graph_takes_as_long_as_its_longest_way_when_nothing_limits_it() {
    let mut runner = TestRunner::deterministic();
    let case = prop::collection::vec(prop::collection::vec(0_usize..6, 0..4), 1..40);
    let outcome = runner.run(&case, |draws| {
        let builder = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        builder.expect("a runtime").block_on(async {
            let ledger = Ledger::new(Duration::from_millis(100), Duration::ZERO);
            let draw = |backs: &Vec<usize>| Draw {
                parents: backs.iter().map(|back| (*back, 0)).collect(),
                before: Some((0, 0)),
                after: None,
            };
            let trial = Trial { draws: draws.iter().map(draw).collect(), ledger, store: Arc::default() };
            let mut depth: Vec<u32> = Vec::new();
            for (n, backs) in draws.iter().enumerate() {
                let parents: BTreeSet<_> = backs.iter().filter_map(|back| n.checked_sub(back + 1)).collect();
                depth.push(1 + parents.iter().map(|parent| depth[*parent]).max().unwrap_or(0));
            }
            let longest = Duration::from_millis(100) * *depth.iter().max().expect("not empty");
            let start = tokio::time::Instant::now();
            trial.run(false, Goal::Up, &Fate::immortal(), usize::MAX).await;
            let took = start.elapsed();
            prop_assert!(took <= longest.mul_f64(1.05), "{took:?} for a longest way of {longest:?}");
            Ok(())
        })
    });
    outcome.expect("never longer than the longest way");
}

#[tokio::test(start_paused = true)]
async fn a_look_costs_one_listing_however_much_there_is() {
    let version = Some((0, 0));
    let draws = (0..300).map(|n| Draw { parents: vec![(n % 7, 0)], before: version, after: version }).collect();
    let trial = Trial { draws, ledger: Ledger::default(), store: Arc::default() };
    trial.run(false, Goal::Up, &Fate::immortal(), 16).await;
    assert_eq!(trial.ledger.calls(), 1 + 300 + 1, "a look, what is made, and a look again");
    let catalog = trial.catalog(true, &Fate::immortal());
    let look =
        propose(&catalog, &Request::new(Goal::Up, 16), Some(trial.store.as_ref()), &context()).await.expect("a graph");
    assert!(look.plan.is_empty());
    assert_eq!(trial.ledger.calls(), 1);
}
