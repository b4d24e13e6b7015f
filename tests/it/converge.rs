//! Whole lives of projects in the simulated world, through the real binary.

use std::process::Stdio;
use std::time::Duration;

use insta::assert_snapshot;

use crate::support::world::World;

const TWO: &str = "defaults: { provider: sim, engine: false }\nmachines: { web: { count: 2 } }\n";

#[test]
fn a_project_comes_up_stays_up_and_leaves_nothing() {
    let world = World::with("machines: { web: { provider: sim } }\n");
    let plan = world.sandbox.run(["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 2);
    assert_snapshot!(plan.stdout, @r"
      + ssh.key/shop             create  new
      + simulated.machine/web    create  new
      + host/web                 create  new
      + engine.package/web       create  new
      + engine.daemon/web        create  new
      + host.filesystem/web.root create  new
      + host.names/web           create  new

    Plan: 7 to create, 0 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
    world.converge();
    assert!(world.objects().contains(&"simulated.machine/web".to_owned()));
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
    assert_eq!(world.sandbox.files("state"), Vec::<String>::new());
    world.sandbox.ok("destroy -y");
}

#[test]
fn planning_makes_nothing() {
    let world = World::with(TWO);
    world.sandbox.ok("plan");
    assert_eq!(world.sandbox.files("state"), Vec::<String>::new());
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn what_others_changed_is_shown_and_put_right() {
    let world = World::with(TWO);
    world.converge();
    world.drift("simulated.machine/web-1", "power", "stopped");
    let plan = world.sandbox.run(["plan"]);
    assert!(plan.stdout.contains("changed without us · starts the machine"), "{}", plan.stdout);
    assert!(plan.stdout.contains("power  stopped → running"), "{}", plan.stdout);
    world.converge();
}

#[test]
fn what_others_took_away_is_made_again() {
    let world = World::with(TWO);
    world.converge();
    world.lose("simulated.machine/web-2");
    let plan = world.sandbox.run(["plan"]);
    assert!(plan.stdout.contains("gone without us"), "{}", plan.stdout);
    world.converge();
}

#[test]
fn deleting_a_machine_needs_its_name() {
    let world = World::with(TWO);
    world.converge();
    world.rewrite("defaults: { provider: sim, engine: false }\nmachines: { web: { count: 1 } }\n");
    let refused = world.sandbox.run(["up", "-y"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("machine up -y --allow-destroy web-2"), "{}", refused.stderr);
    assert!(world.objects().contains(&"simulated.machine/web-2".to_owned()));
    world.sandbox.ok("up -y --allow-destroy web-2");
    assert!(!world.objects().contains(&"simulated.machine/web-2".to_owned()));
    world.sandbox.assert_converged();
}

#[test]
fn without_anyone_to_ask_up_names_the_flag() {
    let world = World::with(TWO);
    let refused = world.sandbox.run(["up"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("-y (or MACHINE_YES=true)"), "{}", refused.stderr);
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn losing_the_store_loses_nothing() {
    let world = World::with(TWO);
    world.converge();
    let before = world.objects();
    for file in world.sandbox.files("state").iter().filter(|file| file.contains("store.sqlite")) {
        std::fs::remove_file(file).expect("removed");
    }
    world.sandbox.assert_converged();
    world.converge();
    assert_eq!(world.objects(), before);
}

#[test]
fn an_unreliable_provider_is_asked_again_until_it_obeys() {
    let world = World::in_weather(
        "error-rate: 0.2",
        "defaults: { provider: sim, engine: false }\nmachines: { web: { count: 40 } }\n",
    );
    world.sandbox.ok("up -y");
    assert_eq!(world.objects().len(), 40);
    world.sandbox.edit("Machinefile.yaml", "error-rate: 0.2", "error-rate: 0");
    world.sandbox.assert_converged();
}

#[test]
fn a_rate_limit_slows_down_and_fails_nothing() {
    let world = World::in_weather(
        "rate-limit: 100/s",
        "defaults: { provider: sim, engine: false }\nmachines: { web: { count: 150 } }\n",
    );
    world.converge();
    assert_eq!(world.objects().len(), 150);
}

#[test]
fn a_listing_that_lags_makes_no_twins_and_hides_no_orphan() {
    let world = World::in_weather("list-lag: 1h", TWO);
    world.sandbox.ok("up -y");
    world.sandbox.assert_converged();
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn a_run_killed_halfway_is_finished_by_the_next() {
    let world = World::in_weather("latency: 30ms", "defaults: { provider: sim }\nmachines: { web: { count: 8 } }\n");
    for _ in 0..4 {
        let mut child = world
            .sandbox
            .command(["up", "-y", "--progress", "quiet", "--parallel", "2"])
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let known = wait_for_new_object(&world);
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert!(known > 0);
    }
    world.converge();
    let machines = world.objects().iter().filter(|id| id.starts_with("simulated.machine/")).count();
    assert_eq!(machines, 8);
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

/// How many objects there are once there is one more than now.
fn wait_for_new_object(world: &World) -> usize {
    let count = || -> usize {
        let text = "SELECT count(*) FROM sqlite_master WHERE name = 'objects'";
        let there: i64 = world.database().query_row(text, [], |row| row.get(0)).expect("a number");
        if there == 0 { 0 } else { world.objects().len() }
    };
    let (start, before) = (std::time::Instant::now(), count());
    while count() <= before {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing was made");
        std::thread::yield_now();
    }
    count()
}

#[test]
fn two_runs_never_interleave() {
    let world = World::in_weather("latency: 2s", TWO);
    let mut first = world.sandbox.command(["up", "-y"]).stderr(Stdio::null()).spawn().expect("the binary runs");
    let lock = world.sandbox.home().join("state/machine/shop/lock");
    let start = std::time::Instant::now();
    while !std::fs::read_to_string(&lock).is_ok_and(|text| text.contains("process")) {
        assert!(start.elapsed() < Duration::from_secs(30), "the first run never locked");
        std::thread::yield_now();
    }
    let second = world.sandbox.run(["up", "-y"]);
    assert_eq!(second.code, 1);
    assert!(
        second.stderr.contains("another run is changing this project: `machine up` of tester"),
        "{}",
        second.stderr
    );
    assert!(first.wait().expect("it ends").success());
    world.sandbox.assert_converged();
}
