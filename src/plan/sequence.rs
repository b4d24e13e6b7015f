//! What relatives do to each other: replacement spreads to children, blindness holds back what depends on it, and
//! what goes with its parent needs no step of its own.

use std::collections::BTreeMap;

use crate::graph::{Graph, Node};
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Disruption, Link, Observation};
use crate::store::Recorded;

use super::decide::{Verdict, create, delete};
use super::step::{Action, Blocked, Deferred, Hold, Reason, Step, Vanishing};
use super::{Limit, Options, Plan, ignore, protect};

/// Where a resource stands once its relatives are taken into account.
#[derive(Clone)]
enum Standing {
    Keep,
    Step(Box<Step>),
    /// Goes with what it lives in: with the first of the resources at these positions.
    Vanishes(Vec<usize>),
    Blocked(Hold),
    /// Not selected: neither looked at nor changed.
    Outside,
    /// It stays although it should go; so does all that it needs and all that it holds.
    Protected(Hold),
    Deferred(ResourceId),
    /// Would go, and waits for this one: what is built upon it is protected or cannot be judged before.
    Spared(ResourceId),
}

/// What standings are judged by.
struct Stage<'a> {
    graph: &'a Graph,
    observed: &'a Observed,
    options: &'a Options,
}

impl Stage<'_> {
    fn is_there(&self, position: usize) -> bool {
        *self.observed.get(self.graph.at(position).resource.id()) != Observation::Absent
    }
}

pub(super) fn sequence(
    graph: &Graph,
    observed: &Observed,
    recorded: &Recorded,
    verdicts: &[Verdict],
    conflicts: &BTreeMap<ResourceId, Hold>,
    options: &Options,
) -> Plan {
    let stage = Stage { graph, observed, options };
    let mut held: Vec<Option<Standing>> = vec![None; graph.len()];
    let withheld = options.withheld.iter().map(|(id, flag)| (id, Hold::Consent(flag.clone())));
    for (id, hold) in conflicts.iter().map(|(id, hold)| (id, hold.clone())).chain(withheld) {
        let Some(position) = graph.position(id) else { continue };
        held[position] = Some(Standing::Blocked(hold));
    }
    loop {
        let mut standings: Vec<Standing> = vec![Standing::Keep; graph.len()];
        let mut taken = vec![false; graph.len()];
        for (position, _) in graph.nodes() {
            let node = graph.at(position);
            taken[position] = is_taken(&stage, position, &standings, &taken);
            standings[position] = held[position].clone().unwrap_or_else(|| {
                let standing = stand(&stage, position, verdicts[position].clone(), &standings);
                let outside = matches!(standing, Standing::Outside);
                if !outside && (goes(&standing) || taken[position]) {
                    spare(node, standing, &verdicts[position], observed.get(node.resource.id()), options)
                } else {
                    standing
                }
            });
        }
        let before = held.iter().flatten().count();
        for (position, _) in graph.nodes() {
            held[position] = held[position].take().or_else(|| held_by_child(&stage, position, &standings, &taken));
        }
        // What is held back no longer moves its relatives: they are judged again.
        if held.iter().flatten().count() == before {
            return collect(graph, observed, recorded, standings, options);
        }
    }
}

