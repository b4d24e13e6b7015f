//! Plans through the real binary, in the simulated world.

use crate::support::world::World;

const THREE: &str = "defaults: { provider: sim }\nmachines: { web: { count: 3 } }\n";

#[test]
fn the_same_plan_has_the_same_bytes_however_many_threads_made_it() {
    let world = World::with(THREE);
    world.sandbox.ok("up -y");
    world.drift("simulated.machine/web-2", "power", "stopped");
    world.lose("host.names/web-1");
    world.sandbox.edit("Machinefile.yaml", "provider: sim }", "provider: sim, resources: { cpus: 3 } }");
    for form in ["json", "markdown", "text"] {
        let plan = |threads: &str, parallel: &str| {
            let words = ["plan", "-o", form, "--parallel", parallel];
            let mut command = world.sandbox.command(words);
            let output = command.env("TOKIO_WORKER_THREADS", threads).output().expect("the binary runs");
            String::from_utf8(output.stdout).expect("text")
        };
        let first = plan("1", "1");
        assert!(first.contains("web-2"), "{first}");
        assert_eq!(first, plan("1", "64"), "{form}");
        assert_eq!(first, plan("8", "64"), "{form}");
    }
}

#[test]
fn one_machine_more_adds_lines_and_changes_none_but_the_counts() {
    let world = World::with(THREE);
    let before = world.sandbox.ok("plan").stdout;
    world.sandbox.edit("Machinefile.yaml", "web: { count: 3 }", "web: { count: 3 }, db: { }");
    let after = world.sandbox.ok("plan").stdout;
    let kept = |line: &&str| !line.starts_with("Plan:") && !line.contains("host.names/");
    let after: Vec<_> = after.lines().filter(|line| !line.contains("/db")).filter(kept).collect();
    assert_eq!(after, before.lines().filter(kept).collect::<Vec<_>>());
}

#[test]
fn the_json_of_a_plan_is_as_its_schema_says() {
    let world = World::with(THREE);
    let validator = jsonschema::validator_for(&libmachine::report::plan_schema()).expect("a schema");
    let check = |pending: usize| {
        let text = world.sandbox.ok("plan -o json").stdout;
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(validator.is_valid(&document), "{text}");
        assert_eq!(document["project"], "shop");
        assert_eq!(document["steps"].as_array().map(Vec::len), Some(pending));
    };
    check(19);
    world.sandbox.ok("up -y");
    check(0);
    world.drift("simulated.machine/web-2", "power", "stopped");
    check(1);
    let schema: serde_json::Value = serde_json::from_str(&world.sandbox.ok("schema plan").stdout).expect("JSON");
    assert_eq!(schema, libmachine::report::plan_schema());
}

#[test]
fn memory_is_rounded_up_to_a_size_that_there_is_and_the_plan_says_so() {
    let machine =
        |ram: &str| format!("machines: {{ web: {{ provider: sim, engine: false, resources: {{ ram: {ram} }} }} }}\n");
    let world = World::with(&machine("1.3"));
    let plan = world.sandbox.ok("plan").stdout;
    assert!(plan.contains("+ simulated.machine/web create  new · 1.3 GB of memory → 2 GB (size s-2)"), "{plan}");
    world.converge();
    world.rewrite(&machine("1.8"));
    world.sandbox.assert_converged();
    world.rewrite(&machine("2.1"));
    let plan = world.sandbox.ok("plan").stdout;
    assert!(plan.contains("restarts the machine · 2.1 GB of memory → 4 GB (size s-4)"), "{plan}");
    world.rewrite(&machine("2000"));
    let ran = world.sandbox.run(["validate"]);
    assert!(ran.stderr.contains("no simulated machine has more memory than size s-1024"), "{}", ran.stderr);
}
