//! The segment's switch: a process that passes Ethernet frames between machines as a learning switch does.
//!
//! Each machine's QEMU has a datagram socket of its own in one folder and sends to the switch's. There are no
//! connections, so a switch that is started again carries on without any machine noticing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// The switch's own socket.
pub(super) const SOCKET: &str = "switch.sock";
pub(super) const PID: &str = "switch.pid";
const LOCK: &str = "switch.lock";
/// Leads from the segment's folder to that of its sockets.
pub(super) const SOCKETS: &str = "sockets";
/// What the sockets of machines end in.
pub(super) const PORT: &str = "port";
/// A frame with the largest payload that a virtual card sends, offloads included.
const LARGEST_FRAME: usize = 68 * 1024;
/// Frames that may wait for a machine that is slow to take them.
const QUEUE: usize = 512;
/// A machine that takes nothing for so long loses the frame.
const STUCK: Duration = Duration::from_millis(500);
/// How often machines that have not said anything yet are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// A hardware address.
type Mac = [u8; 6];

/// Serves the sockets that the segment's `folder` leads to until the process is told to end. Returns at once when
/// another process does: that is known in `folder`, as the system may wipe the one of the sockets at any logout.
pub async fn serve(folder: &Path) -> io::Result<()> {
    let lock = File::options().create(true).append(true).open(folder.join(LOCK))?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    // Without a session of its own it would end with the terminal; a session leader has one already.
    let _ = rustix::process::setsid();
    let sockets = fs::read_link(folder.join(SOCKETS))?;
    let (socket, pid) = (sockets.join(SOCKET), folder.join(PID));
    remove(&socket)?;
    let listener = UnixDatagram::bind(&socket)?;
    fs::write(&pid, std::process::id().to_string())?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let served = tokio::select! {
        served = forward(&listener, &sockets) => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    remove(&socket)?;
    remove(&pid)?;
    served
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Passes frames on, for ever.
pub async fn forward(listener: &UnixDatagram, folder: &Path) -> io::Result<()> {
    let mut switch = Switch::new(folder);
    let mut buffer = vec![0; LARGEST_FRAME];
    loop {
        let (length, from) = listener.recv_from(&mut buffer).await?;
        if let Some(from) = from.as_pathname() {
            switch.pass(&buffer[..length], from);
        }
    }
}

struct Switch {
    folder: PathBuf,
    /// Behind which port each hardware address was last seen.
    seen: HashMap<Mac, PathBuf>,
    ports: HashMap<PathBuf, mpsc::Sender<Arc<[u8]>>>,
    looked: Option<Instant>,
}

impl Switch {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: HashMap::new(), ports: HashMap::new(), looked: None }
    }

    fn pass(&mut self, frame: &[u8], from: &Path) {
        let Some((to, source)) = addresses(frame) else { return };
        if !is_group(source) && self.seen.get(&source).is_none_or(|port| port != from) {
            self.seen.insert(source, from.to_owned());
        }
        let frame: Arc<[u8]> = frame.into();
        match self.seen.get(&to).filter(|_| !is_group(to)).cloned() {
            Some(port) if port == from => {}
            Some(port) => self.send(&port, frame),
            None => self.flood(&frame, from),
        }
    }

    fn flood(&mut self, frame: &Arc<[u8]>, from: &Path) {
        self.look();
        let others: Vec<_> = self.ports.keys().filter(|port| *port != from).cloned().collect();
        for port in others {
            self.send(&port, frame.clone());
        }
    }

    /// A full queue drops the frame, as a wire would.
    fn send(&mut self, port: &Path, frame: Arc<[u8]>) {
        let queue = self.ports.entry(port.to_owned()).or_insert_with(|| spawn_port(port));
        if let Err(mpsc::error::TrySendError::Closed(frame)) = queue.try_send(frame) {
            // The machine was started again since: its socket is another one under the same name.
            let fresh = spawn_port(port);
            let _ = fresh.try_send(frame);
            *queue = fresh;
        }
    }

    fn look(&mut self) {
        if self.looked.is_some_and(|then| then.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let there: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == PORT)).collect();
        self.ports.retain(|port, _| there.contains(port));
        self.seen.retain(|_, port| there.contains(port));
        for port in there {
            self.ports.entry(port.clone()).or_insert_with(|| spawn_port(&port));
        }
    }
}

/// Sends what is queued to one machine, so that a slow one holds up nobody else. Ends with the machine's socket.
fn spawn_port(path: &Path) -> mpsc::Sender<Arc<[u8]>> {
    let (queue, mut frames) = mpsc::channel::<Arc<[u8]>>(QUEUE);
    let path = path.to_owned();
    tokio::spawn(async move {
        let Ok(socket) = UnixDatagram::unbound() else { return };
        if socket.connect(&path).is_err() {
            return;
        }
        while let Some(frame) = frames.recv().await {
            if let Ok(Err(_)) = timeout(STUCK, socket.send(&frame)).await {
                return;
            }
        }
    });
    queue
}

/// Destination and source of a frame; `None` for what is too short to be one.
fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    Some((frame.get(..6)?.try_into().ok()?, frame.get(6..12)?.try_into().ok()?))
}

/// Broadcast or multicast.
const fn is_group(address: Mac) -> bool {
    address[0] & 1 == 1
}