fn stand(stage: &Stage<'_>, position: usize, verdict: Verdict, standings: &[Standing]) -> Standing {
    let Stage { graph, observed, options } = *stage;
    let node = graph.at(position);
    if node.resource.is_group() {
        return pass_on(graph, position, standings);
    }
    if verdict == Verdict::Outside {
        return Standing::Outside;
    }
    let id = node.resource.id();
    let exists = matches!(observed.get(id), Observation::Present(_));
    let mut rebuilt = None;
    let mut held = None;
    let mut vanishes = Vec::new();
    let mut shaken = None;
    let mut undermined = Vec::new();
    let mut awaited = false;
    for (parent, link) in graph.parents(position) {
        let parent_id = graph.at(parent).resource.id();
        match &standings[parent] {
            Standing::Vanishes(roots) if link == Link::Within => vanishes.extend(roots),
            Standing::Vanishes(roots) if link == Link::Uses => undermined.extend(roots),
            Standing::Step(step) => match (step.action, link) {
                (Action::Delete, Link::Within) => vanishes.push(parent),
                (_, Link::Within) if is_made_anew(step) && !node.wanted => vanishes.push(parent),
                (_, Link::Within) if is_made_anew(step) => {
                    rebuilt = rebuilt.or_else(|| Some(Box::new(create(node, because(parent_id)))));
                }
                (Action::Delete, Link::Uses) => undermined.push(parent),
                // It only came first: what comes after it goes before it, and is not waited for.
                (Action::Delete, Link::After) => {}
                (_, Link::Uses) if is_made_anew(step) && !node.wanted => undermined.push(parent),
                (Action::Replace | Action::Create, Link::Uses) if exists && rests_upon(step, node, options) => {
                    rebuilt = Some(Box::new(replace(node, parent_id)));
                }
                _ => {
                    shaken = shaken.or_else(|| is_shaken(step, link).then(|| parent_id.clone()));
                    held = held.or_else(|| Some(Standing::Deferred(parent_id.clone())));
                }
            },
            // What lives in something that stays stays too, although nothing speaks of it any more.
            Standing::Protected(_)
                if link == Link::Within
                    && !graph.at(parent).wanted
                    && exists
                    && !matches!(verdict, Verdict::Protected(_)) =>
            {
                return Standing::Protected(Hold::Inside(parent_id.clone()));
            }
            // What is to go does not wait for what it only came after.
            Standing::Blocked(_) | Standing::Protected(_) if !node.wanted && link == Link::After => {}
            Standing::Blocked(why) if graph.at(parent).resource.is_group() => {
                held = Some(Standing::Blocked(why.clone()));
            }
            Standing::Blocked(_) | Standing::Protected(_) => held = Some(Standing::Blocked(waits(parent_id))),
            // A parent that waits for this one's protection does not hold that back, only the rest.
            Standing::Deferred(until) | Standing::Spared(until) if until == id => awaited = true,
            Standing::Deferred(until) | Standing::Spared(until) => {
                shaken = shaken.or_else(|| (link == Link::Within).then(|| until.clone()));
                held = held.or_else(|| Some(Standing::Deferred(until.clone())));
            }
            Standing::Keep | Standing::Outside | Standing::Vanishes(_) => {}
        }
    }
    // What is built upon something that goes by itself must go before it, not with the parent it lives in.
    if !vanishes.is_empty() && (!exists || undermined.iter().all(|root| vanishes.contains(root))) {
        return Standing::Vanishes(vanishes);
    }
    if let (Some(until), None, true, Some(Standing::Deferred(_))) = (shaken, &rebuilt, node.wanted, &held) {
        return Standing::Deferred(until);
    }
    let parent_moves = matches!(held, Some(Standing::Deferred(_)));
    let only_order = parent_moves && !waits_for_sight(graph, position, standings);
    match verdict {
        Verdict::Step(step) if awaited && protect::is_marking(&step) => {
            Standing::Step(Box::new(protect::marking(*step)))
        }
        verdict => settle(verdict, rebuilt, held, only_order),
    }
}

fn waits(parent: &ResourceId) -> Hold {
    Hold::Waits(parent.clone())
}

/// Between what a thing needs by itself, what its relatives do to it, and what holds it back.
fn settle(verdict: Verdict, rebuilt: Option<Box<Step>>, held: Option<Standing>, only_order: bool) -> Standing {
    match (verdict, rebuilt, held) {
        (_, Some(step), None) | (Verdict::Step(step), None, None) => Standing::Step(step),
        (_, Some(step), Some(Standing::Deferred(_))) if only_order => Standing::Step(step),
        (Verdict::Unseen(_), None, Some(Standing::Deferred(until))) => Standing::Deferred(until),
        (Verdict::Unseen(why), None, None) => Standing::Blocked(Hold::Unreadable(why)),
        (Verdict::Blocked(why), _, _) => Standing::Blocked(Hold::Refused(why)),
        (Verdict::Protected(why), _, _) => Standing::Protected(Hold::Protected(why)),
        (Verdict::Keep | Verdict::Outside, None, _) => Standing::Keep,
        (Verdict::Step(step), None, Some(_)) if only_order || step.action == Action::Delete => Standing::Step(step),
        (_, _, Some(held)) => held,
    }
}

