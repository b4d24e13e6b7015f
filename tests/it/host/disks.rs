//! Disks of a machine as they are found there and put in order.

use libmachine::desired::{Disk, Filesystem, Medium};
use libmachine::resource::{Change, Failure};
use libmachine::value::Path;

use super::*;

mod side_by_side;

const APPLY_DISK: &str = "Puts one disk in order";
const REMOVE_DISK: &str = "Ends the use of a disk";
const DATA: &str = "/dev/disk/by-id/virtio-data";
const LINE: &str = "/dev/disk/by-id/virtio-data /data ext4 \
                    defaults,nofail,x-systemd.before=docker.service,x-systemd.growfs,x-machine=data 0 2";

fn ext4() -> Disk {
    Disk { filesystem: Some(Filesystem::Ext4), mount: Some("/data".into()), ..Disk::blank(1 << 30) }
}

/// A machine without an engine and with this disk as `data`.
fn world(disk: Disk) -> World {
    let mut machine = machine(None, &json!({}));
    machine.engine = None;
    Arc::make_mut(&mut machine.resources).disks.insert(name("data"), disk);
    World::of(&machine, &BTreeMap::from([(name("data"), DATA.to_owned())]))
}

fn data(world: &World) -> &dyn Resource {
    &**world.resources.iter().find(|resource| resource.id().as_str() == "host.filesystem/web.data").unwrap()
}

/// What the machine says of its disks.
fn seen(world: &World, sections: &str) {
    world.script.answer(FACTS, said(0, &format!("\n\x1eos\nID=debian\n{sections}\n\x1eend\n")));
}

async fn changes(world: &World) -> Vec<(String, Impact)> {
    world.present("host").await;
    let disk = data(world);
    let seen = match disk.read(&world.cx).await {
        Observation::Present(attributes) => attributes,
        other => panic!("{other:?}"),
    };
    let changes = diff(disk.desired(), &seen);
    changes.iter().map(|change| (change.path.to_string(), disk.impact(change, &seen))).collect()
}

async fn refused(world: &World, status: i32, said_there: &str) -> Failure {
    world.present("host").await;
    world.script.answer(APPLY_DISK, said(status, said_there));
    data(world).update(&world.cx, &[]).await.unwrap_err()
}

/// Of a disk that is as it should be.
fn in_order(line: &str) -> String {
    format!(
        "\n\x1edisks\n{DATA} /dev/vdb ext4\n\n\x1emounts\n/dev/vdb /data rw,relatime\n\
         \n\x1efilesystems\n/data ext4 1073741824 1073741824 none\n\n\x1efstab\n{line}\n"
    )
}

#[tokio::test]
async fn a_disk_that_is_in_order_is_left_alone() {
    let world = world(ext4());
    seen(&world, &in_order(LINE));
    assert_eq!(changes(&world).await, []);
    data(&world).create(&world.cx).await.unwrap();
    assert!(world.script.asked_for(APPLY_DISK).is_empty());
}

#[tokio::test]
async fn a_blank_disk_is_made_and_one_that_holds_something_else_is_not() {
    let world = world(ext4());
    seen(&world, &format!("\n\x1edisks\n{DATA} /dev/vdb -\n"));
    world.present("host").await;
    assert_eq!(data(&world).read(&world.cx).await, Observation::Absent);
    seen(&world, &format!("\n\x1edisks\n{DATA} /dev/vdb xfs\n"));
    let changes = changes(&world).await;
    let refusals: Vec<_> = changes.iter().filter(|(_, impact)| matches!(impact, Impact::Refused(_))).collect();
    assert_eq!(refusals.len(), 1);
    let Impact::Refused(why) = &refusals[0].1 else { unreachable!() };
    assert!(why.starts_with("disk `data` holds xfs, and ext4 is wanted: `overwrite: true`"), "{why}");
}

#[tokio::test]
async fn overwriting_loses_data_and_says_so_beforehand() {
    let world = world(Disk { overwrite: true, ..ext4() });
    seen(&world, &format!("\n\x1edisks\n{DATA} /dev/vdb xfs\n"));
    let changes = changes(&world).await;
    let text = "makes ext4 and loses the xfs there".to_owned();
    assert!(changes.contains(&("filesystem".into(), Impact::InPlace(Disruption::DataLoss, Some(text)))), "{changes:?}");
    world.script.answer(APPLY_DISK, said(0, ""));
    let path = Path::root().join("filesystem");
    let change = Change { path, before: Some(json!("xfs")), after: Some(json!("ext4")) };
    data(&world).update(&world.cx, &[change]).await.unwrap();
    let asked = &world.script.asked_for(APPLY_DISK)[0];
    assert!(asked.starts_with("sh -s -- data /dev/disk/by-id/virtio-data ext4 /data rw any "), "{asked}");
    assert!(asked.contains("make='mkfs.ext4 -q -F /dev/disk/by-id/virtio-data'"), "{asked}");
}

#[tokio::test]
async fn what_a_new_machine_finds_on_a_disk_is_asked_about_before_it_is_lost() {
    let world = world(Disk { overwrite: true, medium: Medium::File("/srv/data.img".into()), ..ext4() });
    world.present("host").await;
    seen(&world, "");
    world.script.answer(APPLY_DISK, said(13, "found: xfs\n"));
    let failure = data(&world).create(&world.cx).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("what would be lost is asked about"));
    seen(&world, &format!("\n\x1edisks\n{DATA} /dev/vdb xfs\n"));
    world.get("host").read(&world.cx).await;
    let found = data(&world).create(&world.cx).await.unwrap();
    assert_eq!(found["filesystem"], json!("xfs"), "the next plan shows what would be lost");
    for asked in world.script.asked_for(APPLY_DISK) {
        assert!(asked.starts_with("sh -s -- data /dev/disk/by-id/virtio-data ext4 /data rw blank "), "{asked}");
    }
}

