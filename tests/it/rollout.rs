//! Machines that are not to be away all at once.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use libmachine::attributes;
use libmachine::plan::{Action, Phase, Schedule};
use libmachine::resource::Disruption;
use libmachine::value::Value;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::chance;
use crate::support::project::Project;
use crate::support::thing::{Scene, thing};
use crate::support::world::World;

const NAMES: [&str; 4] = ["w-1", "w-2", "w-10", "db"];

/// Machines with what is kept on them: their new number of processors, and the machine each comes after.
fn scene(cpus: &[u64], after: &[Option<usize>], images: &[u64]) -> Scene {
    let mut scene = Scene::default().wanted(thing("net/net", attributes! {})).seen("net/net", attributes! {});
    for (i, name) in NAMES.iter().enumerate() {
        let (machine, host) = (format!("box/{name}"), format!("host/{name}"));
        let mut own = thing(&machine, attributes! {"cpus": cpus[i], "image": images[i]}).uses("net/net");
        if let Some(before) = after[i].filter(|before| *before < i) {
            own = own.after(&format!("box/{}", NAMES[before]));
        }
        scene = scene
            .wanted(own)
            .seen(&machine, attributes! {"cpus": 1, "image": 1})
            .wanted(thing(&host, attributes! {"up": true}).within(&machine))
            .seen(&host, attributes! {"up": true});
    }
    scene
}

const ALONE: [Option<usize>; 4] = [None; 4];

#[test]
fn a_plan_says_who_waits_for_whom() {
    let scene = scene(&[2, 2, 2, 2], &ALONE, &[1; 4]).rolling("w", &NAMES[..3], 1);
    let printed = scene.printed();
    let (_, rest) = printed.split_once("w one after").expect("a rollout");
    assert_snapshot!(format!("  w one after{}", rest.lines().next().unwrap()), @"  w one after the other: w-1, then w-2, then w-10");
    let parts = self::scene(&[2, 2, 2, 2], &ALONE, &[1; 4]).rolling("shop", &NAMES, 2).plan();
    assert_eq!(parts.rollouts[0].batches, [["db", "w-1"], ["w-2", "w-10"]]);
}

#[test]
fn nothing_is_said_where_no_more_are_away_than_may_be() {
    let few = scene(&[2, 1, 1, 2], &ALONE, &[1; 4]).rolling("w", &NAMES[..3], 1);
    assert!(few.plan().rollouts.is_empty(), "the other two are left alone");
    let gone = scene(&[1; 4], &ALONE, &[1; 4]).rolling("w", &NAMES, 1);
    assert!(gone.plan().rollouts.is_empty());
}

#[test]
fn what_comes_first_is_disturbed_first() {
    let scene = scene(&[2, 2, 1, 1], &[None, Some(0), None, None], &[1; 4]).rolling("shop", &NAMES, 1);
    assert_eq!(scene.plan().rollouts[0].batches, [["w-1"], ["w-2"]]);
    let text = "defaults: { image: debian-13 }\nrollout: { max-unavailable: 50% }\nmachines:\n  w: { count: 5, rollout: \
                { max-unavailable: 1 } }\n  db:\n";
    let fleets = Project::new(text).desired().fleets;
    let said: Vec<_> = fleets.iter().map(|fleet| (fleet.machines.len(), fleet.most)).collect();
    assert_eq!(said, [(6, 3), (5, 1)]);
}