/// A group stands as the worst of those it stands for.
fn pass_on(graph: &Graph, position: usize, standings: &[Standing]) -> Standing {
    let mut worst = Standing::Keep;
    for (parent, _) in graph.parents(position) {
        match &standings[parent] {
            Standing::Blocked(_) | Standing::Protected(_) => {
                return Standing::Blocked(waits(graph.at(parent).resource.id()));
            }
            deferred @ (Standing::Deferred(_) | Standing::Spared(_)) => worst = deferred.clone(),
            _ => {}
        }
    }
    worst
}

/// A protected thing does not go because its relatives do.
fn spare(node: &Node, standing: Standing, verdict: &Verdict, observation: &Observation, options: &Options) -> Standing {
    let Some(why) = protect::refusal(node, observation, options) else { return standing };
    match verdict {
        Verdict::Step(step) if protect::is_marking(step) => {
            Standing::Step(Box::new(protect::marking(Step::clone(step))))
        }
        _ => Standing::Protected(Hold::Protected(why)),
    }
}

/// Whether it, or what lives inside, is gone on the way.
fn goes(standing: &Standing) -> bool {
    match standing {
        Standing::Vanishes(_) => true,
        Standing::Step(step) => step.action == Action::Delete || is_made_anew(step),
        _ => false,
    }
}

/// Whether it is there and lives, however deep, in what goes. What cannot be made anew now is taken along all the same.
fn is_taken(stage: &Stage<'_>, position: usize, standings: &[Standing], taken: &[bool]) -> bool {
    let mut homes = stage.graph.parents(position).filter(|(_, link)| *link == Link::Within);
    stage.is_there(position) && homes.any(|(home, _)| goes(&standings[home]) || taken[home])
}

/// Whether what lived inside is gone afterwards.
fn is_made_anew(step: &Step) -> bool {
    match step.action {
        Action::Replace => true,
        Action::Create => matches!(step.reason, Reason::ParentReplaced(_)),
        Action::Update | Action::Delete => false,
    }
}

/// Whether what was built upon another is made anew with it.
fn rests_upon(step: &Step, node: &Node, options: &Options) -> bool {
    let is_content = step.action == Action::Create && ignore::ignores_image(node.resource.id(), options);
    node.wanted && step.reason != Reason::Unfinished && !is_content
}

/// Whether what lives inside restarts with it, so that what was seen of it no longer counts.
fn is_shaken(step: &Step, link: Link) -> bool {
    link == Link::Within && step.action == Action::Update && step.disruption >= Disruption::Reboot
}

/// Whether some parent is itself deferred, rather than merely having a step of its own.
fn waits_for_sight(graph: &Graph, position: usize, standings: &[Standing]) -> bool {
    graph.parents(position).any(|(parent, _)| matches!(standings[parent], Standing::Deferred(_) | Standing::Spared(_)))
}

fn because(parent: &ResourceId) -> Reason {
    Reason::ParentReplaced(parent.clone())
}

fn replace(node: &Node, parent: &ResourceId) -> Step {
    let delete = delete(node, because(parent));
    let disruption = delete.disruption.max(Disruption::Replace);
    Step { action: Action::Replace, disruption, unknown: node.resource.outputs(), ..delete }
}

