//! What only one thing can have at a time is given up before it is taken.

use insta::assert_snapshot;
use libmachine::attributes;
use libmachine::plan::{Action, Phase, Schedule};

use crate::support::thing::{Scene, thing};
use crate::support::world::World;

#[test]
fn a_port_is_free_before_another_machine_takes_it() {
    let world =
        World::in_weather("latency: 30ms", "machines: { web: { provider: sim, engine: false, ports: ['8080:80'] } }\n");
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "web:", "front:");
    world.sandbox.ok("up -y --allow-destroy web");
    world.sandbox.assert_converged();
    assert_eq!(world.objects(), ["simulated.machine/front"]);
}

#[test]
fn a_port_moves_between_machines_that_stay() {
    let ports = |web: &str, db: &str| {
        format!(
            "defaults: {{ provider: sim, engine: false }}\n\
             machines: {{ web: {{ ports: [{web}] }}, db: {{ ports: [{db}] }}, also: {{}} }}\n"
        )
    };
    let world = World::in_weather("latency: 30ms", &ports("'8080:80'", ""));
    world.converge();
    world.rewrite(&ports("", "'0.0.0.0:8080:80'"));
    world.converge();
    world.sandbox.ok("destroy -y");
}

/// The resources and halves in an order in which the schedule would let them start, one at a time.
fn order(scene: &Scene) -> Vec<String> {
    let (plan, graph) = (scene.plan(), scene.graph());
    let mut schedule = Schedule::new(&plan, &graph);
    let mut order = Vec::new();
    while let Some(vertex) = schedule.queue.take() {
        if let Some((step, phase)) = schedule.step(vertex, &plan) {
            let half = if step.action == Action::Replace && phase == Phase::Down { " (half)" } else { "" };
            order.push(format!("{} {}{half}", step.action.as_str(), step.resource));
        }
        schedule.queue.finish(vertex);
    }
    assert!(schedule.queue.is_done());
    order
}

#[test]
fn an_update_that_gives_a_port_up_comes_before_the_one_that_takes_it() {
    let scene = Scene::default()
        .wanted(thing("vm/a", attributes! {"port": 1}))
        .seen("vm/a", attributes! {"port": 2})
        .wanted(thing("vm/b", attributes! {"port": 2}))
        .seen("vm/b", attributes! {"port": 3})
        .wanted(thing("vm/c", attributes! {"port": 3}));
    assert_eq!(order(&scene), ["update vm/a", "update vm/b", "create vm/c"]);
    assert_snapshot!(scene.printed(), @r"
      ~ vm/a update  not as the Machinefile asks
            port  2 → 1
      ~ vm/b update  not as the Machinefile asks
            port  3 → 2
      + vm/c create  new

    Plan: 1 to create, 2 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn the_plan_is_listed_in_an_order_that_works() {
    let scene = Scene::default()
        .wanted(thing("vm/a", attributes! {"port": 1}))
        .seen("vm/a", attributes! {"port": 3})
        .wanted(thing("vm/b", attributes! {"port": 2}))
        .seen("vm/b", attributes! {"port": 1});
    let listed: Vec<_> = scene.plan().steps.iter().map(|step| step.resource.to_string()).collect();
    assert_eq!(listed, ["vm/b", "vm/a"]);
    assert_eq!(order(&scene), ["update vm/b", "update vm/a"]);
}

#[test]
fn two_that_swap_ports_are_told_so() {
    let scene = Scene::default()
        .wanted(thing("vm/a", attributes! {"port": 1}))
        .seen("vm/a", attributes! {"port": 2})
        .wanted(thing("vm/b", attributes! {"port": 2}))
        .seen("vm/b", attributes! {"port": 1})
        .wanted(thing("engine/b", attributes! {}).within("vm/b"));
    assert_snapshot!(scene.printed(), @r"
      ! vm/a blocked: vm/b has port 1 and does not give it up in this plan
      ! vm/b blocked: it takes port 2 from vm/a, which waits for it: give one of them something free first
      ! engine/b blocked: vm/b comes first and is blocked

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 3 blocked; 0 resources unchanged.
    ");
}

#[test]
fn a_port_that_something_left_alone_has_is_not_taken_from_it() {
    let scene = Scene::default()
        .wanted(thing("vm/a", attributes! {"port": 1}))
        .seen("vm/a", attributes! {"port": 2})
        .wanted(thing("vm/b", attributes! {"port": 2}))
        .selecting(&["b"], &[]);
    assert_snapshot!(scene.printed(), @r"
    limited to b: 1 resource left out
      ! vm/b blocked: vm/a has port 2 and does not give it up in this plan

    Plan: 0 to create, 0 to change, 0 to replace, 0 to delete, 1 blocked; 0 resources unchanged.
    ");
}

#[test]
fn a_port_is_free_once_what_had_it_goes_with_what_it_lived_in() {
    let scene = Scene::default()
        .orphan(thing("rack/old", attributes! {}))
        .orphan(thing("vm/old", attributes! {"port": 2}).within("rack/old"))
        .wanted(thing("vm/new", attributes! {"port": 2}));
    assert_eq!(order(&scene), ["delete rack/old", "create vm/new"]);
}

#[test]
fn what_a_machine_lets_go_of_is_deleted_after_it_has() {
    let scene = Scene::default()
        .orphan(thing("disk/a", attributes! {}))
        .seen("disk/a", attributes! {})
        .orphan(thing("disk/b", attributes! {}))
        .seen("disk/b", attributes! {})
        .wanted(thing("box/x", attributes! {"ram": 1}))
        .seen("box/x", attributes! {"ram": 1, "disk": "b"})
        .wanted(thing("box/y", attributes! {"ram": 1, "disk": "c"}))
        .seen("box/y", attributes! {"ram": 1, "disk": "a"});
    assert_eq!(order(&scene), ["update box/y", "delete disk/a"]);
    assert_snapshot!(scene.printed(), @r"
      ~ box/y  update  not as the Machinefile asks
            disk  a → c
      - disk/a delete  no longer in the Machinefile
      ! disk/b blocked: box/x has disk b and does not give it up in this plan

    Plan: 0 to create, 1 to change, 0 to replace, 1 to delete, 1 blocked; 1 resource unchanged.
    ");
}
