//! Whole lives of projects in the simulated world, through the real binary.

use std::process::Stdio;
use std::time::Duration;

use insta::assert_snapshot;

use crate::support::sandbox::Sandbox;
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
    world.sandbox.ok("ls");
    world.sandbox.ok("status");
    assert_eq!(world.sandbox.files("state"), Vec::<String>::new());
    assert!(!world.sandbox.project().join("world.sqlite").exists(), "looking makes no world");
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
    assert!(!world.sandbox.project().join("world.sqlite").exists());
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
        wait_for_new_object(&world);
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
    world.converge();
    let machines = world.objects().iter().filter(|id| id.starts_with("simulated.machine/")).count();
    assert_eq!(machines, 8);
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

/// Until there is one object more than now.
fn wait_for_new_object(world: &World) {
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

const TWO_PROVIDERS: &str = "name: shop
providers:
  here: { driver: simulated, world: ./world.sqlite }
  there: { driver: simulated, world: ./other.sqlite }
defaults: { engine: false }
";

#[test]
fn a_provider_that_no_machine_names_any_more_is_still_asked() {
    let world = World::with("");
    world.sandbox.write(
        "Machinefile.yaml",
        &format!("{TWO_PROVIDERS}machines: {{ a: {{ provider: here }}, b: {{ provider: there }} }}\n"),
    );
    world.converge();
    world.sandbox.write("Machinefile.yaml", &format!("{TWO_PROVIDERS}machines: {{ b: {{ provider: there }} }}\n"));
    assert!(world.sandbox.ok("plan").stdout.contains("simulated.machine/a delete"));
    world.sandbox.ok("up -y --allow-destroy a");
    assert_eq!(world.objects(), Vec::<String>::new());
    world.sandbox.assert_converged();
}

#[test]
fn a_machine_that_moves_to_another_provider_is_not_made_twice() {
    let world = World::with("");
    world.sandbox.write("Machinefile.yaml", &format!("{TWO_PROVIDERS}machines: {{ a: {{ provider: here }} }}\n"));
    world.converge();
    world.sandbox.write("Machinefile.yaml", &format!("{TWO_PROVIDERS}machines: {{ a: {{ provider: there }} }}\n"));
    let up = world.sandbox.run(["up", "-y"]);
    assert_eq!(up.code, 1);
    assert!(up.stderr.contains("still at provider `here`"), "{}", up.stderr);
    assert!(!world.sandbox.project().join("other.sqlite").exists(), "nothing was made there");
}

#[test]
fn a_provider_that_left_the_file_with_its_machines_is_not_forgotten() {
    let world = World::with(TWO);
    world.converge();
    world.sandbox.write("Machinefile.yaml", "name: shop\nmachines: {}\n");
    let plan = world.sandbox.run(["plan"]);
    assert!(plan.stderr.contains("sim cannot be listed"), "{}", plan.stderr);
    let destroy = world.sandbox.run(["destroy", "-y"]);
    assert_eq!(destroy.code, 1, "{}", destroy.stderr);
    world.rewrite(TWO);
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn json_progress_is_nothing_but_json() {
    let world = World::in_weather("error-rate: 0.1", TWO);
    let up = world.sandbox.ok("up -y --progress json");
    let events: Vec<serde_json::Value> =
        up.stderr.lines().map(|line| serde_json::from_str(line).expect("a JSON object per line")).collect();
    assert_eq!(events.iter().find(|event| event["event"] != "busy").expect("events")["event"], "plan");
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("began"), count("finished"), count("ended")), (1, 3, 1), "{}", up.stderr);
}

#[test]
fn quiet_progress_says_nothing_when_all_is_well() {
    let world = World::with(TWO);
    assert_eq!(world.sandbox.ok("up -y --progress quiet").stderr, "");
}

#[test]
fn a_machine_that_leaves_a_provider_together_with_its_declaration_gets_no_twin() {
    const TWO: &str = "name: shop
providers: { one: { driver: simulated, world: ./one.sqlite }, two: { driver: simulated, world: ./two.sqlite } }
defaults: { provider: one, engine: false }
machines: { db: { provider: two } }
";
    let sandbox = Sandbox::with(TWO);
    sandbox.ok("up -y");
    sandbox.edit("Machinefile.yaml", ", two: { driver: simulated, world: ./two.sqlite }", "");
    sandbox.edit("Machinefile.yaml", "{ provider: two }", "{}");
    let ran = sandbox.run(["up", "-y"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("`two`, which the Machinefile no longer declares"), "{}", ran.stderr);
    sandbox.write("Machinefile.yaml", TWO);
    sandbox.assert_converged();
    sandbox.ok("destroy -y");
}
