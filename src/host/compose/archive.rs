//! Archives of images, as `docker save` writes them: which images are in one, told by their own digests.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use crate::host::compose::bundle::Error;

/// No manifest of an archive is larger.
const MAX_MANIFEST: u64 = 4 << 20;

/// An archive on this computer.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    pub(super) path: PathBuf,
    /// The digest of each image's configuration, by the image's name as the engine lists it.
    pub(super) images: BTreeMap<String, String>,
    pub(super) bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Option<Vec<String>>,
}

impl Archive {
    /// Reads what is in it; the images themselves are passed over, except where the archive is compressed.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::io(path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut magic = [0; 2];
        let is_compressed = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
        file.rewind().map_err(failed)?;
        let manifest = if is_compressed {
            in_entries(tar::Archive::new(MultiGzDecoder::new(BufReader::new(file))).entries())
        } else {
            in_entries(tar::Archive::new(file).entries_with_seek())
        };
        let none = || {
            Error::new(format!("{} is no archive of images", path.display()))
                .hint("write one with `docker save --output FILE NAME:TAG`, gzipped or not")
        };
        let manifest = manifest.map_err(|_| none())?.ok_or_else(none)?;
        let entries: Vec<Entry> = serde_json::from_slice(&manifest).map_err(|_| none())?;
        let mut images = BTreeMap::new();
        for entry in entries {
            let digest = digest(&entry.config).ok_or_else(none)?;
            let tags = entry.repo_tags.filter(|tags| !tags.is_empty());
            let tags = tags.ok_or_else(|| {
                Error::new(format!("{} holds an image without a name", path.display()))
                    .hint("save it by its name: `docker save --output FILE NAME:TAG`")
            })?;
            images.extend(tags.into_iter().map(|tag| (tag, digest.clone())));
        }
        Ok(Self { path: path.to_owned(), images, bytes })
    }

    /// What it is called in progress and failures.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn in_entries<R: Read>(entries: io::Result<tar::Entries<'_, R>>) -> io::Result<Option<Vec<u8>>> {
    for entry in entries? {
        let entry = entry?;
        if entry.path()?.as_os_str() == "manifest.json" {
            let mut text = Vec::new();
            entry.take(MAX_MANIFEST).read_to_end(&mut text)?;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// `HEX.json` of older engines and `blobs/sha256/HEX` of newer ones.
fn digest(config: &str) -> Option<String> {
    let hex = config.strip_suffix(".json").or_else(|| config.strip_prefix("blobs/sha256/"))?;
    let is_hex = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| format!("sha256:{hex}"))
}
