//! The SSH transport against a server in this process that runs what it is told with `sh`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libmachine::transport::ssh::{Connections, Endpoint, Identity, Key};
use libmachine::transport::{Command, Error, Transport};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Auth, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

mod tunnel;

struct Server {
    endpoint: Endpoint,
    connections: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

struct Login {
    key: PublicKey,
    channels: HashMap<ChannelId, Channel<Msg>>,
    is_first: bool,
}

/// Stands before a line on which the first connection ends.
const FIRST_HANGS_UP: &str = "first-hangs-up; ";

impl Handler for Login {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = user == "root" && key.public_key.key_data() == self.key.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let line = String::from_utf8(line.to_vec()).unwrap();
        let channel = self.channels.remove(&id).unwrap();
        session.channel_success(id)?;
        let rest = line.strip_prefix(FIRST_HANGS_UP);
        if line == "hang-up" || rest.is_some() && self.is_first {
            return Err(russh::Error::Disconnect);
        }
        tokio::spawn(run(channel, rest.unwrap_or(&line).to_owned()));
        Ok(())
    }
}

async fn run(channel: Channel<Msg>, line: String) {
    let mut command = tokio::process::Command::new("sh");
    command.arg("-c").arg(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, mut from) = (child.stdin.take().unwrap(), channel);
    let (mut text, mut errors) = (Vec::new(), Vec::new());
    let mut stdin = Vec::new();
    from.make_reader().read_to_end(&mut stdin).await.unwrap();
    let feeding = async move {
        let _ = input.write_all(&stdin).await;
    };
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (_, _, (), status) =
        tokio::join!(stdout.read_to_end(&mut text), stderr.read_to_end(&mut errors), feeding, child.wait());
    from.data(&text[..]).await.unwrap();
    from.extended_data(1, &errors[..]).await.unwrap();
    from.exit_status(status.unwrap().code().unwrap_or(255).unsigned_abs()).await.unwrap();
    from.eof().await.unwrap();
    from.close().await.unwrap();
}

fn key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

