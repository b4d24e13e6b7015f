//! Machines that get another name, and keep what they are and run on.

use std::collections::BTreeMap;
use std::sync::Arc;

use libmachine::desired::Machine;
use libmachine::observe::{Question, Sight, observe};
use libmachine::plan::{Action, Options, Plan, Step, plan};
use libmachine::resource::{Context, Observation, Resource, Source, diff};
use libmachine::store::Recorded;
use libmachine::value::{Attributes, json};

use super::impostor::Impostor;
use super::{World, debian, disk, name, qcow2};
use crate::support::thing::thing;

/// Called so now, and otherwise before.
fn called(now: &str, before: &[&str]) -> Machine {
    let mut machine = debian();
    machine.name = name(now);
    machine.former = before.iter().map(|before| name(before)).collect();
    machine
}

async fn look(world: &World, machines: &[Machine], cx: &Context) -> (Sight, Plan) {
    let provider = world.provider();
    let mut desired = vec![thing("ssh.key/shop", Attributes::new()).handle()];
    desired.extend(machines.iter().flat_map(|machine| provider.expand(machine).unwrap().resources));
    let former =
        |machine: &Machine| (machine.name.to_string(), machine.former.iter().map(ToString::to_string).collect());
    let moved: BTreeMap<_, Vec<String>> =
        machines.iter().filter(|machine| !machine.former.is_empty()).map(former).collect();
    let question = Question {
        desired: &desired,
        orphans: &[],
        sources: &[provider as Arc<dyn Source>],
        remembered: &|_| None,
        select: None,
        moved: &moved,
        parallel: 4,
    };
    let sight = observe(&question, cx).await.unwrap();
    let options = Options { moved: sight.moved.clone(), ..Options::default() };
    let plan = plan(&sight.graph, &sight.observed, &Recorded::default(), &options);
    (sight, plan)
}

/// The steps that have to do with a machine's own things.
fn lines(plan: &Plan) -> Vec<String> {
    let line = |step: &Step| {
        let moved = step.moved.as_ref().map_or_else(String::new, |from| format!(" from {from}"));
        let paths: Vec<_> = step.changes.iter().map(|change| change.path.to_string()).collect();
        let paths = if step.action == Action::Create { String::new() } else { paths.join(", ") };
        format!("{} {}{moved}: {paths}", step.resource, step.action.as_str()).trim_end_matches([' ', ':']).to_owned()
    };
    let own = |step: &&Step| ["qemu.disk", "qemu.seed", "qemu.vm"].contains(&step.resource.kind());
    plan.steps.iter().filter(own).map(line).collect()
}

/// Does to a machine's own things what an apply would.
async fn carry_out(sight: &Sight, plan: &Plan, cx: &Context, until: usize) {
    let own = |step: &&Step| ["qemu.disk", "qemu.seed", "qemu.vm"].contains(&step.resource.kind());
    for step in plan.steps.iter().filter(own).take(until) {
        let resource: &dyn Resource = sight.graph.node(&step.resource).unwrap().resource.as_ref();
        if let Some(from) = &step.moved {
            resource.rename(from, cx).await.unwrap();
        }
        match step.action {
            Action::Delete => resource.delete(cx).await.unwrap(),
            _ if resource.id().kind() != "qemu.seed" => {}
            _ => _ = resource.update(cx, &step.changes).await.unwrap(),
        }
    }
}

/// A machine that runs, with a disk of data and one that is wanted no more.
async fn running(world: &World, cx: &Context) -> Impostor {
    world.resource(&debian(), "qemu.seed/web").create(cx).await.unwrap();
    for disk in ["root", "data", "old"] {
        std::fs::write(world.folder().join(format!("{disk}.qcow2")), qcow2(0)).unwrap();
    }
    let image = json!({ "name": "debian-13", "source": "", "digest": null, "kernel": false });
    std::fs::write(world.folder().join("image.json"), image.to_string()).unwrap();
    std::fs::write(world.folder().join("base.image"), qcow2(0)).unwrap();
    Impostor::of(world, "running").await
}

fn after() -> Machine {
    let mut www = called("www", &["web"]);
    let disks = &mut Arc::make_mut(&mut www.resources).disks;
    disks.extend([(name("root"), disk(0)), (name("data"), disk(0)), (name("new"), disk(1))]);
    www
}

