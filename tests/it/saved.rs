//! Saved plans: carried out as they stand, or refused before anything is touched.

use std::os::unix::fs::PermissionsExt as _;

use libmachine::saved::{Saved, Unusable};

use crate::support::sandbox::Ran;
use crate::support::world::World;

const HEAD: &str = "defaults: { provider: sim, engine: false }\nmachines:\n";

/// Two machines that are up, and a Machinefile that asks for more of `web`.
fn edited() -> World {
    let world = World::with(&format!("{HEAD}  web: {{ resources: {{ cpus: 1 }} }}\n  db: {{}}\n"));
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "cpus: 1", "cpus: 2");
    world.sandbox.ok("plan --out next.plan");
    world
}

fn assert_refused(ran: &Ran, says: &[&str]) {
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    for text in says {
        assert!(ran.stderr.contains(text), "`{text}` is missing from:\n{}", ran.stderr);
    }
}

fn apply(world: &World) -> Ran {
    world.sandbox.run(["apply", "-y", "next.plan"])
}

#[test]
fn a_saved_plan_is_carried_out() {
    let world = edited();
    let file = world.sandbox.project().join("next.plan");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let shown = world.sandbox.ok("up --dry-run next.plan").stdout;
    assert!(shown.contains("cpus  1 → 2") && shown.contains("0 to create, 1 to change"), "{shown}");
    let done = apply(&world);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("Done: the plan is carried out."), "{}", done.stderr);
    world.sandbox.assert_converged();
    assert!(apply(&world).stderr.contains("Nothing to do: the plan has no steps, or all of them are done."));
}

#[test]
fn a_plan_is_refused_when_what_it_relies_on_has_moved() {
    let world = edited();
    world.drift("simulated.machine/web", "power", "stopped");
    let before = world.contents();
    let refused = apply(&world);
    assert_refused(
        &refused,
        &["nothing was changed", "simulated.machine/web  power: running → stopped", "machine plan"],
    );
    assert_eq!(world.contents(), before);
    world.drift("simulated.machine/web", "power", "running");
    assert_eq!(apply(&world).code, 0, "what moved back no longer stands in the way");
}

#[test]
fn what_a_plan_does_not_rely_on_may_move_and_stays_as_it_is() {
    let world = edited();
    world.drift("simulated.machine/db", "power", "stopped");
    assert_eq!(apply(&world).code, 0);
    let plan = world.sandbox.ok("plan").stdout;
    assert!(plan.contains("1 to change") && plan.contains("simulated.machine/db"), "{plan}");
    world.converge();
}

#[test]
fn a_byte_changed_anywhere_in_what_it_relies_on_is_enough() {
    let world = World::with("defaults: { provider: sim }\nmachines: { web: {}, db: {} }\n");
    world.converge();
    world.rewrite("defaults: { provider: sim }\nmachines: { web: { engine: { options: { debug: true } } }, db: {} }\n");
    world.sandbox.ok("plan --out next.plan");
    let relied = ["engine.daemon/web", "engine.package/web", "host/web", "simulated.machine/web"];
    let before = world.contents();
    for (id, attributes) in &before {
        let attributes: serde_json::Value = serde_json::from_str(attributes).expect("JSON");
        for name in attributes.as_object().expect("attributes").keys() {
            world.drift(id, name, "otherwise");
            let ran = world.sandbox.run(["apply", "--dry-run", "next.plan"]);
            let stands = ran.code == 0;
            assert_eq!(stands, !relied.contains(&id.as_str()), "{id} {name}: {}", ran.stderr);
            assert!(stands || ran.stderr.contains(&format!("{id}  {name}")), "{id} {name}: {}", ran.stderr);
            world.restore(id, &before);
        }
    }
    assert_eq!(apply(&world).code, 0);
    world.sandbox.assert_converged();
}

#[test]
fn a_thing_that_is_gone_or_was_changed_by_another_run_is_named() {
    let world = edited();
    world.lose("simulated.machine/web");
    assert_refused(&apply(&world), &["simulated.machine/web  present → absent"]);
    let world = edited();
    world.sandbox.edit("Machinefile.yaml", "cpus: 2", "cpus: 3");
    world.sandbox.ok("up -y");
    world.drift_number("simulated.machine/web", "cpus", 1);
    world.sandbox.edit("Machinefile.yaml", "cpus: 3", "cpus: 2");
    assert_refused(&apply(&world), &["simulated.machine/web  another run has changed it or seen it anew"]);
}

