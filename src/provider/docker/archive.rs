//! Files in and out of a container, as the archives that the engine takes and gives.

use std::io::Read as _;

use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use futures_util::StreamExt as _;
use tokio_util::bytes::Bytes;

use crate::provider::docker::engine::{Engine, failure, present};
use crate::resource::Failure;

/// Puts a folder that root alone may enter, with these files, into a container. Folders above it are made.
pub(super) async fn put(
    engine: &Engine,
    container: &str,
    folder: &str,
    files: &[(&str, &[u8])],
) -> Result<(), Failure> {
    let packed = pack(folder.trim_start_matches('/'), files).map_err(|error| Failure::new(error.to_string()))?;
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    let body = bollard::body_full(Bytes::from(packed));
    engine.upload_to_container(container, Some(options), body).await.map_err(failure)
}

fn pack(folder: &str, files: &[(&str, &[u8])]) -> std::io::Result<Vec<u8>> {
    let header = |mode, size, kind| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(kind);
        header
    };
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header(0o700, 0, tar::EntryType::Directory), format!("{folder}/"), std::io::empty())?;
    for (name, content) in files {
        let mut header = header(0o600, content.len() as u64, tar::EntryType::Regular);
        builder.append_data(&mut header, format!("{folder}/{name}"), *content)?;
    }
    builder.into_inner()
}

/// One file of a container; `None` when it is not there.
pub(super) async fn get(engine: &Engine, container: &str, path: &str) -> Result<Option<Vec<u8>>, Failure> {
    let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
    let mut stream = Box::pin(engine.download_from_container(container, Some(options)));
    let mut packed = Vec::new();
    while let Some(part) = stream.next().await {
        let Some(part) = present::<Bytes>(part)? else { return Ok(None) };
        packed.extend_from_slice(&part);
    }
    unpack(&packed).map(Some).map_err(|error| Failure::new(format!("{path} of {container}: {error}")))
}

fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if let Some(entry) = tar::Archive::new(packed).entries()?.next() {
        entry?.read_to_end(&mut content)?;
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::pack;

    #[test]
    fn files_are_for_root_alone() {
        let packed = pack("var/seed", &[("user-data", b"#!/bin/sh")]).unwrap();
        let mut archive = tar::Archive::new(packed.as_slice());
        let seen = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
        });
        let seen: Vec<_> = seen.collect();
        assert_eq!(seen, [("var/seed/".to_owned(), 0o700), ("var/seed/user-data".to_owned(), 0o600)]);
    }
}
