//! Settings that count when a machine is made and are left alone from then on.

use insta::assert_snapshot;
use libmachine::attributes;

use crate::support::project::Project;
use crate::support::thing::{Scene, thing};
use crate::support::world::World;

#[test]
fn what_is_ignored_is_not_planned_and_the_rest_is() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"cpus": 2, "options": {"debug": true, "mtu": 1}}))
        .seen("vm/web", attributes! {"cpus": 1, "options": {"debug": false, "mtu": 2}})
        .ignoring("vm/web", &["cpus", "options.debug"]);
    assert_snapshot!(scene.printed(), @r"
      ~ vm/web update  not as the Machinefile asks
            options.mtu  2 → 1

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
    assert_eq!(scene.plan().ignored.len(), 2);
}

#[test]
fn an_image_that_nothing_would_be_made_from_is_not_fetched() {
    let scene = |ignored: &[&str]| {
        Scene::default()
            .wanted(thing("image/new", attributes! {}))
            .wanted(thing("disk/web", attributes! {"image": "new"}).uses("image/new"))
            .seen("disk/web", attributes! {"image": "old"})
            .ignoring("disk/web", ignored)
    };
    assert!(scene(&["image"]).plan().is_empty(), "{}", scene(&["image"]).printed());
    assert_eq!(scene(&[]).plan().steps.len(), 2);
    let with_another = scene(&["image"]).wanted(thing("disk/db", attributes! {"image": "new"}).uses("image/new"));
    let steps: Vec<_> = with_another.plan().steps.iter().map(|step| step.resource.to_string()).collect();
    assert_eq!(steps, ["image/new", "disk/db"]);
}

const BEFORE: &str = "
defaults: { provider: sim }
machines:
  web:
    ignore: [image, resources.cpus, resources.disks.data.allocation, engine.options.debug]
    image: debian-12
    resources: { cpus: 1, disks: { data: { allocation: 1GB } } }
    engine: { options: { debug: false, labels: [a=b] } }
";

#[test]
fn what_is_ignored_is_neither_written_nor_told_until_somebody_asks() {
    let world = World::with(BEFORE);
    world.converge();
    let after = BEFORE.replace("debian-12", "debian-13").replace("cpus: 1", "cpus: 4").replace("1GB", "2GB");
    world.rewrite(&after.replace("false", "true"));
    world.sandbox.assert_converged();
    let long = world.sandbox.ok("plan --long");
    assert!(long.stdout.starts_with("No changes: ") && long.stdout.contains("4 ignored"), "{}", long.stdout);
    let audit = world.sandbox.ok("audit");
    let line = "ignored: simulated.machine/web image is debian-12, and the Machinefile says debian-13";
    assert!(audit.stdout.contains(line), "{}", audit.stdout);

    world.rewrite(&after.replace("false", "true").replace("a=b", "c=d"));
    world.converge();
    let daemon = &world.contents()["engine.daemon/web"];
    assert!(daemon.contains("\"debug\":false") && daemon.contains("c=d"), "{daemon}");

    world.lose("simulated.machine/web");
    world.converge();
    let web = &world.contents()["simulated.machine/web"];
    assert!(web.contains("debian-13") && web.contains("\"cpus\":4"), "a new one is as the file says: {web}");
    world.sandbox.ok("destroy -y");
}

#[test]
fn a_path_that_names_nothing_is_an_error_with_a_suggestion() {
    let project = Project::new(
        "machines:\n  web:\n    engine: false\n    ignore: [resources.cpu, engine.version, resources.disks.dtaa.allocation]\n    \
         resources: { disks: { data: { allocation: 1GB } } }\n",
    );
    let findings = project.findings();
    assert!(findings.contains("`resources.cpu` is no setting of this machine that can be ignored"), "{findings}");
    assert!(findings.contains("did you mean `resources.cpus`?"), "{findings}");
    assert!(findings.contains("`engine.version` is no setting"), "{findings}");
    assert!(findings.contains("did you mean `resources.disks.data.allocation`?"), "{findings}");
}
