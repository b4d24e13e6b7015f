//! Images from servers that serve well and badly.

use libmachine::desired::{Digest, Image, Machine};
use libmachine::resource::{Failure, Observation};
use libmachine::value;
use sha2::{Digest as _, Sha256};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{World, machine, qcow2};

fn from_url(url: String, content: &[u8]) -> Machine {
    machine(Image::Url { url, digest: Digest::Sha256(hex::encode(Sha256::digest(content))) })
}

async fn fetch(world: &World, machine: &Machine) -> Result<value::Attributes, Failure> {
    let expansion = world.provider().expand(machine).unwrap();
    expansion.resources[0].create(&world.context()).await
}

/// The half-finished download in the cache.
fn part(world: &World, machine: &Machine) -> std::path::PathBuf {
    let expansion = world.provider().expand(machine).unwrap();
    world.dirs.cache.join(format!("images/{}.making/download.part", expansion.resources[0].id().name()))
}

async fn serves(content: &[u8]) -> MockServer {
    let server = MockServer::start().await;
    let whole = ResponseTemplate::new(200).set_body_bytes(content);
    Mock::given(method("GET")).and(path("/disk.qcow2")).respond_with(whole).with_priority(9).mount(&server).await;
    server
}

#[tokio::test]
async fn an_image_is_downloaded_once() {
    let (world, content) = (World::new(), qcow2(0));
    let server = serves(&content).await;
    let web = from_url(format!("{}/disk.qcow2", server.uri()), &content);
    for _ in 0..2 {
        fetch(&world, &web).await.unwrap();
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    let image = &world.provider().expand(&web).unwrap().resources[0];
    assert!(matches!(image.read(&world.context()).await, Observation::Present(_)));
}

#[tokio::test]
async fn a_download_that_was_cut_is_resumed() {
    let (world, content) = (World::new(), qcow2(0));
    let server = serves(&content).await;
    let web = from_url(format!("{}/disk.qcow2", server.uri()), &content);
    let rest = ResponseTemplate::new(206)
        .insert_header("content-range", format!("bytes 150000-199999/{}", content.len()))
        .set_body_bytes(&content[150_000..]);
    Mock::given(header("range", "bytes=150000-")).respond_with(rest).expect(1).mount(&server).await;
    let part = part(&world, &web);
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, &content[..150_000]).unwrap();
    fetch(&world, &web).await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_resume_sends_the_whole_again() {
    let (world, content) = (World::new(), qcow2(0));
    let server = serves(&content).await;
    let web = from_url(format!("{}/disk.qcow2", server.uri()), &content);
    let part = part(&world, &web);
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, b"something else").unwrap();
    fetch(&world, &web).await.unwrap();
}

#[tokio::test]
async fn a_wrong_digest_names_both_and_keeps_nothing() {
    let (world, content) = (World::new(), qcow2(0));
    let server = serves(&content).await;
    let web = from_url(format!("{}/disk.qcow2", server.uri()), b"expected");
    let failure = fetch(&world, &web).await.unwrap_err();
    for digest in [&content[..], b"expected"].map(|bytes| hex::encode(Sha256::digest(bytes))) {
        assert!(failure.message.contains(&digest), "{}", failure.message);
    }
    assert!(!part(&world, &web).exists());
}

#[tokio::test]
async fn an_image_that_names_another_file_is_refused() {
    let (world, content) = (World::new(), qcow2(104));
    let server = serves(&content).await;
    let failure = fetch(&world, &from_url(format!("{}/disk.qcow2", server.uri()), &content)).await.unwrap_err();
    assert!(failure.message.contains("needs another file"), "{}", failure.message);
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_named() {
    let world = World::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = fetch(&world, &from_url(format!("http://{free}/disk.qcow2"), b"")).await.unwrap_err();
    assert!(failure.message.contains(&free.to_string()) && failure.message.contains("refused"), "{}", failure.message);
}

#[tokio::test]
async fn a_missing_file_on_the_server_is_not_an_image() {
    let world = World::new();
    let server = MockServer::start().await;
    let failure = fetch(&world, &from_url(format!("{}/disk.qcow2", server.uri()), b"")).await.unwrap_err();
    assert!(failure.message.contains("404"), "{}", failure.message);
}
