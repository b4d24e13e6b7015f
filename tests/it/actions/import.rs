//! What exists already becomes ours, and what is ours is let go, without being touched.

use crate::support::world::World;

const HEAD: &str = "defaults: { provider: sim }\n";

/// A world with a machine that nobody of this project made.
fn with_stray(owner: &str) -> World {
    let world = World::with(&format!("{HEAD}machines: {{ web: {{}}, db: {{}} }}\n"));
    world.converge();
    let text = "INSERT INTO objects SELECT 'simulated.machine/legacy', kind, ?1, attributes FROM objects \
                WHERE id = 'simulated.machine/web'";
    world.database().execute(text, [owner]).expect("the table");
    world.rewrite(&format!("{HEAD}machines: {{ web: {{}}, db: {{}}, cache: {{ resources: {{ cpus: 4 }} }} }}\n"));
    world
}

#[test]
fn what_is_nobodys_is_taken_over_and_then_changed_in_place() {
    let world = with_stray("");
    let import = world.sandbox.ok("import -y machines.cache legacy");
    assert!(import.stdout.contains("Found legacy at sim, nobody's"), "{}", import.stdout);
    assert!(
        import.stdout.contains("~ simulated.machine/cache update") && import.stdout.contains("cpus"),
        "{}",
        import.stdout
    );
    assert!(import.stderr.contains("is adopted as simulated.machine/cache"), "{}", import.stderr);
    let plan = world.sandbox.ok("plan");
    assert!(plan.stdout.contains("~ simulated.machine/cache update"), "{}", plan.stdout);
    world.converge();
    assert!(!world.objects().contains(&"simulated.machine/legacy".to_owned()));
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn what_is_another_projects_is_taken_over_only_when_that_is_said() {
    let world = with_stray("other");
    let refused = world.sandbox.run(["import", "-y", "cache", "other:legacy"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("`other:legacy` belongs to project other"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--from-project"), "{}", refused.stderr);
    world.sandbox.ok("import -y cache other:legacy --from-project");
    world.converge();
    world.sandbox.ok("destroy -y");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_taken_over_is_an_error_that_says_why() {
    let world = with_stray("");
    let fails = |words: &str, text: &str| {
        let ran = world.sandbox.run(words.split(' '));
        assert_ne!(ran.code, 0, "{words}");
        assert!(ran.stderr.contains(text), "{words}: {}", ran.stderr);
    };
    fails("import -y cache nowhere", "there is no `nowhere` at provider `sim`");
    fails("import -y web legacy", "simulated.machine/web is there already");
    fails("import -y nobody legacy", "nobody");
    fails("import cache legacy", "there is nobody to ask for consent");
    fails("import -y cache web", "`web` is this project's already");
    fails("import -y cache engine.daemon/web", "is no machine of the world");
    world.rewrite("machines: { cache: { provider: docker, engine: false } }\n");
    fails("import -y cache legacy", "");
}

#[test]
fn a_forgotten_machine_stays_and_is_no_longer_ours() {
    let world = with_stray("other");
    world.rewrite(&format!("{HEAD}machines: {{ db: {{}} }}\n"));
    let still = world.sandbox.run(["forget", "-y", "db"]);
    assert!(still.stderr.contains("`db` is in the Machinefile"), "{}", still.stderr);
    let asked = world.sandbox.run(["forget", "web"]);
    assert!(asked.stderr.contains("there is nobody to ask for consent"), "{}", asked.stderr);
    let before = world.contents();
    let forget = world.sandbox.ok("forget -y machines.web");
    assert!(forget.stderr.contains("web is forgotten. To remove it by hand:"), "{}", forget.stderr);
    assert!(
        forget.stderr.contains("DELETE FROM objects WHERE owner = '' AND id = 'simulated.machine/web'"),
        "{}",
        forget.stderr
    );
    assert_eq!(world.contents(), before);
    let plan = world.sandbox.ok("plan");
    assert!(!plan.stdout.contains("machine/web"), "{}", plan.stdout);
    world.converge();
    assert_eq!(world.sandbox.run(["forget", "-y", "web"]).code, 1);
    world.sandbox.ok("destroy -y");
    assert!(world.objects().contains(&"simulated.machine/web".to_owned()));

    world.rewrite(&format!("{HEAD}machines: {{ db: {{}}, front: {{}} }}\n"));
    world.sandbox.ok("import -y front web");
    world.converge();
    world.sandbox.ok("destroy -y");
    assert!(!world.objects().iter().any(|id| id.contains("web") || id.contains("front")), "{:?}", world.objects());
}

#[test]
fn what_carries_our_label_and_is_on_no_record_is_adopted_once() {
    let world = World::with(&format!("{HEAD}machines: {{ web: {{}} }}\n"));
    world.converge();
    for file in world.sandbox.files("state").iter().filter(|file| file.contains("store.sqlite")) {
        std::fs::remove_file(file).expect("removed");
    }
    let before = world.contents();
    let plan = world.sandbox.ok("plan --long");
    assert!(plan.stdout.starts_with("No changes: ") && plan.stdout.contains(" adopted."), "{}", plan.stdout);
    let up = world.sandbox.ok("up -y");
    assert!(up.stderr.contains("adopted: "), "{}", up.stderr);
    assert_eq!(world.contents(), before);
    let again = world.sandbox.ok("up -y");
    assert!(!again.stderr.contains("adopted"), "{}", again.stderr);
    world.drift_number("simulated.machine/web", "cpus", 7);
    let plan = world.sandbox.ok("plan");
    assert!(plan.stdout.contains("changed without us"), "the record tells whose change it is: {}", plan.stdout);
    world.converge();
    world.sandbox.ok("destroy -y");
}