/// A thing cannot be taken away while what is built upon it cannot be, or while something protected needs it.
fn held_by_child(stage: &Stage<'_>, position: usize, standings: &[Standing], taken: &[bool]) -> Option<Standing> {
    let graph = stage.graph;
    let is_deleted = matches!(&standings[position], Standing::Step(step) if step.action == Action::Delete);
    let is_there = |at: usize| stage.is_there(at);
    if !goes(&standings[position]) && !taken[position] {
        return None;
    }
    let id = |child| graph.at(child).resource.id().clone();
    // What is protected is the reason of all the others, so it is looked for first.
    let is_protected = |child: &usize| matches!(standings[*child], Standing::Protected(_));
    if let Some(child) = graph.children(position).map(|(child, _)| child).find(is_protected) {
        return Some(Standing::Protected(Hold::Needed(id(child))));
    }
    graph.children(position).find_map(|(child, link)| {
        let id = || id(child);
        match &standings[child] {
            Standing::Step(step)
                if link != Link::After && step.action == Action::Update && protect::is_marking(step) =>
            {
                Some(Standing::Spared(id()))
            }
            Standing::Spared(until) if link != Link::After => Some(Standing::Spared(until.clone())),
            Standing::Outside if link != Link::After => Some(Standing::Blocked(Hold::Unselected(id()))),
            Standing::Blocked(Hold::Unselected(deeper)) if link != Link::After => {
                Some(Standing::Blocked(Hold::Unselected(deeper.clone())))
            }
            // It would be taken with what it lives in from under what is built upon it.
            Standing::Blocked(Hold::Carries(deeper)) if link == Link::Within => {
                Some(Standing::Blocked(Hold::Carries(deeper.clone())))
            }
            Standing::Blocked(_) if is_deleted && link == Link::After => Some(Standing::Blocked(Hold::Carries(id()))),
            Standing::Blocked(_) if link == Link::Uses && is_there(child) => {
                Some(Standing::Blocked(Hold::Carries(id())))
            }
            Standing::Deferred(until) if link == Link::Uses && is_there(child) => Some(Standing::Spared(until.clone())),
            // It stays, and what it is built upon would go and not come back.
            Standing::Keep if link == Link::Uses && is_there(child) => match &standings[position] {
                Standing::Deferred(until) | Standing::Spared(until) => Some(Standing::Spared(until.clone())),
                Standing::Blocked(_) | Standing::Keep => Some(Standing::Blocked(Hold::Carries(id()))),
                _ => None,
            },
            _ => None,
        }
    })
}

fn collect(
    graph: &Graph,
    observed: &Observed,
    recorded: &Recorded,
    standings: Vec<Standing>,
    options: &Options,
) -> Plan {
    let mut plan = Plan::default();
    let mut n_outside = 0;
    let mut deletes = Vec::new();
    let mut standings: Vec<Option<Standing>> = standings.into_iter().map(Some).collect();
    for (position, node) in graph.nodes().filter(|(_, node)| !node.resource.is_group()) {
        let resource = node.resource.id().clone();
        match standings[position].take().expect("each position once") {
            Standing::Outside => n_outside += 1,
            Standing::Keep if !node.wanted => {}
            Standing::Keep => plan.unchanged += 1,
            Standing::Vanishes(_) if *observed.get(&resource) == Observation::Absent => {}
            Standing::Vanishes(roots) => {
                let root = *roots.last().expect("what vanishes lives in something");
                plan.vanishing.push(Vanishing { resource, with: graph.at(root).resource.id().clone() });
            }
            Standing::Step(step) if step.action == Action::Delete => deletes.push(*step),
            Standing::Step(step) => plan.steps.push(*step),
            Standing::Blocked(why) | Standing::Protected(why) => plan.blocked.push(Blocked { resource, why }),
            Standing::Deferred(until) | Standing::Spared(until) => plan.deferred.push(Deferred { resource, until }),
        }
    }
    deletes.reverse();
    deletes.append(&mut plan.steps);
    plan.steps = deletes;
    plan.forgotten = recorded
        .records
        .keys()
        .chain(recorded.intents.keys())
        .filter(|id| options.is_selected(graph.position(id)))
        .filter(|id| graph.node(id).is_none_or(|node| !node.wanted && *observed.get(id) == Observation::Absent))
        .cloned()
        .collect();
    if let Some(limit) = &options.limit {
        plan.limit = Some(Limit { left_out: n_outside, ..limit.clone() });
    }
    plan
}