#[tokio::test]
async fn a_machine_is_renamed_while_it_runs_with_all_that_it_has() {
    let (world, cx) = (World::new(), World::new().context());
    let mut qemu = running(&world, &cx).await;
    let (key, before) = (std::fs::read(world.folder().join("host_key")).unwrap(), world.folder());
    let (sight, plan) = look(&world, &[after()], &cx).await;
    insta::assert_snapshot!(lines(&plan).join("\n"), @r"
    qemu.disk/www.old delete from qemu.disk/web.old
    qemu.disk/www.data update from qemu.disk/web.data
    qemu.disk/www.new create from qemu.disk/web.new
    qemu.disk/www.root update from qemu.disk/web.root
    qemu.seed/www update from qemu.seed/web: hostname
    qemu.vm/www update from qemu.vm/web: disks.data, disks.new, project-key
    ");
    let vm = plan.steps.iter().find(|step| step.resource.as_str() == "qemu.vm/www").unwrap();
    assert!(vm.changes.iter().all(|change| !change.path.to_string().starts_with("nic")), "{:?}", vm.changes);
    assert_eq!(world.provider().list(&cx, None).await.unwrap().found.len(), 5, "a look changes nothing");

    for until in 1..=plan.steps.len() {
        let (sight, plan) = look(&world, &[after()], &cx).await;
        carry_out(&sight, &plan, &cx, until).await;
        let found = world.provider().list(&cx, None).await.unwrap().found;
        assert!(found.iter().all(|found| found.id.name().starts_with("www")), "{found:?}");
    }
    drop(sight);
    assert!(qemu.runs(), "it was not disturbed");
    let www = world.resource(&after(), "qemu.vm/www");
    let Observation::Present(seen) = www.read(&cx).await else { panic!("not there") };
    assert_eq!(seen["power"], json!("running"));
    assert_eq!(std::fs::read(before.join("host_key")).unwrap(), key);
    assert!(!before.join("old.qcow2").exists() && before.join("data.qcow2").exists());
    let its_seed = world.resource(&after(), "qemu.seed/www");
    let Observation::Present(seen) = its_seed.read(&cx).await else { panic!("not there") };
    assert!(diff(its_seed.desired(), &seen).is_empty());
    let alone = called("www", &[]);
    let nic = |machine: &Machine| world.resource(machine, "qemu.vm/www").desired()["nic"].clone();
    assert_eq!(nic(&alone), nic(&after()), "its cards are the same without the entry");
}

#[tokio::test]
async fn a_name_that_was_another_machines_is_free_for_a_new_one() {
    let (world, cx) = (World::new(), World::new().context());
    world.resource(&debian(), "qemu.seed/web").create(&cx).await.unwrap();
    let www = world.resource(&called("www", &["web"]), "qemu.seed/www");
    www.rename(&libmachine::id::ResourceId::new("qemu.seed", "web"), &cx).await.unwrap();
    let web = world.resource(&debian(), "qemu.seed/web");
    assert_eq!(web.read(&cx).await, Observation::Absent);
    web.create(&cx).await.unwrap();
    assert!(matches!(www.read(&cx).await, Observation::Present(_)));
    let macs = |machine: &Machine, id: &str| world.resource(machine, id).desired()["macs"].clone();
    assert_ne!(macs(&debian(), "qemu.seed/web"), macs(&called("www", &[]), "qemu.seed/www"));
    for (seed, left) in [(&web, 1), (&www, 0)] {
        seed.delete(&cx).await.unwrap();
        assert_eq!(world.provider().list(&cx, None).await.unwrap().found.len(), left);
    }
    assert!(!world.dirs.data.exists());
}

#[tokio::test]
async fn a_machine_that_is_let_go_runs_on_and_can_be_taken_over() {
    let (world, cx) = (World::new(), World::new().context());
    let mut qemu = running(&world, &cx).await;
    let vm = world.resource(&debian(), "qemu.vm/web");
    for kind in ["qemu.vm", "qemu.vm", "qemu.seed", "qemu.disk"] {
        let id = if kind == "qemu.disk" { "qemu.disk/web.root".to_owned() } else { format!("{kind}/web") };
        let by_hand = world.resource(&debian(), &id).disown(&cx).await.unwrap();
        let folder = world.folder().display().to_string();
        assert_eq!(by_hand, format!("kill $(cat {folder}/vm.pid); rm -r {folder}"));
    }
    assert!(world.provider().list(&cx, None).await.unwrap().found.is_empty());
    assert_eq!(vm.read(&cx).await, Observation::Absent);

    let provider = world.provider();
    assert_eq!(provider.examine("nowhere", &name("www"), &cx).await.unwrap(), None);
    let stray = provider.examine("web", &name("www"), &cx).await.unwrap().expect("it is there");
    assert_eq!((stray.owner, &stray.attributes["power"]), (None, &json!("running")));
    let wanted = world.resource(&called("www", &[]), "qemu.vm/www").desired()["nic"].clone();
    assert_eq!(stray.attributes["nic"], wanted, "its cards are no difference");
    provider.adopt("web", &name("www"), &cx).await.unwrap();
    let www = world.resource(&called("www", &[]), "qemu.vm/www");
    let Observation::Present(seen) = www.read(&cx).await else { panic!("not there") };
    assert_eq!((&seen["power"], &seen["nic"]), (&json!("running"), &www.desired()["nic"]));
    assert_eq!(provider.list(&cx, None).await.unwrap().found.len(), 5);
    assert!(qemu.runs(), "it was not disturbed");
    let ours = provider.examine("web", &name("www"), &cx).await.unwrap().expect("it is there");
    assert_eq!(ours.owner.as_deref(), Some("shop"), "the command says that it is the project's already");
}

#[tokio::test]
async fn another_projects_machine_moves_over_once_it_is_stopped() {
    let (world, cx) = (World::new(), World::new().context());
    let mut qemu = running(&world, &cx).await;
    let mut other = World::new();
    other.dirs = world.dirs.clone();
    other.owner.project = name("blog");
    let provider = other.provider();
    let refused = provider.examine("shop/web", &name("www"), &cx).await.unwrap_err();
    assert!(refused.message.contains("`shop/web` runs") && refused.hint.unwrap().contains("machine stop"));
    qemu.end().await;
    let stray = provider.examine("shop/web", &name("www"), &cx).await.unwrap().expect("it is there");
    assert_eq!(stray.owner.as_deref(), Some("shop"));
    provider.adopt("shop/local/web", &name("www"), &cx).await.unwrap();
    assert!(world.provider().list(&cx, None).await.unwrap().found.is_empty() && !world.folder().exists());
    let found = provider.list(&cx, None).await.unwrap().found;
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|found| found.id.name().starts_with("www")), "{found:?}");

    std::fs::remove_file(other.dirs.data.join("blog/local/www/vm.json")).unwrap();
    let half = world.provider().examine("blog/www", &name("www"), &cx).await.unwrap_err();
    assert!(half.message.contains("is no machine: it lacks vm.json"), "{}", half.message);
}