impl Server {
    async fn start() -> Self {
        let (host, login) = (key(), key());
        let folder = tempfile::tempdir().unwrap();
        let file: PathBuf = folder.path().join("id");
        std::fs::write(&file, login.to_openssh(LineEnding::LF).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint {
            address: listener.local_addr().unwrap().to_string(),
            user: "root".into(),
            host_key: host.public_key().to_openssh().unwrap(),
            identity: Identity { key: Key::File(file), agent: false },
        };
        let config = Arc::new(russh::server::Config {
            keys: vec![host],
            auth_rejection_time: Duration::ZERO,
            ..russh::server::Config::default()
        });
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
                let login = Login { key: login.public_key().clone(), channels: HashMap::new(), is_first };
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    if let Ok(session) = russh::server::run_stream(config, stream, login).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self { endpoint, connections, _folder: folder }
    }
}

fn sh(script: &str) -> Command {
    Command::new(["sh", "-c", script]).timeout(Duration::from_secs(20))
}

#[tokio::test]
async fn a_command_comes_back_with_its_status_and_both_streams() {
    let server = Server::start().await;
    let ssh = Connections::default().get(server.endpoint.clone());
    let mut lines = Vec::new();
    let command = sh("cat; echo \"it's $HOME-less\" >&2; exit 7").stdin("one\ntwo\n");
    let output = ssh.stream(&command, &mut |line| lines.push(line.to_owned())).await.unwrap();
    assert_eq!((output.status, output.stdout.as_str()), (7, "one\ntwo\n"));
    assert!(output.stderr.starts_with("it's "));
    assert!(lines.starts_with(&["one".to_owned(), "two".to_owned()]));
}

#[tokio::test]
async fn input_larger_than_any_window_arrives_whole() {
    let server = Server::start().await;
    let ssh = Connections::default().get(server.endpoint.clone());
    let output = ssh.run(&sh("wc -c").stdin(vec![b'x'; 5 << 20])).await.unwrap();
    assert_eq!(output.stdout.trim(), (5 << 20).to_string());
}

#[tokio::test]
async fn many_commands_share_one_connection() {
    let server = Server::start().await;
    let connections = Connections::default();
    let run = |n: u32| {
        let ssh = connections.get(server.endpoint.clone());
        async move { ssh.run(&sh(&format!("echo {n}"))).await.unwrap().stdout }
    };
    let outputs = futures_util::future::join_all((0..20).map(run)).await;
    assert_eq!(outputs.concat().lines().count(), 20);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_dead_connection_is_made_anew_and_a_started_command_is_not_run_again() {
    let server = Server::start().await;
    let ssh = Connections::default().get(server.endpoint.clone());
    let lost = ssh.run(&Command::new(["hang-up"])).await;
    assert!(matches!(lost, Err(Error::Lost { .. })), "{lost:?}");
    assert_eq!(ssh.run(&sh("echo again")).await.unwrap().stdout, "again\n");
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn commands_nobody_waits_for_do_not_use_up_the_connection() {
    let server = Server::start().await;
    let ssh = Connections::default().get(server.endpoint.clone());
    for _ in 0..12 {
        let late = ssh.run(&Command::new(["sleep", "2"]).timeout(Duration::from_millis(50))).await;
        assert!(matches!(late, Err(Error::Timeout { .. } | Error::Unreachable { .. })), "{late:?}");
    }
    assert_eq!(ssh.run(&sh("echo fine")).await.unwrap().stdout, "fine\n");
}

#[tokio::test]
async fn another_host_key_ends_the_connection_before_we_log_in() {
    let server = Server::start().await;
    let other = key().public_key().to_openssh().unwrap();
    let ssh = Connections::default().get(Endpoint { host_key: other, ..server.endpoint.clone() });
    let refused = ssh.run(&sh("true")).await;
    assert!(matches!(&refused, Err(Error::HostKey { got, .. }) if got.starts_with("SHA256:")), "{refused:?}");
}

#[tokio::test]
async fn a_key_that_is_not_let_in_is_told_so() {
    let server = Server::start().await;
    let ssh = Connections::default().get(Endpoint { user: "nobody".into(), ..server.endpoint.clone() });
    let denied = ssh.run(&sh("true")).await;
    assert!(matches!(&denied, Err(Error::Denied { user, .. }) if user == "nobody"), "{denied:?}");
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_named_with_the_reason() {
    let server = Server::start().await;
    let Key::File(file) = &server.endpoint.identity.key else { panic!("a file") };
    let (file, agent) = (file.with_file_name("gone"), false);
    let missing = Identity { key: Key::File(file.clone()), agent };
    let ssh = Connections::default().get(Endpoint { identity: missing.clone(), ..server.endpoint.clone() });
    let denied = ssh.run(&sh("true")).await.unwrap_err();
    assert!(denied.to_string().ends_with("gone was not tried: there is no such file)"), "{denied}");

    let locked = key().encrypt(&mut safe_rng(), "secret").unwrap();
    std::fs::write(&file, locked.to_openssh(LineEnding::LF).unwrap()).unwrap();
    let ssh = Connections::default().get(Endpoint { identity: missing, ..server.endpoint.clone() });
    let denied = ssh.run(&sh("true")).await.unwrap_err();
    assert!(denied.to_string().contains("it has a passphrase"), "{denied}");
}

#[tokio::test]
async fn a_port_that_is_closed_or_silent_does_not_answer() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Endpoint { address: listener.local_addr().unwrap().to_string(), ..server.endpoint.clone() };
    let quick = sh("true").timeout(Duration::from_millis(200));
    let unanswered = Connections::default().get(silent.clone()).run(&quick).await;
    assert!(matches!(&unanswered, Err(Error::Unreachable { .. })), "{unanswered:?}");
    drop(listener);
    let refused = Connections::default().get(silent).run(&quick).await;
    assert!(matches!(&refused, Err(Error::Unreachable { why, .. }) if why == "connection refused"), "{refused:?}");
}
