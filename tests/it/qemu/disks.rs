//! Disks of virtual machines: what their coming and going disturbs, and what is known of those that run.

use libmachine::attributes;
use libmachine::resource::{Change, Disruption, Impact, Observation};
use libmachine::value::{self, Value, json};

use super::{World, debian};

#[test]
fn disks_come_and_go_while_the_machine_runs_where_it_has_slots() {
    let vm = World::new().resource(&debian(), "qemu.vm/web");
    let seen = |slots: u8| attributes! { "power": "running", "slots": slots, "plugged": ["data"], "lost": ["gone"] };
    let impact = |name: &str, before: Option<&str>, after: Option<&str>, slots: u8| {
        let path = value::Path::root().join("disks").join(name);
        let change = Change { path, before: before.map(Into::into), after: after.map(Into::into) };
        let Impact::InPlace(disruption, Some(text)) = vm.impact(&change, &seen(slots)) else { panic!("not in place") };
        (disruption, text)
    };
    let (none, reboot) = (Disruption::None, Disruption::Reboot);
    assert_eq!(impact("more", None, Some("read-write"), 1), (none, "is attached while the machine runs".into()));
    assert_eq!(impact("more", None, Some("read-write"), 0), (reboot, "restarts the machine with other disks".into()));
    assert_eq!(impact("cd", None, Some("disc drive, empty"), 1).0, reboot);
    assert_eq!(impact("data", Some("read-write"), None, 0), (none, "is taken out while the machine runs".into()));
    assert_eq!(impact("older", Some("read-write"), None, 1).0, reboot);
    assert_eq!(impact("data", Some("read-write"), Some("read-only"), 1).0, reboot);
    assert_eq!(impact("gone", None, Some("read-write"), 1).0, reboot);
}

#[tokio::test]
async fn a_machine_of_the_first_builds_is_still_known() {
    let (world, cx) = (World::new(), World::new().context());
    world.resource(&debian(), "qemu.seed/web").create(&world.context()).await.unwrap();
    let record = |disks: Value| {
        let text = json!({ "cpus": 2, "ram": 2u64 << 30, "ports": {}, "disks": disks, "address": "10.85.0.2", "ssh": 2222, "accelerator": "tcg" });
        std::fs::write(world.folder().join("vm.json"), text.to_string()).unwrap();
    };
    record(json!(["root"]));
    let vm = world.resource(&debian(), "qemu.vm/web");
    let Observation::Present(seen) = vm.read(&cx).await else { panic!("not there") };
    assert_eq!((&seen["disks"], &seen["nic"]), (&json!({ "root": "read-write" }), &vm.desired()["nic"]));
    record(json!(7));
    let Observation::Unreadable(why) = vm.read(&cx).await else { panic!("read") };
    assert!(why.contains("vm.json is not what this build writes there"), "{why}");
}