#[tokio::test]
async fn a_disk_is_not_emptied_for_a_filesystem_that_it_is_too_small_for() {
    let xfs = Disk { filesystem: Some(Filesystem::Xfs), mount: Some("/data".into()), ..Disk::blank(1 << 30) };
    let world = world(xfs);
    seen(&world, "");
    let failure = refused(&world, 18, "found: ext4\n").await;
    assert_eq!(failure.message, "disk `data` is too small for xfs, which needs 300MB");
    assert!(world.script.asked_for(APPLY_DISK)[0].contains(" 314572800\n"));
}

#[tokio::test]
async fn a_file_of_the_users_is_not_written_over_for_looking_blank() {
    let world = world(Disk { medium: Medium::File("/srv/data.img".into()), ..ext4() });
    seen(&world, &format!("\n\x1edisks\n{DATA} /dev/vdb -\n"));
    let failure = refused(&world, 13, "found: blank\n").await;
    assert!(
        world.script.asked_for(APPLY_DISK)[0]
            .starts_with("sh -s -- data /dev/disk/by-id/virtio-data ext4 /data rw none ")
    );
    assert_eq!(failure.message, "disk `data` holds blank, and ext4 is to be made there");
}

#[tokio::test]
async fn what_was_removed_or_edited_by_hand_is_noticed() {
    let wiped = || Disk { wipe_on_boot: true, kernel_module: Some("dm-crypt".into()), ..ext4() };
    let lasts = || {
        ("lasts".to_owned(), Impact::InPlace(Disruption::None, Some("what the next boot needs is written anew".into())))
    };
    let plain = world(ext4());
    seen(&plain, &in_order(&LINE.replace("nofail,", "")));
    assert_eq!(changes(&plain).await, [lasts()]);

    let world = world(wiped());
    let line = LINE.replace("0 2", "0 0");
    seen(&world, &in_order(&line));
    let gone = changes(&world).await;
    let paths: Vec<_> = gone.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["kernel-module", "lasts", "wipe-on-boot"]);

    world.script.answer(APPLY_DISK, said(0, ""));
    data(&world).update(&world.cx, &[]).await.unwrap();
    let asked = &world.script.asked_for(APPLY_DISK)[0];
    let (_, unit) = asked.split_once("unit='").unwrap();
    let (unit, _) = unit.split_once("'\nrule=").unwrap();
    let unit = unit.replace("'\\''", "'");
    let files = format!(
        "\n\x1efile /etc/systemd/system/machine-wipe-data.service\n{unit}\n\
         \n\x1efile /etc/modules-load.d/machine-data.conf\ndm-crypt\n\n\x1ewipes\ndata\n\n\x1emodules\ndm-crypt\n"
    );
    seen(&world, &format!("{}{files}", in_order(&line)));
    assert_eq!(changes(&world).await, []);
}

#[tokio::test]
async fn what_a_machine_lacks_is_named_with_what_has_it() {
    let module = world(Disk { kernel_module: Some("zfs".into()), ..ext4() });
    seen(&module, "");
    let failure = refused(&module, 11, "E: no such package\nkernel: 6.12.48+deb13-cloud-amd64\n").await;
    assert_eq!(failure.message, "the machine's kernel 6.12.48+deb13-cloud-amd64 has no module `zfs`");
    assert!(failure.hint.unwrap().contains("zfs-dkms"));

    let named = world(Disk { device_path: Some("/dev/vda".into()), ..ext4() });
    seen(&named, "");
    let failure = refused(&named, 12, "").await;
    assert_eq!(failure.message, "/dev/vda is another disk in the machine");

    let failure = refused(&world(ext4()), 16, "").await;
    assert_eq!(failure.message, "the machine lacks what makes ext4, and it cannot be installed");
}

#[tokio::test]
async fn a_disk_that_left_the_machinefile_is_found_and_let_go() {
    let world = World::with(None, &json!({}));
    let files = "\n\x1efile /etc/systemd/system/machine-wipe-old-cache.service\n[Unit]\n";
    seen(&world, &format!("{files}\n\x1efstab\n{LINE}\n"));
    world.present("host").await;
    let source = world.get("host").contents().unwrap();
    let found = source.list(&world.cx, None).await.unwrap().found;
    let names: Vec<_> = found.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(names, ["host.filesystem/web.data", "host.filesystem/web.old-cache"]);
    let left = source.revive(&found[1]).unwrap();
    assert!(matches!(left.read(&world.cx).await, Observation::Present(_)));
    assert_eq!(left.deletion(), Disruption::None);
    world.script.answer(REMOVE_DISK, said(0, ""));
    left.delete(&world.cx).await.unwrap();
    assert!(world.script.asked_for(REMOVE_DISK)[0].starts_with("sh -s -- old-cache 300\n"));
}

#[tokio::test]
async fn the_engine_waits_for_the_disks_that_it_may_lie_on() {
    let mut machine = machine(None, &json!({}));
    Arc::make_mut(&mut machine.resources).disks.insert(name("data"), ext4());
    let world = World::of(&machine, &BTreeMap::from([(name("data"), DATA.to_owned())]));
    let parents = world.get("engine.package").parents();
    assert!(parents.iter().any(|parent| parent.id.as_str() == "host.filesystem/web.data"), "{parents:?}");
}
