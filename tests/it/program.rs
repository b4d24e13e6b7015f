//! The plan is the program: what apply calls is what the plan says, no more, no less, in an order its edges allow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use libmachine::apply::{Events, Tools, apply};
use libmachine::attributes;
use libmachine::graph::{Graph, build};
use libmachine::id::{Name, Owner, ResourceId};
use libmachine::observe::Observed;
use libmachine::plan::{Action, Options, Plan, plan};
use libmachine::resource::{
    Change, Context, Disruption, Failure, Impact, Limits, Link, Observation, Outputs, Parent, Progress, Resource,
};
use libmachine::store::Recorded;
use libmachine::value::Attributes;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::support::chance;
use crate::support::thing::{Nowhere, Thing, id, thing};

type Calls = Arc<Mutex<Vec<(ResourceId, String)>>>;

/// A thing that notes every call.
#[derive(Debug)]
struct Noted {
    thing: Arc<dyn Resource>,
    calls: Calls,
}

impl Noted {
    async fn note(&self, call: String) {
        tokio::task::yield_now().await;
        self.calls.lock().expect("no holder panics").push((self.thing.id().clone(), call));
    }
}

#[async_trait]
impl Resource for Noted {
    fn id(&self) -> &ResourceId {
        self.thing.id()
    }

    fn parents(&self) -> &[Parent] {
        self.thing.parents()
    }

    fn desired(&self) -> &Attributes {
        self.thing.desired()
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        self.thing.impact(change, observed)
    }

    fn deletion(&self) -> Disruption {
        self.thing.deletion()
    }

    async fn read(&self, _cx: &Context) -> Observation {
        panic!("apply looks at nothing")
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        self.note("create".to_owned()).await;
        Ok(self.desired().clone())
    }

    async fn update(&self, _cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        self.note(format!("update {changes:?}")).await;
        Ok(self.desired().clone())
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        self.note("delete".to_owned()).await;
        Ok(())
    }
}

/// Parents counted downwards with a link each; whether it is wanted; what it is to be and what is there.
type Draw = (Vec<(usize, u8)>, bool, (u8, u8), Option<(u8, u8)>);

fn draw() -> impl Strategy<Value = Draw> {
    let pair = || (0_u8..2, 0_u8..3);
    (prop::collection::vec((0_usize..4, 0_u8..3), 0..3), prop::bool::weighted(0.7), pair(), prop::option::of(pair()))
}

/// A graph, what is seen of it, and where its resources note their calls.
fn scene(draws: &[Draw]) -> (Graph, Observed, Calls) {
    let calls = Calls::default();
    let (mut wanted, mut orphans, mut observed) = (Vec::new(), Vec::new(), Observed::default());
    let mut known: Vec<(bool, bool)> = Vec::new();
    for (n, (parents, is_wanted, desired, seen)) in draws.iter().enumerate() {
        let values = |(image, cpus): (u8, u8)| attributes! {"image": image, "cpus": cpus};
        let mut this: Thing = thing(&format!("t/{n:02}"), values(*desired));
        let (mut is_wanted, mut is_there) = (*is_wanted, seen.is_some());
        let links: BTreeMap<_, _> =
            parents.iter().filter_map(|(back, link)| Some((n.checked_sub(back + 1)?, link))).collect();
        for (parent, link) in links {
            let name = format!("t/{parent:02}");
            is_wanted &= known[parent].0;
            this = match link {
                0 => this.after(&name),
                1 => this.uses(&name),
                _ => {
                    is_there &= known[parent].1;
                    this.within(&name)
                }
            };
        }
        known.push((is_wanted, is_there));
        if let (Some(seen), true) = (seen, is_there) {
            observed.set(id(&format!("t/{n:02}")), Observation::Present(values(*seen)));
        }
        let noted: Arc<dyn Resource> = Arc::new(Noted { thing: this.handle(), calls: Arc::clone(&calls) });
        match (is_wanted, is_there) {
            (true, _) => wanted.push(noted),
            (false, true) => orphans.push(noted),
            (false, false) => {}
        }
    }
    (build(wanted, orphans).expect("parents stand before children"), observed, calls)
}

/// The calls that the steps stand for.
fn promised(plan: &Plan) -> Vec<(ResourceId, String)> {
    let mut calls = Vec::new();
    for step in &plan.steps {
        let mut call = |text: String| calls.push((step.resource.clone(), text));
        match step.action {
            Action::Create => call("create".to_owned()),
            Action::Update => call(format!("update {:?}", step.changes)),
            Action::Replace => ["delete", "create"].into_iter().for_each(|text| call(text.to_owned())),
            Action::Delete => call("delete".to_owned()),
        }
    }
    calls
}

/// What is made comes after its parents are, what is deleted after its children are.
fn assert_in_order(graph: &Graph, calls: &[(ResourceId, String)]) {
    let at = |id: &ResourceId, delete: bool| {
        calls.iter().position(|(other, text)| other == id && (text == "delete") == delete)
    };
    for (position, node) in graph.nodes() {
        for (parent, link) in graph.parents(position) {
            let (child, parent) = (node.resource.id(), graph.at(parent).resource.id());
            for delete in [false, true] {
                let (Some(child_at), Some(parent_at)) = (at(child, delete), at(parent, delete)) else { continue };
                assert_eq!(parent_at < child_at, !delete, "{child} {link:?} {parent}: {calls:?}");
            }
            if let (Some(made), Some(gone), true) = (at(child, false), at(parent, true), link != Link::After) {
                assert!(gone < made, "{child} is made upon {parent} before that is gone: {calls:?}");
            }
        }
    }
}

fn tools(parallel: usize) -> Tools {
    let name = Name::new("shop").expect("a name");
    Tools {
        store: Arc::new(Nowhere),
        recorded: Arc::default(),
        context: Context {
            owner: Owner { project: name, id: None },
            outputs: Outputs::default(),
            progress: Progress::silent(),
            limits: Limits::default(),
            cancel: CancellationToken::new(),
            token: String::new(),
        },
        events: Events::silent(),
        parallel,
    }
}

proptest! {
    #![proptest_config(chance::config(1500))]

    #[test]
    fn what_apply_calls_is_what_the_plan_says(draws in prop::collection::vec(draw(), 1..14), parallel in 1_usize..8) {
        let (graph, observed, calls) = scene(&draws);
        let plan = Arc::new(plan(&graph, &observed, &Recorded::default(), &Options::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let outcome = runtime.block_on(apply(&plan, &graph, &tools(parallel)));
        prop_assert!(outcome.is_complete());
        prop_assert_eq!(outcome.done, plan.steps.len());
        let calls = std::mem::take(&mut *calls.lock().expect("no holder panics"));
        assert_in_order(&graph, &calls);
        let (mut called, mut promised) = (calls, promised(&plan));
        called.sort();
        promised.sort();
        prop_assert_eq!(called, promised);
    }
}
