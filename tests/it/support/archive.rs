//! An image made without an engine, in the form of `docker save`.

use std::path::Path;

use sha2::{Digest, Sha256};

/// One layer with a busybox that answers as every shell command, and a file that tells one image from another. Returns the digest
/// that the engine knows it by.
pub fn write(path: &Path, tag: &str, busybox: &[u8], note: &str) -> String {
    let mut layer = tar::Builder::new(Vec::new());
    add(&mut layer, "bin/busybox", busybox, 0o755);
    add(&mut layer, "note", note.as_bytes(), 0o644);
    for name in ["sh", "httpd", "wget", "sleep", "cat", "ls", "touch", "stat"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        layer.append_link(&mut header, format!("bin/{name}"), "busybox").expect("memory");
    }
    let layer = layer.into_inner().expect("memory");
    let config = serde_json::json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Cmd": ["/bin/sh"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex::encode(Sha256::digest(&layer)))] },
    })
    .to_string();
    let digest = hex::encode(Sha256::digest(&config));
    let name = format!("{digest}.json");
    let manifest = serde_json::json!([{ "Config": name, "RepoTags": [tag], "Layers": ["layer.tar"] }]).to_string();
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, "layer.tar", &layer, 0o644);
    add(&mut archive, &name, config.as_bytes(), 0o644);
    add(&mut archive, "manifest.json", manifest.as_bytes(), 0o644);
    std::fs::write(path, archive.into_inner().expect("memory")).expect("a file");
    format!("sha256:{digest}")
}

fn add(tar: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8], mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, name, content).expect("memory");
}
