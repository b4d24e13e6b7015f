//! What must hold for every plan: carried out in any order the schedule allows, it breaks nothing on the way and
//! leaves nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use libmachine::attributes;
use libmachine::graph::{Graph, build};
use libmachine::id::ResourceId;
use libmachine::observe::Observed;
use libmachine::plan::{Action, Options, Phase, Plan, Schedule, Step, plan};
use libmachine::report::{plan_json, plan_markdown};
use libmachine::resource::{Change, Link, Observation, diff, mark};
use libmachine::selection::Pattern;
use libmachine::store::Recorded;
use libmachine::value::Attributes;
use proptest::prelude::*;

use crate::support::chance;
use crate::support::thing::{Thing, id, thing};

/// A resource as the generator draws it. Parents are counted downwards from itself.
#[derive(Clone, Debug)]
struct Draw {
    parents: Vec<(usize, u8)>,
    wanted: bool,
    desired: (u8, u8),
    seen: Option<(u8, u8)>,
    blind: bool,
    /// Whether it is asked to be protected, and whether it is.
    protect: (bool, bool),
}

fn draw(blind: bool) -> impl Strategy<Value = Draw> {
    let pair = || (0_u8..2, 0_u8..3);
    let blindness = if blind { prop::bool::weighted(0.2).boxed() } else { Just(false).boxed() };
    let parents = prop::collection::vec((0_usize..4, 0_u8..3), 0..3);
    (parents, any::<bool>(), pair(), prop::option::of(pair()), blindness).prop_map(
        |(parents, wanted, desired, seen, blind)| Draw {
            parents,
            wanted,
            desired,
            seen,
            blind,
            protect: (false, false),
        },
    )
}

fn protected() -> impl Strategy<Value = Draw> {
    let some = || prop::bool::weighted(0.3);
    (draw(false), some(), some()).prop_map(|(draw, asked, is)| Draw { protect: (asked, is), ..draw })
}

fn values((image, cpus): (u8, u8), protect: bool) -> Attributes {
    attributes! {"image": image, "cpus": cpus, "protect": protect.then_some(true)}
}

/// The world: what is there, by id.
type World = BTreeMap<ResourceId, Attributes>;

struct Case {
    wanted: Vec<Thing>,
    orphans: Vec<Thing>,
    world: World,
    blind: BTreeSet<ResourceId>,
    /// Whether protection counts for nothing.
    lifted: bool,
}

/// Turns draws into a case that could exist: what is wanted has wanted parents, what lives inside something absent is absent.
fn case(draws: &[Draw]) -> Case {
    let mut case =
        Case { wanted: Vec::new(), orphans: Vec::new(), world: World::new(), blind: BTreeSet::new(), lifted: false };
    let mut is_wanted = Vec::new();
    for (n, draw) in draws.iter().enumerate() {
        let name = format!("t/{n:02}");
        let mut this = thing(&name, values(draw.desired, draw.protect.0));
        let mut wanted = draw.wanted;
        let mut housed = true;
        let mut seen_parents = BTreeSet::new();
        for (back, link) in &draw.parents {
            let Some(parent) = n.checked_sub(back + 1) else { continue };
            if !seen_parents.insert(parent) {
                continue;
            }
            let parent_name = format!("t/{parent:02}");
            wanted &= is_wanted[parent];
            this = match link {
                0 => this.after(&parent_name),
                1 => this.uses(&parent_name),
                _ => {
                    housed &= case.world.contains_key(&id(&parent_name));
                    this.within(&parent_name)
                }
            };
        }
        if let (Some(seen), true) = (draw.seen, housed) {
            case.world.insert(id(&name), values(seen, draw.protect.1));
            if draw.blind {
                case.blind.insert(id(&name));
            }
        }
        is_wanted.push(wanted);
        if wanted {
            case.wanted.push(this);
        } else if case.world.contains_key(&id(&name)) {
            case.orphans.push(this);
        }
    }
    case
}

/// Whether all that a step does is about the protection: then nothing has to come before it.
fn is_marking(step: &Step) -> bool {
    let only = |change: &Change| change.path.keys() == [mark::PROTECT];
    step.action == Action::Update && step.changes.iter().all(only)
}

impl Case {
    fn graph(&self) -> Graph {
        let orphans = self.orphans.iter().filter(|thing| self.world.contains_key(thing.handle().id()));
        let wanted = self.wanted.iter().map(Thing::handle).collect();
        build(wanted, orphans.map(Thing::handle).collect()).expect("parents stand before children")
    }

    fn plan(&self) -> (Graph, Plan) {
        self.plan_with(&Options::default())
    }