/// Carries a plan out in some allowed order, and tells how many of a fleet were away at once. The step of this machine fails.
fn walk(scene: &Scene, turns: &[usize], fleet: usize, failing: Option<&str>) -> (usize, BTreeSet<String>) {
    let (graph, plan) = (scene.graph(), scene.plan());
    let mut schedule = Schedule::new(&plan, &graph);
    let (mut ready, mut away, mut most, mut done) = (Vec::new(), BTreeSet::new(), 0, BTreeSet::new());
    let fleet: Option<BTreeSet<_>> = plan.rollouts.get(fleet).map(|r| r.batches.iter().flatten().cloned().collect());
    let disturbed = |machine: &str| {
        let of =
            |step: &&libmachine::plan::Step| step.resource.name() == machine && step.disruption >= Disruption::Restart;
        plan.steps.iter().filter(of).count()
    };
    for turn in turns.iter().copied().cycle() {
        ready.extend(std::iter::from_fn(|| schedule.queue.take()));
        if ready.is_empty() {
            break;
        }
        let vertex = ready.remove(turn % ready.len());
        if let Some(gate) = schedule.gate(vertex) {
            gate.machines.iter().for_each(|machine| _ = away.remove(machine));
        }
        if let Some((step, phase)) = schedule.step(vertex, &plan) {
            let machine = step.resource.name().to_owned();
            let begins = step.action != Action::Replace || phase == Phase::Down;
            if begins && step.disruption >= Disruption::Restart && fleet.as_ref().is_some_and(|f| f.contains(&machine))
            {
                assert!(disturbed(&machine) > 0);
                away.insert(machine.clone());
                most = most.max(away.len());
            }
            if failing == Some(machine.as_str()) {
                schedule.queue.fail(vertex);
                continue;
            }
            done.insert(step.resource.to_string());
        }
        schedule.queue.finish(vertex);
    }
    assert!(schedule.queue.is_done(), "some wait for each other for ever");
    (most, done)
}

#[test]
fn the_first_that_fails_is_the_last_that_is_touched() {
    let scene = scene(&[2, 2, 2, 2], &ALONE, &[1; 4]).rolling("w", &NAMES[..3], 1);
    let (_, done) = walk(&scene, &[0], 0, Some("w-2"));
    assert_eq!(Vec::from_iter(done), ["box/db", "box/w-1"], "db is of no fleet, w-10 would have been next");
}

#[test]
fn machines_are_made_anew_one_after_the_other() {
    let scene = scene(&[1; 4], &ALONE, &[2, 2, 2, 1]).rolling("w", &NAMES[..3], 1);
    assert_eq!(scene.plan().rollouts[0].batches.len(), 3);
    for turns in [[0, 1, 2], [5, 3, 1]] {
        assert_eq!(walk(&scene, &turns, 0, None).0, 1);
    }
}

proptest! {
    #![proptest_config(chance::config(400))]

    #[test]
    fn a_rollout_ends_and_never_has_more_away_than_it_says(
        cpus in vec(1..3u64, 4), images in vec(1..3u64, 4), after in vec(proptest::option::of(0..4usize), 4),
        most in (1..4usize, 1..4usize), turns in vec(0..20usize, 1..12),
    ) {
        let scene = scene(&cpus, &after, &images).rolling("w", &NAMES[..3], most.0).rolling("shop", &NAMES, most.1);
        let plan = scene.plan();
        for (fleet, rollout) in plan.rollouts.iter().enumerate() {
            let (away, done) = walk(&scene, &turns, fleet, None);
            prop_assert_eq!(done.len(), plan.steps.len());
            let largest = rollout.batches.iter().map(Vec::len).max().unwrap_or_default();
            prop_assert!(away <= largest, "{} of {:?}", away, rollout);
        }
    }
}

#[test]
fn a_run_waits_for_each_machine_before_it_goes_on_to_the_next() {
    let world = World::with(
        "defaults: { provider: sim, resources: { cpus: 1 } }\nrollout: { max-unavailable: 1 }\nmachines: { w: { count: 3 } }\n",
    );
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "cpus: 1", "cpus: 2");
    let plan: Value = serde_json::from_str(&world.sandbox.ok("plan -o json").stdout).expect("JSON");
    assert_eq!(
        plan["rollouts"],
        libmachine::value::json!([{ "fleet": "shop", "batches": [["w-1"], ["w-2"], ["w-3"]] }])
    );
    let said = world.sandbox.ok("up -y --progress plain").stderr;
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text} is not in {said}"));
    for (one, next) in [(1, 2), (2, 3)] {
        assert!(at(&format!("machine/w-{one}  changed")) < at(&format!("machine/w-{next}  changing")), "{said}");
    }
    world.sandbox.assert_converged();
}
