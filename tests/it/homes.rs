//! The same project from other computers: nothing has to be carried along but the repository, or a store that is shared.

use std::process::Command;

use crate::support::postgres;
use crate::support::sandbox::{Ran, Sandbox};
use crate::support::world::World;

const REST: &str = "
defaults: { provider: sim }
machines:
  web: { engine: { options: { log-level: warn } } }
  db: { count: 3, engine: false }
";

/// Of another person with the same repository and the same world.
fn elsewhere<'a>(world: &World, home: &Sandbox, words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = home.command(words);
    command.current_dir(world.sandbox.project());
    command
}

fn ok(mut command: Command) -> Ran {
    let ran: Ran = command.output().expect("it runs").into();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn a_clone_on_another_computer_finds_everything_and_can_delete_it() {
    let (world, home) = (World::with(REST), Sandbox::new());
    world.sandbox.ok("up -y");
    let there = world.objects();
    let plan = ok(elsewhere(&world, &home, ["plan", "-o", "json"]));
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let steps: Vec<_> = plan["steps"].as_array().expect("a list").iter().map(|step| step["resource"].clone()).collect();
    assert_eq!(steps, ["ssh.key/shop"], "a key of its own is all that is missing there");
    ok(elsewhere(&world, &home, ["up", "-y"]));
    assert_eq!(world.objects(), there, "nothing is made twice");
    world.sandbox.assert_converged();
    ok(elsewhere(&world, &home, ["destroy", "-y"]));
    assert_eq!(world.objects(), Vec::<String>::new());
    assert_eq!(home.files("state"), Vec::<String>::new());
}

#[test]
fn who_shares_a_store_shares_the_key_and_what_was_begun() {
    let (world, home, store) = (World::with(REST), Sandbox::new(), postgres::address());
    let mut first = world.sandbox.command(["up", "-y"]);
    first.env("MACHINE_STORE", &store);
    ok(first);
    assert_eq!(world.sandbox.files("state"), Vec::<String>::new(), "nothing is kept here");

    let mut plan = elsewhere(&world, &home, ["plan", "--detailed-exitcode"]);
    plan.env("MACHINE_STORE", &store);
    assert!(ok(plan).stdout.starts_with("No changes"));
    let mut destroy = elsewhere(&world, &home, ["destroy", "-y"]);
    destroy.env("MACHINE_STORE", &store);
    ok(destroy);
    assert_eq!(world.objects(), Vec::<String>::new());
    for table in ["records", "intents", "journal", "secrets"] {
        assert_eq!(postgres::query(&store, &format!("SELECT count(*) FROM machine.{table}")), "0", "{table}");
    }
}

/// No private key, in whatever form, in anything that is kept or said.
#[test]
fn a_secret_is_in_nothing_that_is_kept_or_said() {
    let (world, store) = (World::with(&format!("store: {{ encrypt-to: [{ANN}] }}{REST}")), postgres::address());
    let run = |words: &str| {
        let mut command = world.sandbox.command(words.split(' '));
        command.env("MACHINE_STORE", &store).env("MACHINE_AGE_IDENTITY", IDENTITY);
        ok(command)
    };
    let mut said = String::new();
    for words in ["up -y --progress json", "plan -o json", "status -o json", "graph -o json"] {
        let ran = run(words);
        said.extend([ran.stdout, ran.stderr]);
    }
    let tables = ["records", "intents", "journal", "projects"];
    said.extend(tables.map(|table| postgres::query(&store, &format!("SELECT t::text FROM machine.{table} t"))));
    let secret = postgres::query(&store, "SELECT encode(content, 'escape') FROM machine.secrets");
    assert!(secret.contains("BEGIN AGE ENCRYPTED FILE"), "{secret}");
    for text in [&said, &secret] {
        for canary in ["PRIVATE KEY", "b3BlbnNzaC1rZXktdjE", "AGE-SECRET-KEY"] {
            assert!(!text.contains(canary), "`{canary}` is in:\n{text}");
        }
    }
    run("destroy -y");
}

/// The bytes from 1 to 32.
const ANN: &str = "age1q73he0q5yzfu3d64msd3p6rvksnrwjk3d2598mgtmlqt9wrdr37q2vrn72";
const IDENTITY: &str = "AGE-SECRET-KEY-1QYPQXPQ9QCRSSZG2PVXQ6RS0ZQG3YYC5Z5TPWXQERGD3C8G7RUSQGPQYEE";