    fn plan_with(&self, options: &Options) -> (Graph, Plan) {
        let graph = self.graph();
        let observed = self.observed(&graph);
        let plan = plan(&graph, &observed, &Recorded::default(), options);
        (graph, plan)
    }

    fn observed(&self, graph: &Graph) -> Observed {
        let see = |(id, attributes): (&ResourceId, &Attributes)| {
            let hidden = self.blind.contains(id) || self.is_behind_blind(graph, id);
            let unreadable = Observation::Unreadable("no answer".to_owned());
            (id.clone(), if hidden { unreadable } else { Observation::Present(attributes.clone()) })
        };
        self.world.iter().map(see).collect()
    }

    /// Resources that are not as they should be, or that cannot be seen.
    fn off(&self, graph: &Graph) -> BTreeSet<ResourceId> {
        let observed = self.observed(graph);
        let is_off = |id: &ResourceId, wanted: bool, desired: &Attributes| match observed.get(id) {
            Observation::Unreadable(_) => true,
            Observation::Absent => wanted,
            Observation::Present(seen) => !wanted || !diff(desired, seen).is_empty(),
        };
        let nodes = graph.nodes().map(|(_, node)| node);
        let off = nodes.filter(|node| is_off(node.resource.id(), node.wanted, node.resource.desired()));
        off.map(|node| node.resource.id().clone()).collect()
    }

    fn is_behind_blind(&self, graph: &Graph, id: &ResourceId) -> bool {
        let Some(position) = graph.position(id) else { return false };
        graph.parents(position).filter(|(_, link)| *link == Link::Within).any(|(parent, _)| {
            let parent = graph.at(parent).resource.id();
            self.blind.contains(parent) || self.is_behind_blind(graph, parent)
        })
    }

    /// Carries the plan out, picking among what is ready by `choice`, and checks the world at every step.
    fn carry_out(&mut self, graph: &Graph, plan: &Plan, choice: usize) {
        let mut schedule = Schedule::new(plan, graph);
        let mut ready = Vec::new();
        loop {
            while let Some(vertex) = schedule.queue.take() {
                ready.push(vertex);
            }
            if ready.is_empty() {
                break;
            }
            let vertex = ready.swap_remove(choice % ready.len());
            if let Some((step, phase)) = schedule.step(vertex, plan) {
                match (step.action, phase) {
                    (Action::Delete | Action::Replace, Phase::Down) => self.remove(graph, &step.resource),
                    _ if is_marking(step) => self.mark(step),
                    _ => self.put(graph, &step.resource),
                }
            }
            schedule.queue.finish(vertex);
        }
        assert!(schedule.queue.is_done());
    }

    fn mark(&mut self, step: &Step) {
        let there = self.world.get_mut(&step.resource).expect("what is changed is there");
        for change in &step.changes {
            match &change.after {
                Some(after) => there.insert(mark::PROTECT.to_owned(), after.clone()),
                None => there.remove(mark::PROTECT),
            };
        }
    }

    fn protected(&self) -> BTreeSet<ResourceId> {
        let is = |(_, attributes): &(&ResourceId, &Attributes)| mark::is_protected(attributes);
        self.world.iter().filter(is).map(|(id, _)| id.clone()).collect()
    }

    /// Takes a resource with all that lives inside; what is built upon any of it must be gone by then.
    fn remove(&mut self, graph: &Graph, id: &ResourceId) {
        let mut gone = vec![graph.position(id).expect("a step's resource")];
        let mut next = 0;
        while let Some(position) = gone.get(next).copied() {
            next += 1;
            let there = self.world.remove(graph.at(position).resource.id());
            assert!(
                self.lifted || !there.is_some_and(|there| mark::is_protected(&there)),
                "protected, and gone with {id}"
            );
            let inside = graph.children(position).filter(|(_, link)| *link == Link::Within).map(|(child, _)| child);
            // What is not there has nothing built upon it that could be left hanging.
            gone.extend(inside.filter(|child| self.world.contains_key(graph.at(*child).resource.id())));
        }
        for (child, _) in gone.iter().flat_map(|at| graph.children(*at)).filter(|(_, link)| *link == Link::Uses) {
            let child = graph.at(child).resource.id();
            assert!(!self.world.contains_key(child), "{id} was taken from under {child}");
        }
    }

    fn put(&mut self, graph: &Graph, id: &ResourceId) {
        let position = graph.position(id).expect("a step's resource");
        for (parent, _) in graph.parents(position) {
            let parent = graph.at(parent).resource.id();
            assert!(self.world.contains_key(parent), "{id} was made before {parent}");
        }
        self.world.insert(id.clone(), graph.at(position).resource.desired().clone());
    }
}

