//! Images that machines are given in archives.

use std::collections::BTreeMap;
use std::fs;

use libmachine::desired::ComposeProject;
use libmachine::host::expand;
use libmachine::resource::Impact;
use libmachine::value::{Path, json};

use super::{FACTS, World, facts, machine, name, said};
use crate::support::archive;

const LOAD: &str = "Gives the engine an archive";
const UP: &str = "Takes a bundle from standard input";

fn project(folder: &std::path::Path, image: &str) -> ComposeProject {
    fs::write(folder.join("compose.yaml"), "services: { web: { image: 'box:1' } }\n").unwrap();
    ComposeProject {
        name: name("site"),
        on: vec![name("web")],
        files: vec![folder.join("compose.yaml")],
        directory: folder.to_owned(),
        root: folder.to_owned(),
        env_files: Vec::new(),
        profiles: Vec::new(),
        images: vec![folder.join(image)],
        wait: std::time::Duration::from_secs(9),
        after: Vec::new(),
        at: Path::parse("compose.site"),
    }
}

/// What the machine has: the project with a note of what was loaded, and the image that the name stands for.
fn there(note: &str, image: &str) -> String {
    format!("\n\x1eimages\n{image} box:1\n\n\x1eproject site\nowner  {{\"project\":\"shop\"}}\n{note}argument  -p\n")
}

#[tokio::test]
async fn an_image_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let digest = archive::write(&folder.path().join("box.tar"), "box:1", b"busybox", "one");
    let world = World::running(&machine(None, &json!({})), &BTreeMap::new(), &[&project(folder.path(), "box.tar")]);
    let resource = world.get("compose.project");
    assert_eq!(json!(resource.desired()["images"]), json!({ "box:1": digest }));
    let images = async |facts_of: String| {
        world.script.answer(FACTS, facts(&facts_of));
        world.present("host").await;
        world.present("compose.project").await["images"].clone()
    };
    assert_eq!(images(there("", &digest)).await["box:1"], json!(digest), "as older engines call it");
    assert_eq!(images(there(&format!("image  box:1 {digest} sha256:9\n"), "sha256:9")).await["box:1"], json!(digest));
    let other = format!("image  box:1 {digest} sha256:9\n");
    assert_eq!(images(there(&other, "sha256:8")).await["box:1"], "sha256:8", "somebody gave the name to another one");

    world.script.answer(LOAD, said(0, ""));
    world.script.answer(UP, said(0, ""));
    resource.create(&world.cx).await.unwrap();
    let asked = &world.script.asked_for(LOAD)[0];
    assert!(asked.contains(&format!("machine site 120 box:1 {digest}")), "{asked}");
    assert!(world.script.asked_for(UP)[0].contains("machine site 9 "));

    world.script.answer(FACTS, facts(&there("", &digest)));
    world.present("host").await;
    resource.create(&world.cx).await.unwrap();
    assert_eq!(world.script.asked_for(LOAD).len(), 1, "it is there");
}

#[tokio::test]
async fn what_an_archive_changes_is_told() {
    let folder = tempfile::tempdir().unwrap();
    archive::write(&folder.path().join("box.tar"), "box:1", b"busybox", "one");
    let world = World::running(&machine(None, &json!({})), &BTreeMap::new(), &[&project(folder.path(), "box.tar")]);
    world.script.answer(FACTS, facts(&there("", "sha256:8")));
    world.present("host").await;
    let changes = world.changes("compose.project").await;
    let image = changes.iter().find(|(path, _)| path.starts_with("images.")).unwrap();
    assert!(matches!(&image.1, Impact::InPlace(_, Some(text)) if text == "restarts services that run the image"));
}

#[test]
fn what_is_no_archive_of_images_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text"), "no archive\n".repeat(200)).unwrap();
    let error = refused(folder.path(), "text");
    assert!(error.ends_with("text is no archive of images"), "{error}");
    let mut empty = tar::Builder::new(fs::File::create(folder.path().join("empty.tar")).unwrap());
    empty.finish().unwrap();
    assert!(refused(folder.path(), "empty.tar").ends_with("empty.tar is no archive of images"));
}

fn refused(folder: &std::path::Path, image: &str) -> String {
    let world = World::with(None, &json!({}));
    let vm = libmachine::id::ResourceId::new("qemu.vm", "web");
    let hosts = std::sync::Arc::clone(&world.hosts);
    let project = project(folder, image);
    let (_, notes) = expand(&machine(None, &json!({})), &vm, &[&project], &BTreeMap::new(), &hosts, &BTreeMap::new());
    notes.into_iter().map(|note| note.message).collect()
}
