//! What the world does without us: shown, taken into the records, and put right again and again.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::world::World;

const TWO: &str = "defaults: { provider: sim, engine: false }\nmachines: { web: { count: 2 } }\n";

fn converged() -> World {
    let world = World::with(TWO);
    world.converge();
    world
}

#[test]
fn refresh_only_shows_what_the_world_changed_and_nothing_of_the_machinefile() {
    let world = converged();
    assert_eq!(world.sandbox.ok("plan --refresh-only --detailed-exitcode").stdout, "Nothing was changed without us.\n");
    world.drift("simulated.machine/web-1", "power", "stopped");
    world.drift("simulated.machine/web-1", "label", "mine");
    world.lose("simulated.machine/web-2");
    world.sandbox.edit("Machinefile.yaml", "engine: false }", "engine: false, resources: { cpus: 3 } }");
    let shown = world.sandbox.run(["plan", "--refresh-only", "--detailed-exitcode"]);
    assert_eq!(shown.code, 2);
    assert_snapshot!(shown.stdout, @r"
      ~ simulated.machine/web-1 changed without us
            label  (none) → mine
            power  running → stopped
      - simulated.machine/web-2 gone without us

    Without us: 1 changed, 1 gone, 0 found.
    ");
    let json: serde_json::Value =
        serde_json::from_str(&world.sandbox.ok("plan --refresh-only -o json").stdout).expect("JSON");
    assert_eq!(json["outside"][0]["changes"][1]["after"], "stopped");
    assert_eq!(json["outside"][1]["fate"], "gone");
}

#[test]
fn a_refresh_makes_the_records_follow_and_leaves_the_world_alone() {
    let world = converged();
    world.drift("simulated.machine/web-1", "power", "stopped");
    world.lose("simulated.machine/web-2");
    let before = world.contents();
    let refreshed = world.sandbox.ok("up --refresh-only").stderr;
    assert!(refreshed.contains("2 records follow the world now."), "{refreshed}");
    assert_eq!(world.contents(), before);
    assert_eq!(world.sandbox.ok("plan --refresh-only").stdout, "Nothing was changed without us.\n");
    assert_snapshot!(world.sandbox.ok("plan").stdout, @r"
      ~ simulated.machine/web-1 update  changed in the Machinefile · starts the machine
            power  stopped → running
      + simulated.machine/web-2 create  new

    Plan: 1 to create, 1 to change, 0 to replace, 0 to delete; 1 resource unchanged.
    ");
    world.converge();
}

#[test]
fn a_refresh_leaves_what_was_cut_off_to_the_run_that_goes_on() {
    let world = converged();
    let path = world.sandbox.files("state").into_iter().find(|file| file.ends_with("store.sqlite")).expect("a store");
    let store = rusqlite::Connection::open(path).expect("a store");
    store
        .execute_batch(
            "INSERT INTO intents (resource, operation, token, realm, at)
                SELECT resource, 'create', token, realm, 0 FROM records WHERE resource = 'simulated.machine/web-2';
             DELETE FROM records WHERE resource = 'simulated.machine/web-2';",
        )
        .expect("rows");
    drop(store);
    world.sandbox.ok("up --refresh-only");
    let plan = world.sandbox.ok("plan").stdout;
    assert!(plan.contains("simulated.machine/web-2 create  an earlier run was cut off here"), "{plan}");
    world.converge();
}

#[test]
fn a_refresh_that_could_not_look_is_no_good_news() {
    let world = converged();
    for name in ["world.sqlite-wal", "world.sqlite-shm"] {
        _ = std::fs::remove_file(world.sandbox.project().join(name));
    }
    world.sandbox.write("world.sqlite", &"no database".repeat(1000));
    for words in [["plan", "--refresh-only"], ["up", "--refresh-only"]] {
        let ran = world.sandbox.run(words);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_refresh_takes_no_flag_that_it_would_ignore() {
    let world = converged();
    for words in ["plan --refresh-only --target web", "up --refresh-only --dry-run", "up --refresh-only --exclude web"]
    {
        assert_eq!(world.sandbox.run(words.split(' ')).code, 64, "{words}");
    }
}

#[test]
fn a_refresh_brings_lost_records_back() {
    let world = converged();
    for file in world.sandbox.files("state").iter().filter(|file| file.contains("store.sqlite")) {
        std::fs::remove_file(file).expect("removed");
    }
    assert!(world.sandbox.ok("plan --refresh-only").stdout.contains("Without us: 0 changed, 0 gone, 3 found."));
    world.drift("simulated.machine/web-1", "power", "stopped");
    assert!(world.sandbox.ok("plan").stdout.contains("not as the Machinefile asks"));
    world.drift("simulated.machine/web-1", "power", "running");
    world.sandbox.ok("up --refresh-only");
    world.drift("simulated.machine/web-1", "power", "stopped");
    assert!(world.sandbox.ok("plan").stdout.contains("changed without us"));
    world.converge();
}

/// A run that goes on, and what it says line by line.
struct Watch {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Watch {
    fn start(world: &World, words: &str) -> Self {
        let mut command = world.sandbox.command(words.split_whitespace());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stderr: ChildStderr = child.stderr.take().expect("piped");
        let (line, lines) = channel();
        std::thread::spawn(move || {
            for text in BufReader::new(stderr).lines().map_while(Result::ok) {
                _ = line.send(text);
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// Reads on until a line holds this.
    fn until(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(Duration::from_mins(1)) {
                Ok(line) => self.said.push(line),
                Err(why) => panic!("`{text}` was never said ({why}): {:#?}", self.said),
            }
            if self.said.last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
    }

    /// As Ctrl-C does; the exit code and all that was said.
    fn stop(mut self, signal: Signal) -> (Option<i32>, Vec<String>) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        let status = self.child.wait().expect("it ends");
        self.said.extend(self.lines.iter());
        (status.code(), self.said)
    }
}

#[test]
fn a_watch_puts_right_what_others_change_and_ends_cleanly() {
    let world = World::with(TWO);
    let mut watch = Watch::start(&world, "up -y --watch 1");
    watch.until("done: create ssh.key/shop, create simulated.machine/web-1, create simulated.machine/web-2");
    world.drift("simulated.machine/web-2", "power", "stopped");
    watch.until("done: update simulated.machine/web-2");
    world.lose("simulated.machine/web-1");
    watch.until("done: create simulated.machine/web-1");
    let (code, said) = watch.stop(Signal::INT);
    assert_eq!(code, Some(0), "{said:#?}");
    assert_eq!(said.len(), 4, "one line to begin with and one per round that changed something: {said:#?}");
    world.sandbox.assert_converged();
}

#[test]
fn a_watch_leaves_losses_alone_says_so_once_and_does_the_rest() {
    let world = converged();
    let mut watch = Watch::start(&world, "up -y --watch 1");
    world.sandbox.edit("Machinefile.yaml", "count: 2", "count: 1");
    watch.until("left alone: simulated.machine/web-2: it needs --allow-destroy web-2");
    world.drift("simulated.machine/web-1", "power", "stopped");
    watch.until("done: update simulated.machine/web-1");
    world.drift("simulated.machine/web-1", "power", "stopped");
    watch.until("done: update simulated.machine/web-1");
    let (code, said) = watch.stop(Signal::TERM);
    assert_eq!(code, Some(0));
    assert_eq!(said.iter().filter(|line| line.contains("left alone")).count(), 1, "{said:#?}");
    assert_eq!(world.objects().len(), 2);
    let mut watch = Watch::start(&world, "up -y --watch 1 --allow-destroy web-2");
    watch.until("done: delete simulated.machine/web-2");
    assert_eq!(watch.stop(Signal::INT).0, Some(0));
    world.sandbox.assert_converged();
}

#[test]
fn a_watch_goes_on_after_failures() {
    let world = converged();
    let mut watch = Watch::start(&world, "up -y --watch 1");
    watch.until("Looking every 1 s");
    let good = std::fs::read_to_string(world.sandbox.project().join("Machinefile.yaml")).expect("text");
    world.sandbox.write("Machinefile.yaml", "machines: [\n");
    watch.until("not YAML");
    world.sandbox.write("Machinefile.yaml", &good.replace("count: 2", "count: 3"));
    watch.until("done: create simulated.machine/web-3");
    let hand = world.sandbox.run(["plan", "--detailed-exitcode"]);
    assert_eq!(hand.code, 0, "between rounds others may use the project");
    assert_eq!(watch.stop(Signal::INT).0, Some(0));
}

#[test]
fn a_watch_asks_once_before_it_makes_anything() {
    let world = World::with(TWO);
    let alone = world.sandbox.run(["up", "--watch", "1"]);
    assert_eq!(alone.code, 1, "{}", alone.stderr);
    assert!(alone.stderr.contains("run with -y (or MACHINE_YES=true)"), "{}", alone.stderr);
    assert!(!world.sandbox.project().join("world.sqlite").exists(), "nothing was made");
}

#[test]
fn a_watch_does_not_wait_for_what_was_typed_wrongly() {
    let world = converged();
    let wrong = world.sandbox.run(["up", "-y", "--watch", "1", "--target", "wbe"]);
    assert_eq!(wrong.code, 64, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("`wbe` names nothing of this project"), "{}", wrong.stderr);
}

#[test]
fn a_watch_says_that_nobody_answers_and_waits_longer() {
    let world = converged();
    let mut watch = Watch::start(&world, "up -y --watch 1");
    watch.until("Looking every 1 s");
    world.database().execute_batch("ALTER TABLE objects RENAME COLUMN attributes TO hidden").expect("the table");
    watch.until("left alone: sim: cannot be listed");
    world.database().execute_batch("ALTER TABLE objects RENAME COLUMN hidden TO attributes").expect("the table");
    world.lose("simulated.machine/web-1");
    watch.until("done: create simulated.machine/web-1");
    let (code, said) = watch.stop(Signal::INT);
    assert_eq!(code, Some(0));
    assert_eq!(said.iter().filter(|line| line.contains("cannot be listed")).count(), 1, "{said:#?}");
}

#[test]
fn a_warning_about_the_machinefile_is_said_once_however_long_it_is_watched() {
    let world = World::with(&format!("exclude: [machines.nope]\n{TWO}"));
    let mut watch = Watch::start(&world, "up -y --watch 1");
    watch.until("done: create");
    world.lose("simulated.machine/web-1");
    watch.until("done: create simulated.machine/web-1");
    let (code, said) = watch.stop(Signal::INT);
    assert_eq!(code, Some(0));
    assert_eq!(said.iter().filter(|line| line.contains("no earlier layer says anything")).count(), 1, "{said:#?}");
}
