//! Starting and stopping a machine's QEMU, and what was last started.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use crate::desired::{Forward, Protocol};
use crate::provider::Power;
use crate::provider::qemu::accelerator::{self, Accelerator};
use crate::provider::qemu::binary::{Binary, tool};
use crate::provider::qemu::card::Card;
use crate::provider::qemu::command_line::{CONSOLE, PID, Spec, arguments};
use crate::provider::qemu::drive::Drive;
use crate::provider::qemu::folder::{Folder, remove_file};
use crate::provider::qemu::monitor::{Monitor, protocol};
use crate::provider::qemu::process::Process;
use crate::provider::qemu::segment::{self, Segment};
use crate::provider::qemu::{Setup, card, disk, plug, process, seed, store};
use crate::resource::{Change, Context, Failure, Resource, follow, mark};
use crate::value::json;

pub(super) const RECORD: &str = "vm.json";
const MONITOR: &str = "qmp.sock";
const LOG: &str = "qemu.log";
/// How long QEMU may take to leave us alone with a started machine.
const START: Duration = Duration::from_mins(1);
/// How long a guest on hardware may take to shut down.
const GRACE: Duration = Duration::from_secs(30);
/// How long an accelerator is watched for failing on a real kernel.
const WATCH: Duration = Duration::from_secs(3);
/// How long QEMU may take to say how its machine fares.
const ASK: Duration = Duration::from_secs(2);
/// How long a QEMU with a monitor may take to write its pid file.
const APPEAR: Duration = Duration::from_secs(5);

/// What a machine was last started with; its `vm.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) cpus: u32,
    pub(super) ram: u64,
    pub(super) ports: BTreeMap<String, u16>,
    #[serde(deserialize_with = "drives")]
    pub(super) disks: BTreeMap<String, Drive>,
    /// To the world, and to the segment.
    pub(super) cards: [Card; 2],
    pub(super) address: Ipv4Addr,
    #[serde(default)]
    pub(super) protect: bool,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// Here, leading to the machine's SSH; 0 before the first start.
    pub(super) ssh: u16,
    pub(super) accelerator: Option<Accelerator>,
    /// The accelerator passed its test and failed on this machine.
    #[serde(default)]
    pub(super) emulate: bool,
    /// The project's key that this start let in.
    #[serde(default)]
    pub(super) project_key: Option<String>,
    /// For disks that are attached while it runs; none in a machine started without.
    #[serde(default)]
    pub(super) slots: u8,
    /// The slots of those that can go while it runs.
    #[serde(default)]
    pub(super) plugged: BTreeMap<String, u8>,
    /// Which files of ours the QEMU has open, by disk: another one of the same name is not what the machine has.
    #[serde(default)]
    pub(super) files: BTreeMap<String, u64>,
}

/// The first builds wrote the names alone.
fn drives<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Drive>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Drives(BTreeMap<String, Drive>),
        Names(Vec<String>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Drives(drives) => drives,
        Written::Names(names) => names.into_iter().map(|name| (name, Drive::default())).collect(),
    })
}

impl Applied {
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>, Failure> {
        let Some(mut written) = folder.read_json::<Map<String, Value>>(RECORD)? else { return Ok(None) };
        // The first builds knew no other cards than these and did not write them down.
        written.entry("cards").or_insert_with(|| json!(card::usual(&folder.origin())));
        serde_json::from_value(Value::Object(written)).map(Some).map_err(|error| {
            let path = folder.file(RECORD);
            Failure::new(format!("{} is not what this build writes there: {error}", path.display())).hint(format!(
                "use the build of `machine` that made {}, or stop its QEMU, remove this file and run `machine up`",
                folder.machine()
            ))
        })
    }

    pub(super) fn write(&self, folder: &Folder) -> Result<(), Failure> {
        folder.write_json(RECORD, self)
    }

    /// A disk is attached from now on.
    pub(super) fn attached(&mut self, folder: &Folder, name: &str, drive: &Drive) {
        self.disks.insert(name.to_owned(), drive.clone());
        self.files.extend(file_of(folder, name, drive).map(|file| (name.to_owned(), file)));
    }

    pub(super) fn detached(&mut self, name: &str) {
        self.disks.remove(name);
        self.plugged.remove(name);
        self.files.remove(name);
    }

    /// Disks whose files were taken away under the running machine.
    pub(super) fn lost(&self, folder: &Folder) -> impl Iterator<Item = &String> {
        let is_there = |(name, file): &(&String, &u64)| {
            self.disks.get(*name).is_none_or(|drive| file_of(folder, name, drive) == Some(**file))
        };
        self.files.iter().filter(move |entry| !is_there(entry)).map(|(name, _)| name)
    }

