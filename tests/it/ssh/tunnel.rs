//! Many conversations through one socket.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use libmachine::transport::ssh::{Endpoint, Tunnel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::{FIRST_HANGS_UP, Server};

/// A socket whose connections are `line` on the machine.
fn socket(folder: &tempfile::TempDir, endpoint: &Endpoint, line: &str) -> std::path::PathBuf {
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let tunnel = Arc::new(Tunnel::new(endpoint.clone(), line.to_owned()));
    tokio::spawn(async move { tunnel.serve(&listener, |why| format!("refused: {why}").into_bytes()).await });
    path
}

async fn answer(mut stream: UnixStream) -> String {
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn thirty_conversations_at_once_share_a_few_connections() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let path = socket(&folder, &server.endpoint, "tr a-z A-Z");
    let mut all = Vec::new();
    for n in 0..30 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(format!("hello {n}").as_bytes()).await.unwrap();
        all.push(stream);
    }
    for (n, stream) in all.into_iter().enumerate() {
        assert_eq!(answer(stream).await, format!("HELLO {n}"));
    }
    let connections = server.connections.load(Ordering::SeqCst);
    assert!(connections <= 4, "{connections} connections");
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(answer(stream).await, "");
    assert_eq!(server.connections.load(Ordering::SeqCst), connections, "the next one finds room");
}

#[tokio::test]
async fn what_cannot_be_had_is_answered_with_the_reason() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let path = socket(&folder, &server.endpoint, "echo docker: not found >&2; exit 127");
    let address = &server.endpoint.address;
    let heard = answer(UnixStream::connect(&path).await.unwrap()).await;
    assert_eq!(heard, format!("refused: {address}: docker: not found"));

    let folder = tempfile::tempdir().unwrap();
    let nobody = Endpoint { address: "127.0.0.1:1".into(), ..server.endpoint.clone() };
    let heard = answer(UnixStream::connect(socket(&folder, &nobody, "true")).await.unwrap()).await;
    assert_eq!(heard, "refused: 127.0.0.1:1 does not answer: connection refused");
}

#[tokio::test]
async fn a_connection_that_died_is_made_anew_for_the_next_conversation() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let path = socket(&folder, &server.endpoint, &format!("{FIRST_HANGS_UP}echo alive"));
    assert_eq!(answer(UnixStream::connect(&path).await.unwrap()).await, "");
    for _ in 0..2 {
        assert_eq!(answer(UnixStream::connect(&path).await.unwrap()).await, "alive\n");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}
