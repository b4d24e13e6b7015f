//! Never silent, and what is said is enough: signs of life while there is nothing else to say, and events that tell all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::terminal;
use crate::support::world::World;

const MANY: &str = "defaults: { provider: sim, engine: false }\nmachines: { m: { count: 1500 } }\n";

#[test]
fn a_look_at_many_machines_says_so_before_it_begins() {
    let world = World::with(MANY);
    let plan = world.sandbox.ok("plan");
    assert!(plan.stderr.contains("looking at 1,500 machines of 1 provider\n"), "{}", plan.stderr);
    assert!(!plan.stdout.contains("looking"), "data is data");
    let quiet = world.sandbox.ok("plan --progress quiet");
    assert_eq!(quiet.stderr, "");
    let shown = terminal::run(&mut world.sandbox.command(["plan"]), "nothing is asked", "");
    assert_eq!(shown.code, 0);
    assert!(shown.stderr.contains("looking at 1,500 machines of 1 provider"), "{}", shown.stderr);
    assert!(shown.stdout.contains("1501 to create"), "the line is not among the data");
}

#[test]
fn a_program_hears_something_at_once_and_then_every_second() {
    // Four seconds in which nothing ends.
    let rest = "machines: { web: { provider: sim, engine: false } }\n";
    let world = World::in_weather("latency: 4s", rest);
    let mut command = world.sandbox.command(["up", "-y", "--progress", "json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let events: Vec<Value> = lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(events.iter().all(|event| event["format"] == 1));
    let text = |event: &Value| event["text"].as_str().unwrap_or_default().starts_with("looking at 1 machine of");
    let looks: Vec<_> = events.iter().filter(|event| text(event)).map(|event| event["seconds"].as_f64()).collect();
    assert!(looks.len() >= 3, "the first look alone takes 4 s: {events:?}");
    assert!(looks[0].is_some_and(|seconds| seconds < 0.1), "{looks:?}");
    let creating = |event: &&Value| event["running"][0]["resource"] == "simulated.machine/web";
    assert!(events.iter().filter(creating).count() >= 2, "so does making the machine: {events:?}");
}

/// What exists, by nothing but the events of all runs so far.
fn replay(told: &str, exists: &mut BTreeSet<String>) {
    let mut inside: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in told.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        match event["event"].as_str() {
            Some("plan") => {
                inside.clear();
                for gone in event["vanishing"].as_array().expect("a list") {
                    inside.entry(text(&gone["with"])).or_default().push(text(&gone["resource"]));
                }
            }
            Some("finished") => {
                let resource = text(&event["resource"]);
                if matches!(event["action"].as_str(), Some("delete" | "replace")) {
                    exists.remove(&resource);
                    inside.remove(&resource).into_iter().flatten().for_each(|gone| _ = exists.remove(&gone));
                }
                if event["action"] != "delete" {
                    exists.insert(resource);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn the_events_alone_tell_what_exists() {
    let machines = |count: u32, image: &str| {
        format!("machines: {{ web: {{ provider: sim, count: {count}, image: {image} }}, db: {{ provider: sim }} }}\n")
    };
    let world = World::with(&machines(2, "debian-13"));
    let mut exists = BTreeSet::new();
    let mut check = |words: &str| {
        let run = world.sandbox.run(words.split(' '));
        replay(&run.stderr, &mut exists);
        // The project's key is on this computer, not in the world.
        let told: Vec<_> = exists.iter().filter(|id| !id.starts_with("ssh.key/")).cloned().collect();
        assert_eq!(told, world.objects(), "after {words}: {}", run.stderr);
        run.code
    };
    assert_eq!(check("up -y --progress json"), 0);
    world.rewrite(&machines(1, "debian-13"));
    assert_eq!(check("up -y --progress json --allow-destroy web-2"), 0);
    world.rewrite(&machines(1, "debian-12"));
    assert_eq!(check("up -y --progress json --allow-replace web-1"), 0);
    world.rewrite(&machines(3, "debian-12"));
    let weather = "driver: simulated, error-rate: 0.3";
    world.sandbox.edit("Machinefile.yaml", "driver: simulated", weather);
    check("up -y --progress json");
    world.sandbox.edit("Machinefile.yaml", weather, "driver: simulated");
    assert_eq!(check("up -y --progress json"), 0);
    assert_eq!(check("destroy -y --progress json"), 0);
}