#[test]
fn a_machinefile_that_means_something_else_is_named_and_a_comment_means_nothing() {
    let world = edited();
    world.sandbox.edit("Machinefile.yaml", "db: {}", "db: {} # idle");
    assert_eq!(world.sandbox.run(["apply", "--dry-run", "next.plan"]).code, 0);
    world.sandbox.edit("Machinefile.yaml", "cpus: 2", "cpus: 4");
    assert_refused(&apply(&world), &["Machinefile.yaml no longer asks for what was planned: simulated.machine/web"]);
    world.sandbox.edit("Machinefile.yaml", "cpus: 4", "cpus: 2");
    world.sandbox.edit("Machinefile.yaml", "name: shop", "name: stop");
    assert_refused(&apply(&world), &["it is a plan for project `shop`, and this is `stop`"]);
}

#[test]
fn what_is_left_alone_is_part_of_what_was_planned() {
    let ignoring = |web: &str, db: &str| {
        format!("{HEAD}  web: {{ resources: {{ cpus: 2 }}{web} }}\n  db: {{ resources: {{ cpus: 2 }}{db} }}\n")
    };
    let (none, cpus, both) = ("", ", ignore: [resources.cpus]", ", ignore: [resources.cpus, image]");
    let world = World::with(&ignoring(none, none).replace("cpus: 2", "cpus: 1"));
    world.converge();
    for (planned, now) in [(none, cpus), (cpus, none), (cpus, both), (both, cpus)] {
        world.rewrite(&ignoring(none, planned));
        world.sandbox.ok("plan --out next.plan");
        world.rewrite(&ignoring(none, now));
        let before = world.contents();
        let says = "Machinefile.yaml no longer asks for what was planned: simulated.machine/db";
        assert_refused(&apply(&world), &[says, "nothing was changed"]);
        assert_eq!(world.contents(), before, "{planned} {now}");
    }
    world.rewrite(&ignoring(none, both));
    world.sandbox.ok("plan --out next.plan");
    world.rewrite(&ignoring(none, ", ignore: [image, resources.cpus]"));
    assert_eq!(apply(&world).code, 0, "another order means nothing");
    world.sandbox.assert_converged();
}

#[test]
fn a_variable_that_changed_is_told_from_a_file_that_changed() {
    let world = World::with(&format!("{HEAD}  web:\n    resources:\n      cpus: ${{CPUS:-1}}\n"));
    world.sandbox.ok("plan --out next.plan");
    let mut command = world.sandbox.command(["apply", "-y", "next.plan"]);
    let ran: Ran = command.env("CPUS", "2").output().expect("the binary runs").into();
    assert_refused(&ran, &["a file, variable or flag that the Machinefile names no longer asks"]);
}

#[test]
fn what_is_no_plan_is_refused_in_words() {
    let world = edited();
    let path = world.sandbox.project().join("next.plan");
    let text = std::fs::read_to_string(&path).expect("a plan");
    let write = |text: &str| std::fs::write(&path, text).expect("written");
    write(&text.replace("\"after\": 2", "\"after\": 8"));
    assert_refused(
        &apply(&world),
        &["it is damaged: its checksum is that of something else", "machine plan --out FILE"],
    );
    write(&text.replace("\"format\": 1", "\"format\": 2"));
    assert_refused(&apply(&world), &["it was written by a newer `machine` (format 2, this one knows 1)"]);
    write("name: shop\n");
    assert_refused(&apply(&world), &["it is not a saved plan"]);
    assert_refused(&world.sandbox.run(["apply", "-y", "other.plan"]), &["cannot read other.plan"]);
    for length in (0..text.len() - 1).filter(|length| text.is_char_boundary(*length)) {
        assert!(Saved::parse(&text[..length]).is_err(), "cut after {length} bytes");
    }
    assert_eq!(Saved::parse("{}"), Err(Unusable::Foreign));
    assert_eq!(Saved::parse(&text).expect("a plan").to_text(), text);
}

#[test]
fn losses_that_were_named_for_the_plan_are_named_in_it() {
    let world = World::with(&format!("{HEAD}  web: {{ count: 2 }}\n"));
    world.converge();
    world.sandbox.edit("Machinefile.yaml", "count: 2", "count: 1");
    world.sandbox.ok("plan --out next.plan");
    assert_refused(&apply(&world), &["would lose data", "machine apply next.plan -y --allow-destroy web-2"]);
    assert_eq!(world.objects().len(), 2);
    world.sandbox.ok("plan --out next.plan --allow-destroy web-2");
    assert_refused(&world.sandbox.run(["apply", "next.plan"]), &["there is nobody to ask"]);
    assert_eq!(apply(&world).code, 0);
    world.sandbox.assert_converged();
}

