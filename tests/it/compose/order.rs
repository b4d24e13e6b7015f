//! Which project comes first.

use crate::support::home::Home;
use crate::support::project::Project;

fn project(compose: &str) -> Project {
    Project::new(&format!("machines: {{ a: , b: {{ count: 2 }} }}\ncompose:\n{compose}")).file("c.yaml", "services: {}")
}

#[test]
fn a_name_that_is_none_and_a_circle_are_errors() {
    let unknown =
        project("  site: { on: a, files: [c.yaml], after: [kw] }\n  kv: { on: a, files: [c.yaml] }\n").findings();
    assert!(
        unknown.contains("no compose project is called `kw`") && unknown.contains("did you mean `kv`?"),
        "{unknown}"
    );
    let circle = project(
        "  a: { on: a, files: [c.yaml], after: [b] }\n  b: { on: b, files: [c.yaml], after: [c] }\n  c: { on: a, files: [c.yaml], after: [a, b] }\n",
    )
    .findings();
    assert!(circle.contains("these compose projects wait for each other: `a` → `b` → `c` → `a`"), "{circle}");
    let itself = project("  a: { on: a, files: [c.yaml], after: [a] }\n").findings();
    assert!(itself.contains("wait for each other: `a` → `a`"), "{itself}");
}

#[test]
fn what_comes_first_comes_first_on_all_its_machines() {
    let desired =
        project("  site: { on: [a, b], files: [c.yaml], after: [kv], wait: 30s }\n  kv: { on: b, files: [c.yaml] }\n")
            .desired();
    let site = desired.compose.values().find(|project| project.name.as_str() == "site").unwrap();
    assert_eq!((site.wait.as_secs(), site.after[0].as_str()), (30, "kv"));
    let text = "id: x7k2\ndefaults: { provider: simulated }\nmachines: { a: , b: { count: 2 } }\ncompose:\n  site: { on: a, after: [kv] }\n  kv: { on: b }\n";
    let (_, catalog) = Home::new().project(text);
    let parents = |id: &str| {
        let resource = catalog.resources.iter().find(|resource| resource.id().to_string() == id).expect("it is there");
        resource.parents().iter().map(|parent| format!("{} {}", parent.link.as_str(), parent.id)).collect::<Vec<_>>()
    };
    assert_eq!(parents("compose.project/site@a"), ["within engine.daemon/a", "after compose/kv"]);
    assert_eq!(parents("compose/kv"), ["after compose.project/kv@b-1", "after compose.project/kv@b-2"]);
}
