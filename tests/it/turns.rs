//! One run at a time: real processes that want the same project, stand still, or are killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::postgres;
use crate::support::sandbox::Ran;
use crate::support::world::World;

/// Both kinds of store, as the binary is told of them.
fn stores() -> [Option<String>; 2] {
    [None, Some(postgres::address())]
}

const MACHINES: &str =
    "machines: { m: { count: 4, provider: sim, engine: false, resources: { cpus: \"${CPUS:-1}\" } } }\n";

fn world(weather: &str) -> World {
    World::in_weather(weather, MACHINES)
}

fn command(world: &World, store: Option<&str>, words: &str) -> Command {
    let mut command = world.sandbox.command(words.split(' '));
    if let Some(store) = store {
        command.env("MACHINE_STORE", store);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn end(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

fn ran(world: &World, store: Option<&str>, words: &str) -> Ran {
    command(world, store, words).output().expect("it runs").into()
}

#[track_caller]
fn ok(world: &World, store: Option<&str>, words: &str) -> Ran {
    let ran = ran(world, store, words);
    assert_eq!(ran.code, 0, "{words}\n{}{}", ran.stdout, ran.stderr);
    ran
}

/// Each operation of the machines in the order in which they were begun and ended: `begin create`, `hold`.
fn journal(world: &World, store: Option<&str>) -> Vec<String> {
    let text = "SELECT event || ' ' || detail FROM {} WHERE resource LIKE 'simulated.machine/%' ORDER BY seq";
    if let Some(store) = store {
        return postgres::query(store, &text.replace("{}", "machine.journal")).lines().map(str::to_owned).collect();
    }
    let path = world.sandbox.home().join("state/machine/shop/store.sqlite");
    let database = rusqlite::Connection::open(path).expect("SQLite");
    let mut statement = database.prepare(&text.replace("{}", "journal")).expect("the table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a text")).collect()
}

/// Returns once a line of its narration holds `part`; what follows is read and dropped.
fn until(child: &mut Child, part: &str) -> String {
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut said = String::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("`{part}` is missing from:\n{said}"));
        if line.contains(part) {
            std::thread::spawn(move || lines.for_each(drop));
            return line;
        }
        said.push_str(&line);
        said.push('\n');
    }
}

/// A test that failed half-way leaves nobody standing still.
struct Wakes<'a>(&'a mut Child);

impl Drop for Wakes<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            _ = self.0.kill();
        }
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn two_ups_that_start_together_run_one_after_the_other() {
    for store in stores() {
        let (world, store) = (world("latency: 40ms"), store.as_deref());
        let start = |cpus: &str| {
            let mut command = command(&world, store, "up -y --lock-wait 60s --parallel 4");
            command.env("CPUS", cpus).spawn().expect("it starts")
        };
        let both = [start("1"), start("2")];
        let said: Vec<_> = both.into_iter().map(end).collect();
        for ran in &said {
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        }
        // Who looks in the moment before the other has written its name is told of "another run".
        let waits = said.iter().filter(|ran| ran.stderr.contains("waiting for ")).count();
        assert_eq!(waits, 1, "one of them waited: {said:?}");

        let journal = journal(&world, store);
        let (first, second) = journal.split_at(8);
        let count = |part: &[String], event: &str| part.iter().filter(|line| *line == event).count();
        assert_eq!((count(first, "begin create"), count(first, "hold ")), (4, 4), "{journal:?}");
        assert_eq!((count(second, "begin update"), count(second, "hold ")), (4, 4), "{journal:?}");
        assert_eq!(journal.len(), 16);
        assert_eq!(world.objects().len(), 4);
        ok(&world, store, "destroy -y");
    }
}

#[test]
fn who_does_not_wait_is_refused_with_the_name_of_the_other() {
    for store in stores() {
        let (world, store) = (world("latency: 400ms"), store.as_deref());
        let mut first = command(&world, store, "up -y --parallel 1").spawn().expect("it starts");
        until(&mut first, "creating");
        let second = ran(&world, store, "up -y");
        assert_eq!(second.code, 1);
        let expected = "another run is changing this project: `machine up` of tester on ";
        assert!(second.stderr.contains(expected), "{}", second.stderr);
        assert!(second.stderr.contains(&format!("process {}, since", first.id())), "{}", second.stderr);
        assert!(second.stderr.contains("hint: wait for it with `--lock-wait"), "{}", second.stderr);
        assert_eq!(end(first).code, 0);
        ok(&world, store, "plan");
        ok(&world, store, "destroy -y");
    }
}

#[test]
fn a_killed_run_is_no_obstacle_and_the_next_ends_what_it_began() {
    for store in stores() {
        let (world, store) = (world("latency: 300ms"), store.as_deref());
        let mut first = command(&world, store, "up -y --parallel 1").spawn().expect("it starts");
        until(&mut first, "creating");
        first.kill().expect("killed");
        first.wait().expect("it ends");
        ok(&world, store, "up -y");
        assert_eq!(world.objects().len(), 4);
        let plan = ran(&world, store, "plan --detailed-exitcode");
        assert_eq!(plan.code, 0, "{}", plan.stdout);
        ok(&world, store, "destroy -y");
        assert_eq!(world.objects(), Vec::<String>::new());
    }
}

/// On one computer the lock is the system's, and a run that stands still keeps it: nobody can have gone on meanwhile.
#[test]
fn a_run_that_stands_still_on_this_computer_keeps_the_project() {
    let world = world("latency: 300ms");
    let mut first = command(&world, None, "up -y --parallel 1").spawn().expect("it starts");
    until(&mut first, "creating");
    let stopped = Wakes(&mut first);
    signal(stopped.0, "-STOP");
    assert_eq!(ran(&world, None, "up -y").code, 1);
    signal(stopped.0, "-CONT");
    drop(stopped);
    assert_eq!(end(first).code, 0);
    world.sandbox.assert_converged();
    world.sandbox.ok("destroy -y");
}

#[test]
fn a_run_that_stood_still_past_its_lease_is_not_heard_when_it_wakes() {
    let world = World::in_weather("latency: 200ms", &format!("store: {{ lease: 1s }}\n{MACHINES}"));
    let store = postgres::address();
    let store = Some(store.as_str());
    let mut first = command(&world, store, "up -y --parallel 1").spawn().expect("it starts");
    let mut words = first.stderr.take().map(BufReader::new).expect("a pipe");
    let mut said = String::new();
    while !said.contains("creating") {
        assert_ne!(words.read_line(&mut said).expect("text"), 0, "it ended early: {said}");
    }
    let stopped = Wakes(&mut first);
    signal(stopped.0, "-STOP");
    ok(&world, store, "up -y --lock-wait 60s");
    let journal_then = journal(&world, store);
    signal(stopped.0, "-CONT");
    drop(stopped);
    let code = first.wait().expect("it ends").code();
    std::io::Read::read_to_string(&mut words, &mut said).expect("text");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another one has taken the project over"), "{said}");
    assert_eq!(journal(&world, store), journal_then, "nothing was written in its name");
    assert_eq!(world.objects().len(), 4);
    assert_eq!(ran(&world, store, "plan --detailed-exitcode").code, 0);
    ok(&world, store, "destroy -y");
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let world = world("latency: 0s");
    let ran = ran(&world, Some("postgres://ann:hunter2@127.0.0.1:9/machine"), "up -y");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cannot open PostgreSQL at 127.0.0.1, database machine"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"), "{}", ran.stderr);
    assert_eq!(world.sandbox.files("state"), Vec::<String>::new());
}