    /// Takes over what is written on a machine and takes effect nowhere else.
    pub(super) fn mark(&mut self, target: &Self) {
        self.protect = target.protect;
        self.tags.clone_from(&target.tags);
    }

    /// This with some changes on the way to `target`.
    pub(super) fn with(&self, target: &Self, changes: &[Change]) -> Self {
        let mut all = self.clone();
        for change in changes {
            match change.path.keys() {
                [name, ..] if name == "cpus" => all.cpus = target.cpus,
                [name, ..] if name == "ram" => all.ram = target.ram,
                [name, ..] if name == "address" => all.address = target.address,
                [name, ..] if name == mark::PROTECT => all.protect = target.protect,
                [name, rest @ ..] if name == mark::TAGS => follow(&mut all.tags, &target.tags, rest),
                [name, rest @ ..] if name == "ports" => follow(&mut all.ports, &target.ports, rest),
                [name, rest @ ..] if name == "disks" => follow(&mut all.disks, &target.disks, rest),
                [name, rest @ ..] if name == "nic" => {
                    for (i, name) in card::NAMES.iter().enumerate() {
                        if rest.first().is_none_or(|key| key == name) {
                            all.cards[i] = target.cards[i].clone();
                        }
                    }
                }
                // The key that the next start lets in, and the start itself.
                _ => all.project_key.clone_from(&target.project_key),
            }
        }
        all
    }

    /// Under emulation until it is known to be otherwise.
    pub(super) fn patience(&self) -> u32 {
        self.accelerator.unwrap_or(Accelerator::Tcg).patience()
    }

    fn forwards(&self) -> impl Iterator<Item = Forward> {
        self.ports.iter().filter_map(|(listen, target)| forward(listen, *target))
    }
}

/// What tells a disk's file of ours from another at its place.
fn file_of(folder: &Folder, name: &str, drive: &Drive) -> Option<u64> {
    let file = drive.is_ours().then(|| folder.file(&disk::file(name)))?;
    std::fs::metadata(file).ok().map(|meta| meta.ino())
}

/// `127.0.0.1:8080/tcp`, as ports are called among the attributes.
pub(super) fn listen(forward: &Forward) -> String {
    format!("{}:{}/{}", forward.address, forward.port, protocol(forward.protocol))
}

pub(super) fn forward(listen: &str, target: u16) -> Option<Forward> {
    let (end, protocol) = listen.split_once('/')?;
    let (address, port) = end.rsplit_once(':')?;
    let protocol = if protocol == "udp" { Protocol::Udp } else { Protocol::Tcp };
    Some(Forward { address: address.parse().ok()?, port: port.parse().ok()?, target, protocol })
}

pub(super) async fn is_running(folder: &Folder) -> bool {
    process::running(&pid_file(folder), &mark(folder)).await.is_some()
}

/// How a machine fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stopped,
    Running,
    /// It stands still and can go on: a disk here was full, say.
    Paused,
    /// The guest's kernel has given up.
    Panicked,
    /// The accelerator has given up.
    Broken,
}

impl State {
    fn of(status: &str) -> Self {
        match status {
            "paused" | "io-error" => Self::Paused,
            "guest-panicked" => Self::Panicked,
            "internal-error" => Self::Broken,
            _ => Self::Running,
        }
    }

    /// As the attribute `power` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped | Self::Panicked | Self::Broken => "stopped",
        }
    }
}

/// A QEMU that does not answer, or talks to another of us, is taken at its process's word.
pub(super) async fn state(folder: &Folder) -> State {
    if !is_running(folder).await {
        return State::Stopped;
    }
    let asked = async { monitor_of(folder).await.ok()??.status().await.ok() };
    timeout(ASK, asked).await.ok().flatten().map_or(State::Running, |status| State::of(&status))
}

/// Lets a paused machine go on, and takes the power of one that has failed, for it to be started again.
/// Whether it runs now.
pub(super) async fn recover(setup: &Setup, folder: &Folder, applied: &mut Applied) -> Result<bool, Failure> {
    match state(folder).await {
        State::Stopped => return Ok(false),
        State::Running => return Ok(true),
        State::Paused => {
            if let Some(mut monitor) = monitor_of(folder).await? {
                monitor.execute("cont", json!({})).await?;
            }
            return Ok(true);
        }
        State::Panicked => {}
        State::Broken => applied.emulate |= applied.accelerator.is_some_and(|used| used != Accelerator::Tcg),
    }
    kill(setup, folder).await?;
    Ok(false)
}

fn pid_file(folder: &Folder) -> PathBuf {
    folder.file(PID)
}