#[test]
fn an_empty_plan_can_be_saved_and_does_nothing() {
    let world = World::with(&format!("{HEAD}  web: {{}}\n"));
    world.converge();
    world.sandbox.ok("plan --out next.plan");
    assert!(world.sandbox.ok("apply -y next.plan").stderr.contains("Nothing to do"));
}

#[test]
fn a_plan_is_written_where_a_link_leads_and_over_nothing_but_files() {
    let world = edited();
    let at = |name: &str| world.sandbox.project().join(name);
    world.sandbox.write("there.plan", "");
    std::os::unix::fs::symlink("there.plan", at("link.plan")).expect("a link");
    world.sandbox.ok("plan --out link.plan");
    assert!(at("link.plan").is_symlink());
    assert!(Saved::parse(&std::fs::read_to_string(at("there.plan")).expect("a plan")).is_ok());
    std::fs::create_dir(at("folder.plan")).expect("a folder");
    let ran = world.sandbox.run(["plan", "--out", "folder.plan"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("folder.plan: it is no file"), "{}", ran.stderr);
}

#[test]
fn what_was_carried_out_is_passed_over_and_the_rest_goes_on() {
    let world = edited();
    world.sandbox.edit("Machinefile.yaml", "db: {}", "db: { resources: { cpus: 3 } }");
    world.sandbox.ok("plan --out next.plan");
    world.sandbox.ok("up -y --target web");
    let rest = world.sandbox.ok("apply -y next.plan");
    assert!(rest.stderr.contains("1 to change") && rest.stderr.contains("simulated.machine/db"), "{}", rest.stderr);
    assert!(!rest.stderr.contains("simulated.machine/web"), "{}", rest.stderr);
    world.sandbox.assert_converged();
    let again = world.sandbox.ok("apply -y next.plan");
    assert!(
        again.stderr.contains("Nothing to do: the plan has no steps, or all of them are done."),
        "{}",
        again.stderr
    );
}

#[test]
fn a_plan_for_a_part_of_the_project_stays_a_plan_for_that_part() {
    let world = edited();
    world.sandbox.edit("Machinefile.yaml", "db: {}", "db: { resources: { cpus: 3 } }");
    world.sandbox.ok("plan --out next.plan --target db");
    world.sandbox.ok("apply -y next.plan");
    let plan = world.sandbox.ok("plan").stdout;
    assert!(plan.contains("1 to change") && plan.contains("simulated.machine/web"), "{plan}");
    world.converge();
}

#[test]
fn the_end_of_a_project_can_be_planned_reviewed_and_carried_out() {
    let world = edited();
    let plan = world.sandbox.ok("plan --destroy --out end.plan").stdout;
    assert!(plan.contains("3 to delete"), "{plan}");
    assert_eq!(world.objects().len(), 2);
    assert_refused(&world.sandbox.run(["apply", "end.plan"]), &["there is nobody to ask"]);
    world.sandbox.ok("apply -y end.plan");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn what_came_to_live_in_something_that_goes_stands_in_the_way() {
    let world = World::with("defaults: { provider: sim }\nmachines: { web: {}, db: {} }\n");
    world.converge();
    let contents = world.contents();
    world.lose("engine.daemon/web");
    world.sandbox.edit("Machinefile.yaml", "web: {}, ", "");
    world.sandbox.ok("plan --out next.plan --allow-destroy web");
    let text =
        "INSERT INTO objects SELECT 'engine.daemon/web', kind, owner, ?1 FROM objects WHERE id = 'engine.daemon/db'";
    let back = world.database().execute(text, [&contents["engine.daemon/web"]]);
    assert_eq!(back, Ok(1));
    assert_refused(&apply(&world), &["engine.daemon/web"]);
}

#[test]
fn a_plan_is_never_written_over_something_else() {
    let world = edited();
    let before = std::fs::read_to_string(world.sandbox.project().join("Machinefile.yaml")).expect("a file");
    assert_refused(
        &world.sandbox.run(["plan", "--out", "Machinefile.yaml"]),
        &["cannot write Machinefile.yaml: it holds something else than a saved plan"],
    );
    assert_eq!(std::fs::read_to_string(world.sandbox.project().join("Machinefile.yaml")).expect("a file"), before);
}