proptest! {
    #![proptest_config(chance::config(2000))]

    #[test]
    fn any_plan_carried_out_in_any_allowed_order_leaves_nothing_to_do(
        draws in prop::collection::vec(draw(false), 1..12),
        choice in any::<usize>(),
    ) {
        let mut case = case(&draws);
        // What lives in something that reboots is planned in a round of its own.
        for _ in 0..draws.len() {
            let (graph, plan) = case.plan();
            case.carry_out(&graph, &plan, choice);
        }
        let (_, last) = case.plan();
        prop_assert!(last.is_empty(), "{last:?}");
        let there: BTreeSet<_> = case.world.keys().cloned().collect();
        let wanted: BTreeSet<_> = case.wanted.iter().map(|thing| thing.handle().id().clone()).collect();
        prop_assert_eq!(there, wanted);
    }

    #[test]
    fn no_prefix_of_a_plan_deletes_what_is_protected(
        draws in prop::collection::vec(protected(), 1..12),
        choice in any::<usize>(),
    ) {
        let mut case = case(&draws);
        for _ in 0..draws.len() + 2 {
            let asked_to_stay: BTreeSet<_> = case.protected();
            let (graph, plan) = case.plan();
            case.carry_out(&graph, &plan, choice);
            for id in asked_to_stay {
                prop_assert!(case.world.contains_key(&id), "{id}");
            }
        }
        // What is left to do is held by something protected, and the plan says so.
        let (_, last) = case.plan();
        prop_assert!(last.steps.is_empty(), "{last:?}");
        prop_assert!(last.blocked.is_empty() || last.blocked.iter().any(|b| ["protected", "needed"].contains(&b.why.as_str())), "{last:?}");
        let lifted = Options { unprotected: vec![Pattern::parse("t/*").expect("a pattern")], ..Options::default() };
        case.lifted = true;
        for _ in 0..draws.len() + 2 {
            let (graph, plan) = case.plan_with(&lifted);
            case.carry_out(&graph, &plan, choice);
        }
        let (_, last) = case.plan_with(&lifted);
        prop_assert!(last.is_empty(), "{last:?}");
    }

    #[test]
    fn what_cannot_be_read_is_never_touched(draws in prop::collection::vec(draw(true), 1..12)) {
        let case = case(&draws);
        let (graph, plan) = case.plan();
        for step in &plan.steps {
            let remade = matches!(step.reason, libmachine::plan::Reason::ParentReplaced(_));
            prop_assert!(remade || !case.blind.contains(&step.resource), "{step:?}");
        }
        for blocked in &plan.blocked {
            prop_assert!(graph.contains(&blocked.resource) && !blocked.why.to_string().is_empty());
        }
    }

    #[test]
    fn whatever_is_not_as_it_should_be_has_a_step_or_a_reason_for_having_none(
        draws in prop::collection::vec(draw(true), 1..12),
    ) {
        let case = case(&draws);
        let (graph, plan) = case.plan();
        let mut named: BTreeSet<_> = plan.steps.iter().map(|step| step.resource.clone()).collect();
        named.extend(plan.blocked.iter().map(|blocked| blocked.resource.clone()));
        named.extend(plan.deferred.iter().map(|deferred| deferred.resource.clone()));
        named.extend(plan.vanishing.iter().map(|gone| gone.resource.clone()));
        let off = case.off(&graph);
        prop_assert!(off.is_subset(&named), "without a word: {:?}", off.difference(&named));
        prop_assert_eq!(plan.unchanged, graph.nodes().filter(|(_, node)| node.wanted && !named.contains(node.resource.id())).count());
    }

    #[test]
    fn one_resource_more_changes_only_its_own_lines(
        draws in prop::collection::vec(draw(true), 1..12),
        place in any::<prop::sample::Index>(),
    ) {
        let mut case = case(&draws);
        let before = case.plan().1;
        let name = format!("t/{:02}a", place.index(draws.len()));
        case.wanted.push(thing(&name, values((0, 0), false)));
        let mut after = case.plan().1;
        after.steps.retain(|step| step.resource != id(&name));
        prop_assert_eq!(after.unchanged, before.unchanged);
        prop_assert_eq!(plan_json(&after, "shop"), plan_json(&before, "shop"));
    }

    #[test]
    fn the_same_input_gives_the_same_plan(draws in prop::collection::vec(draw(true), 1..12)) {
        let case = case(&draws);
        let (first, second) = (case.plan().1, case.plan().1);
        prop_assert_eq!(plan_json(&first, "shop"), plan_json(&second, "shop"));
        prop_assert_eq!(plan_markdown(&first, "shop"), plan_markdown(&second, "shop"));
        prop_assert_eq!(first.forgotten, second.forgotten);
    }
}