/// The pid file's own path is among the arguments that only this machine's QEMU has.
fn mark(folder: &Folder) -> String {
    pid_file(folder).display().to_string()
}

/// `None` while the machine is stopped.
pub(super) async fn monitor_of(folder: &Folder) -> Result<Option<Monitor>, Failure> {
    if !is_running(folder).await {
        return Ok(None);
    }
    Monitor::connect(&folder.socket(MONITOR)?).await.map(Some)
}

/// Starts a stopped machine as `applied` says, which is recorded first, and completes it.
pub(super) async fn start(setup: &Setup, folder: &Folder, applied: &mut Applied, cx: &Context) -> Result<(), Failure> {
    if is_running(folder).await {
        return Ok(());
    }
    if appears(folder).await? {
        *applied = Applied::read(folder)?.unwrap_or_else(|| applied.clone());
        return Ok(());
    }
    let binary = Binary::find(&setup.settings).await?;
    applied.accelerator = match (setup.settings.accelerator, applied.emulate) {
        (None, true) => Some(Accelerator::Tcg),
        _ => Some(accelerator::choose(setup, &binary, cx).await?),
    };
    for forward in applied.forwards() {
        check_free(folder.machine(), &forward)?;
    }
    if applied.ssh == 0 || check_free(folder.machine(), &ssh(applied.ssh)).is_err() {
        applied.ssh = free_port()?;
    }
    applied.project_key = seed::project_key(folder)?;
    (applied.slots, applied.plugged) = plug::arrange(&applied.disks);
    let files = applied.disks.iter().filter_map(|(name, drive)| Some((name.clone(), file_of(folder, name, drive)?)));
    applied.files = files.collect();
    applied.write(folder)?;
    launch(setup, folder, applied, &binary, cx).await?;
    if applied.accelerator != Some(Accelerator::Tcg) && setup.settings.accelerator.is_none() && fails_soon(folder).await
    {
        cx.progress.say("starting again, emulated: the accelerator cannot run this machine");
        kill(setup, folder).await?;
        (applied.accelerator, applied.emulate) = (Some(Accelerator::Tcg), true);
        applied.write(folder)?;
        launch(setup, folder, applied, &binary, cx).await?;
    }
    Ok(())
}

