//! Settings on CLOUD-INIT drives that are attached to machines. They are known once a machine was looked at, and remembered for
//! when it is off.

use std::fs;
use std::path::Path as FilePath;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::args::Global;
use super::error::Error;
use super::project::{Project, tell};
use crate::cloud_init::drive::File;
use crate::desired::Machine;
use crate::host::Seen;
use crate::id::Name;
use crate::note::Note;
use crate::reconcile::Proposal;
use crate::resource::Observation;

const REMEMBERED: &str = "drives.json";

impl Project {
    /// The project as the drives have it that were seen when `proposal` was made; `None` when it is that already.
    pub(super) async fn revised(&self, global: &Global, proposal: Option<&Proposal>) -> Result<Option<Self>, Error> {
        let now = self.drives_now(proposal);
        if now == self.drives {
            return Ok(None);
        }
        let revised = self.with_drives(global, now).await?;
        revised.remember_drives();
        tell(revised.said.strip_prefix(self.said.as_str()).unwrap_or(&revised.said));
        Ok(Some(revised))
    }

    /// Whether a look found other settings on a drive than those this was made from.
    pub(super) fn is_outdated(&self) -> bool {
        self.drives_now(None) != self.drives
    }

    /// Loads it anew with these drives.
    pub(super) async fn with_drives(&self, global: &Global, drives: Seen) -> Result<Self, Error> {
        let revised = Self::read(global, self.contact, drives).await?;
        let notes: Vec<_> = self.desired.machines.values().flat_map(|old| unchangeable(old, &revised)).collect();
        if notes.is_empty() { Ok(revised.going_on_from(self)) } else { Err(revised.at(&notes)) }
    }

    /// What was seen now, and what is remembered of machines that could not be looked at.
    fn drives_now(&self, proposal: Option<&Proposal>) -> Seen {
        let is_gone = |name: &Name| {
            let id = self.catalog.machines.get(name);
            let seen = id.zip(proposal).map(|(id, proposal)| proposal.sight.observed.get(id));
            matches!(seen, Some(Observation::Absent))
        };
        let mut now: Seen = self.drives.iter().filter(|(name, _)| !is_gone(name)).map(pair).collect();
        now.extend(self.catalog.drives.seen());
        now.retain(|_, files| !files.is_empty());
        now
    }

    /// What an earlier run saw. A damaged memory is none: the next look makes it anew.
    pub(super) fn remembered_drives(&self) -> Seen {
        let text = fs::read(self.folder().join(REMEMBERED)).unwrap_or_default();
        let Ok(Value::Object(machines)) = serde_json::from_slice(&text) else { return Seen::new() };
        let files = |(name, files): (String, Value)| Some((Name::new(&name).ok()?, read(&files)));
        machines.into_iter().filter_map(files).collect()
    }

    /// Where nothing of the project is kept there is no machine either.
    fn remember_drives(&self) {
        let written =
            |(name, files): (&Name, &Vec<File>)| (name.to_string(), files.iter().map(write).collect::<Value>());
        let text = Value::Object(self.drives.iter().map(written).collect::<Map<_, _>>()).to_string();
        if self.folder().is_dir() {
            // What cannot be kept is read again by the next run.
            _ = keep(&self.folder(), text.as_bytes());
        }
    }
}

/// For its owner alone: what stands on a drive may be secret.
fn keep(folder: &FilePath, text: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text)?;
    file.persist(folder.join(REMEMBERED))?;
    Ok(())
}

fn write(file: &File) -> Value {
    json!({ "name": file.name, "content": STANDARD.encode(&file.bytes) })
}

fn read(files: &Value) -> Vec<File> {
    let file = |file: &Value| {
        let bytes = STANDARD.decode(file["content"].as_str()?).ok()?;
        Some(File { name: file["name"].as_str()?.to_owned(), bytes })
    };
    files.as_array().into_iter().flatten().filter_map(file).collect()
}

fn pair((name, files): (&Name, &Vec<File>)) -> (Name, Vec<File>) {
    (name.clone(), files.clone())
}

/// What a drive asks for that its machine could only become by being made anew.
fn unchangeable(old: &Machine, revised: &Project) -> Vec<Note> {
    let Some(new) = revised.desired.machines.get(&old.name) else { return Vec::new() };
    let note = |path: &str, what: &str| {
        let at = path.split('.').fold(new.at.clone(), |at, key| at.join(key));
        let message = format!("the CLOUD-INIT drive of `{}` would change {what}", old.name);
        Note::error(at, message).hint("that needs a new machine: take it off the drive, and set it in the Machinefile")
    };
    let mut notes = Vec::new();
    notes.extend((old.provider != new.provider).then(|| note("provider", "where it comes from")));
    notes.extend((old.image != new.image).then(|| note("image", "its image")));
    notes.extend((old.ssh.user != new.ssh.user).then(|| note("ssh.user", "its account")));
    for (name, disk) in &old.resources.disks {
        let size = new.resources.disks.get(name).and_then(crate::desired::Disk::size);
        if size < disk.size() {
            notes.push(note(&format!("resources.disks.{name}"), &format!("disk `{name}` to less than it is")));
        }
    }
    notes
}
