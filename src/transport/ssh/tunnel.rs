//! A local socket each of whose connections is a command on the machine, many of them on one SSH connection.
//!
//! OpenSSH's own client would log in anew for every one, and a server refuses logins that come in a crowd (`MaxStartups`) as
//! well as sessions beyond ten on one connection (`MaxSessions`).

use std::sync::Arc;

use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::session::{Channel, Session};
use super::{CHANNELS, CONNECT, Endpoint};
use crate::transport::Error;

/// How much is carried at once.
const PIECE: usize = 32 * 1024;
/// How much of what a command complains about is kept.
const COMPLAINT: usize = 4 * 1024;

/// Where the connections lead, and the SSH connections that they share.
#[derive(Debug)]
pub struct Tunnel {
    endpoint: Endpoint,
    /// A line for the machine's shell. Its input and output are the two directions.
    line: String,
    lines: Mutex<Vec<Line>>,
}

/// One SSH connection, and how many channels may still be opened on it.
#[derive(Debug)]
struct Line {
    session: Arc<Session>,
    free: Arc<Semaphore>,
}

impl Tunnel {
    #[must_use]
    pub fn new(endpoint: Endpoint, line: String) -> Self {
        Self { endpoint, line, lines: Mutex::default() }
    }

    /// Serves the socket for ever. What a connection cannot have is answered by `refusal`, given the reason.
    pub async fn serve(
        self: Arc<Self>,
        listener: &UnixListener,
        refusal: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> std::io::Result<()> {
        let refusal = Arc::new(refusal);
        loop {
            let (stream, _) = listener.accept().await?;
            let (tunnel, refusal) = (Arc::clone(&self), Arc::clone(&refusal));
            tokio::spawn(async move { tunnel.carry(stream, refusal.as_ref()).await });
        }
    }

    async fn carry(&self, stream: UnixStream, refusal: &(impl Fn(&str) -> Vec<u8> + Sync)) {
        let (from_here, mut to_here) = stream.into_split();
        let opened = tokio::time::timeout(CONNECT, self.open()).await;
        let why = match opened {
            Ok(Ok((channel, _turn))) => match exchange(channel, &self.line, from_here, &mut to_here).await {
                Ok(()) => return,
                Err(why) => format!("{}: {why}", self.endpoint.address),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{} does not answer within {} s", self.endpoint.address, CONNECT.as_secs()),
        };
        // Who has gone meanwhile does not hear it.
        _ = to_here.write_all(&refusal(&why)).await;
    }

    /// A channel on a connection that has room for it. One whose connection turns out to be dead is opened on another.
    async fn open(&self) -> Result<(Channel, OwnedSemaphorePermit), Error> {
        loop {
            let (session, turn, is_new) = self.line().await?;
            match session.channel().await {
                Ok(channel) => return Ok((channel, turn)),
                Err(why) if is_new => {
                    return Err(Error::Lost { address: self.endpoint.address.clone(), why: why.to_string() });
                }
                Err(_) => self.lines.lock().await.retain(|line| !Arc::ptr_eq(&line.session, &session)),
            }
        }
    }

    /// One login at a time: the next one may find room on what this one opens.
    async fn line(&self) -> Result<(Arc<Session>, OwnedSemaphorePermit, bool), Error> {
        let mut lines = self.lines.lock().await;
        lines.retain(|line| line.session.is_alive());
        for line in lines.iter() {
            if let Ok(turn) = Arc::clone(&line.free).try_acquire_owned() {
                return Ok((Arc::clone(&line.session), turn, false));
            }
        }
        let session = Arc::new(Session::connect(&self.endpoint).await?);
        let free = Arc::new(Semaphore::new(CHANNELS));
        let turn = Arc::clone(&free).try_acquire_owned().expect("nobody else has it yet");
        lines.push(Line { session: Arc::clone(&session), free });
        Ok((session, turn, true))
    }
}

/// Carries both directions until the command has ended. The error is that it said nothing, with what it complained about.
async fn exchange(
    channel: Channel,
    line: &str,
    mut from_here: OwnedReadHalf,
    to_here: &mut OwnedWriteHalf,
) -> Result<(), String> {
    let (mut from, to) = channel.split();
    to.exec(true, line).await.map_err(|error| error.to_string())?;
    let sending = async {
        // Who only closes its sending half still waits for the answer.
        _ = send(&to, &mut from_here).await;
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = receive(&mut from, to_here) => outcome,
        () = sending => unreachable!("sending never ends by itself"),
    };
    _ = to.close().await;
    outcome
}

async fn send(to: &ChannelWriteHalf<client::Msg>, from_here: &mut OwnedReadHalf) -> Result<(), russh::Error> {
    let mut piece = vec![0; PIECE];
    loop {
        match from_here.read(&mut piece).await? {
            0 => return to.eof().await,
            length => to.data(&piece[..length]).await?,
        }
    }
}

async fn receive(from: &mut ChannelReadHalf, to_here: &mut OwnedWriteHalf) -> Result<(), String> {
    let (mut is_silent, mut complaint) = (true, Vec::new());
    while let Some(message) = from.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                is_silent = false;
                if to_here.write_all(&data).await.is_err() {
                    return Ok(());
                }
            }
            ChannelMsg::ExtendedData { data, .. } if complaint.len() < COMPLAINT => complaint.extend_from_slice(&data),
            ChannelMsg::Failure => return Err("the server refuses to run commands".to_owned()),
            // The other side has said all; we may still be heard.
            ChannelMsg::Eof if !is_silent => _ = to_here.shutdown().await,
            _ => {}
        }
    }
    match String::from_utf8_lossy(&complaint).trim() {
        "" => Ok(()),
        why if is_silent => Err(why.to_owned()),
        _ => Ok(()),
    }
}
