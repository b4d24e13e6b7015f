//! `qemu.segment/<provider>`: the network that joins a project's machines, and the switch process behind it.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::attributes;
use crate::id::ResourceId;
use crate::provider::qemu::Setup;
use crate::provider::qemu::folder::{Folder, SEGMENT_FOLDER, problem, remove_file, remove_tree};
use crate::provider::qemu::process;
use crate::provider::qemu::switch::{PID, PORT, SOCKET, SOCKETS};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::local;
use crate::value::Attributes;

const RECORD: &str = "segment.json";
const LOG: &str = "switch.log";
/// The hidden command that becomes the switch.
const COMMAND: &str = "qemu-switch";
const START: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    addresses: String,
}

#[derive(Debug)]
pub(super) struct Segment {
    id: ResourceId,
    folder: Folder,
    setup: Arc<Setup>,
    desired: Attributes,
}

fn folder(setup: &Setup) -> Folder {
    setup.folder(SEGMENT_FOLDER)
}

/// The sockets on the segment of the machine whose folder is called `base`: its own, and the switch's.
pub(super) fn sockets(setup: &Setup, base: &str) -> Result<[PathBuf; 2], Failure> {
    let folder = folder(setup);
    let hash = hex::encode(Sha256::digest(base));
    Ok([folder.socket(&format!("{}.{PORT}", &hash[..12]))?, folder.socket(SOCKET)?])
}

impl Segment {
    pub(super) fn new(setup: &Arc<Setup>) -> Self {
        let desired = attributes! { "addresses": setup.settings.segment.to_string(), "power": "running" };
        Self { id: setup.segment_id(), folder: folder(setup), setup: setup.clone(), desired }
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.file(PID)
    }

    /// The switch's arguments end in its folder.
    fn mark(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// A switch whose socket is gone reaches nobody.
    async fn is_running(&self) -> bool {
        self.folder.socket(SOCKET).is_ok_and(|socket| socket.exists())
            && process::running(&self.pid_file(), &self.mark()).await.is_some()
    }

    async fn start(&self) -> Result<(), Failure> {
        process::terminate(&self.pid_file(), &self.mark()).await?;
        self.folder.prepare_runtime()?;
        let sockets = self.folder.file(SOCKETS);
        remove_file(&sockets)?;
        symlink(self.folder.runtime(), &sockets).map_err(problem(&sockets))?;
        let program =
            std::env::current_exe().map_err(|error| Failure::new(format!("we cannot find ourselves: {error}")))?;
        let path = self.folder.path();
        let folder = path.as_os_str();
        let log = self.folder.file(LOG);
        local::start(&program, &[COMMAND.as_ref(), "--dir".as_ref(), folder], &log, b"")
            .map_err(|error| Failure::new(format!("the segment's switch does not start: {error}")))?;
        let end = Instant::now() + START;
        while !self.is_running().await {
            if Instant::now() > end {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::new("the segment's switch does not start").detail(&said));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Whether a segment is there, and what it is; for a listing, which starts nothing and asks nobody.
pub(super) fn recorded(setup: &Setup) -> Result<Option<Attributes>, Failure> {
    let record = folder(setup).read_json::<Record>(RECORD)?;
    Ok(record.map(|record| attributes! { "addresses": record.addresses }))
}

#[async_trait]
impl Resource for Segment {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn realm(&self) -> Option<&str> {
        Some(self.folder.provider())
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        let text = change.path.starts_with("power").then(|| "starts the segment's switch".to_owned());
        Impact::InPlace(Disruption::None, text)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match recorded(&self.setup) {
            Ok(Some(mut attributes)) => {
                let power = if self.is_running().await { "running" } else { "stopped" };
                attributes.insert("power".into(), power.into());
                Observation::Present(attributes)
            }
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        self.folder.prepare()?;
        self.folder.write_json(RECORD, &Record { addresses: self.setup.settings.segment.to_string() })?;
        if !self.is_running().await {
            self.start().await?;
        }
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        process::terminate(&self.pid_file(), &self.mark()).await?;
        remove_tree(&self.folder.runtime())?;
        remove_file(&self.folder.file(RECORD))?;
        self.folder.sweep()
    }
}
