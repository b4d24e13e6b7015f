//! Ctrl-C, with the real program: once it ends what runs, twice it leaves at once. The next run goes on from there.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::world::World;

const MACHINES: &str = "machines: { m: { count: 8, provider: sim, engine: false } }\n";

struct Run {
    child: Child,
    words: BufReader<ChildStderr>,
    said: String,
}

impl Run {
    fn of(world: &World, words: &str) -> Self {
        let mut command: Command = world.sandbox.command(words.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let words = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, words, said: String::new() }
    }

    /// Reads until this has been said so often.
    fn until(mut self, part: &str, times: usize) -> Self {
        while self.said.matches(part).count() < times {
            assert_ne!(self.words.read_line(&mut self.said).expect("text"), 0, "it ended early: {}", self.said);
        }
        self
    }

    fn signal(self, signal: Signal) -> Self {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it lives");
        self
    }

    fn end(mut self) -> (ExitStatus, String) {
        self.words.read_to_string(&mut self.said).expect("text");
        (self.child.wait().expect("it ends"), self.said)
    }
}

fn world(latency: &str) -> World {
    World::in_weather(&format!("latency: {latency}"), MACHINES)
}

/// Then everything is as it should be, and there is nothing twice.
fn goes_on(world: &World, latency: &str) {
    world.sandbox.edit("Machinefile.yaml", &format!("latency: {latency}"), "latency: 0ms");
    world.converge();
    assert_eq!(world.objects().len(), 8, "{:?}", world.objects());
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn ctrl_c_once_ends_what_runs_and_begins_nothing_more() {
    for signal in [Signal::INT, Signal::TERM] {
        let world = world("400ms");
        // The key, and the first two machines.
        let run = Run::of(&world, "up -y --parallel 2").until("creating", 3).signal(signal);
        let (status, said) = run.end();
        assert_eq!(status.code(), Some(130), "{said}");
        let (before, after) = said.split_once("stopping: waiting for").expect("it says what it does");
        assert!(after.contains("Ctrl-C again to leave at once"), "{said}");
        assert!(!after.contains("creating"), "nothing new is begun: {said}");
        let (begun, made) = (before.matches("creating").count(), said.matches(" created ").count());
        assert_eq!(begun, made, "what was begun is ended: {said}");
        assert_eq!(world.objects().len(), made - 1, "{said}");
        assert!(said.contains(&format!("{made} steps done, 0 failed, 0 skipped, {} not started.", 9 - made)), "{said}");
        assert!(said.contains("to go on from here: machine up"), "{said}");
        goes_on(&world, "400ms");
    }
}

#[test]
fn ctrl_c_twice_leaves_at_once_and_the_next_run_ends_it() {
    // Long enough for the second signal to find what the first one waits for.
    let world = world("3s");
    let run = Run::of(&world, "up -y --parallel 2").until("creating", 3).signal(Signal::INT);
    let run = run.until("stopping: waiting for", 1).signal(Signal::INT);
    let (status, said) = run.end();
    assert_eq!((status.code(), status.signal()), (Some(130), None), "{said}");
    let (_, after) = said.split_once("stopping: waiting for").expect("it says what it does");
    assert!(!after.contains("done, 0 failed"), "nobody waits for a summary: {said}");
    goes_on(&world, "3s");
}

#[test]
fn ctrl_c_while_deleting_leaves_the_rest_for_later() {
    let world = world("400ms");
    world.sandbox.edit("Machinefile.yaml", "latency: 400ms", "latency: 0ms");
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "latency: 0ms", "latency: 400ms");
    let run = Run::of(&world, "destroy -y --parallel 2").until("deleting", 1).signal(Signal::INT);
    let (status, said) = run.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("to go on from here: machine destroy"), "{said}");
    let left = world.objects().len();
    assert!((1..8).contains(&left), "{left} left: {said}");
    goes_on(&world, "400ms");
}

#[test]
fn ctrl_c_while_looking_changes_nothing() {
    let world = World::in_weather("latency: 30s", MACHINES);
    let run = Run::of(&world, "plan --progress json").until("looking at", 1).signal(Signal::INT);
    let (status, said) = run.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(!world.sandbox.project().join("world.sqlite").exists());
}