/// A run that was cut may have left a QEMU that has its ports and disks and is about to write its pid file.
async fn appears(folder: &Folder) -> Result<bool, Failure> {
    let (monitor, end) = (folder.socket(MONITOR)?, Instant::now() + APPEAR);
    while Instant::now() < end && UnixStream::connect(&monitor).await.is_ok() {
        if is_running(folder).await {
            return Ok(true);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

async fn launch(
    setup: &Setup,
    folder: &Folder,
    applied: &Applied,
    binary: &Binary,
    cx: &Context,
) -> Result<(), Failure> {
    folder.prepare_runtime()?;
    let accelerator = applied.accelerator.unwrap_or(Accelerator::Tcg);
    cx.progress.say(format!("starting {} with {accelerator}", folder.machine()));
    let mut forwards = vec![ssh(applied.ssh)];
    forwards.extend(applied.forwards());
    let spec = Spec {
        name: folder.machine(),
        arch: binary.arch,
        accelerator,
        cpus: applied.cpus,
        ram: applied.ram,
        folder: &folder.path(),
        monitor: &folder.socket(MONITOR)?,
        disks: &applied.disks,
        slots: applied.slots,
        plugged: &applied.plugged,
        forwards: &forwards,
        cards: &applied.cards,
        segment: segment::sockets(setup, &folder.base())?,
        direct: store::of_machine(folder)?.is_some_and(|image| image.kernel),
    };
    let argv = std::iter::once(binary.path.display().to_string()).chain(arguments(&spec));
    let started = tool(argv, START).await;
    let said = match &started {
        Ok(output) => output.stderr.clone(),
        Err(failure) => failure.detail.join("\n"),
    };
    folder.write(LOG, said.as_bytes(), 0o600)?;
    started.map(drop).map_err(|failure| Failure {
        message: format!("{} does not start: {}", folder.machine(), said.lines().last().unwrap_or(&failure.message)),
        ..failure
    })
}

fn ssh(port: u16) -> Forward {
    Forward { address: Ipv4Addr::LOCALHOST, port, target: 22, protocol: Protocol::Tcp }
}

/// The error names who to ask.
pub(super) fn check_free(machine: &str, forward: &Forward) -> Result<(), Failure> {
    let end = (forward.address, forward.port);
    let (bound, flag) = match forward.protocol {
        Protocol::Tcp => (TcpListener::bind(end).map(drop), "t"),
        Protocol::Udp => (UdpSocket::bind(end).map(drop), "u"),
    };
    bound.map_err(|error| {
        Failure::new(format!("port {} of machine {machine} cannot be had: {error}", listen(forward)))
            .hint(format!("`ss -ln{flag}p sport = :{}` shows who has it", forward.port))
    })
}

fn free_port() -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|end| end.port()).map_err(|error| Failure::new(format!("no port is free for SSH: {error}")))
}

/// Whether the virtual processor gives up within moments of the start.
async fn fails_soon(folder: &Folder) -> bool {
    let end = Instant::now() + WATCH;
    while Instant::now() < end {
        let Ok(Some(mut monitor)) = monitor_of(folder).await else { return !is_running(folder).await };
        if monitor.status().await.is_ok_and(|status| status == "internal-error") {
            return true;
        }
        sleep(Duration::from_millis(250)).await;
    }
    false
}

/// Asks the guest to shut down; one that does not comply in time loses its power. Without an answer from QEMU, or
/// on a request to stop, the machine keeps it.
pub(super) async fn stop(setup: &Setup, folder: &Folder, patience: u32, cx: &Context) -> Result<(), Failure> {
    let state = state(folder).await;
    if let (State::Running | State::Paused, Some(process)) =
        (state, process::running(&pid_file(folder), &mark(folder)).await)
    {
        let monitor = monitor_of(folder).await.map_err(|failure| failure.hint("`machine kill` takes its power away"));
        if let Some(mut monitor) = monitor? {
            if state == State::Paused {
                monitor.execute("cont", json!({})).await?;
            }
            cx.progress.say(format!("shutting {} down", folder.machine()));
            shut_down(&process, &mut monitor, GRACE * patience, cx).await?;
        }
    }
    kill(setup, folder).await
}

async fn shut_down(process: &Process, monitor: &mut Monitor, grace: Duration, cx: &Context) -> Result<(), Failure> {
    let end = Instant::now() + grace;
    while Instant::now() < end {
        if cx.cancel.is_cancelled() {
            return Err(Failure::new("stopped on request"));
        }
        // A guest that is still booting misses the button: it is pressed again.
        if monitor.execute("system_powerdown", json!({})).await.is_err() {
            break;
        }
        let gone = tokio::select! {
            gone = process.gone_within(Duration::from_secs(5)) => gone,
            () = cx.cancel.cancelled() => false,
        };
        if gone {
            return Ok(());
        }
    }
    let _ = monitor.execute("quit", json!({})).await;
    process.gone_within(Duration::from_secs(5)).await;
    Ok(())
}

/// Takes the power away, and removes what a killed QEMU leaves.
pub(super) async fn kill(setup: &Setup, folder: &Folder) -> Result<(), Failure> {
    process::kill(&pid_file(folder), &mark(folder)).await?;
    let [own, _] = segment::sockets(setup, &folder.base())?;
    [pid_file(folder), folder.socket(MONITOR)?, own].iter().try_for_each(|file| remove_file(file))
}

/// The machine is gone for good: everything of it but disks and seed.
pub(super) async fn forget(setup: &Setup, folder: &Folder) -> Result<(), Failure> {
    kill(setup, folder).await?;
    [RECORD, LOG, CONSOLE].iter().try_for_each(|file| folder.remove(file))?;
    folder.sweep()
}

/// The machine is nobody's from now on, and runs on. How it is removed by hand.
pub(super) fn let_go(folder: &Folder) -> Result<String, Failure> {
    let path = folder.let_go()?;
    let (pid, path) = (path.join(PID), path.display());
    Ok(if pid.exists() { format!("kill $(cat {}); rm -r {path}", pid.display()) } else { format!("rm -r {path}") })
}

/// Outside a plan, for a machine that exists.
pub(super) async fn power(setup: &Arc<Setup>, machine: &str, power: Power, cx: &Context) -> Result<(), Failure> {
    let folder = setup.folder(machine);
    let Some(mut applied) = Applied::read(&folder)? else {
        return Err(Failure::new(format!("{machine} does not exist")).hint("`machine up` creates it"));
    };
    match power {
        Power::Start => {
            recover(setup, &folder, &mut applied).await?;
        }
        Power::Stop => return stop(setup, &folder, applied.patience(), cx).await,
        Power::Kill => return kill(setup, &folder).await,
        Power::Restart => stop(setup, &folder, applied.patience(), cx).await?,
    }
    // After a restart of this computer the switch is gone as well.
    Segment::new(setup).create(cx).await?;
    start(setup, &folder, &mut applied, cx).await
}
