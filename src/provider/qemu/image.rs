//! `qemu.image/<name>`: a disk image on this computer that root disks are made from.
//!
//! It stands for a file in the cache, which projects share: deleting the resource leaves the file there.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::attributes;
use crate::cover::without_tokens;
use crate::desired::{Digest, Image};
use crate::id::ResourceId;
use crate::provider::qemu::binary::{Arch, tool};
use crate::provider::qemu::download::{download, is_packed, text};
use crate::provider::qemu::folder::{problem, remove_file};
use crate::provider::qemu::store::{self, DISK, Meta, Stored, Workshop};
use crate::provider::qemu::{IMAGE, Setup, build, catalogue, qcow2};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::http::Http;
use crate::value::Attributes;

const CONVERT: Duration = Duration::from_mins(30);

/// An image and the name that only it has.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) name: String,
    /// What it is called in the cache.
    cached: String,
    image: Image,
}

impl Recipe {
    /// The error names an image that the catalogue does not have.
    pub(super) fn of(image: &Image) -> Result<Self, String> {
        let name = match image {
            Image::Catalogue(name) => {
                catalogue::find(name, Arch::HERE)?;
                name.clone()
            }
            Image::Path(path) => format!("file-{}", short(&hash(path.as_os_str().as_encoded_bytes()))),
            Image::Url { digest: Digest::Sha256(hex) | Digest::Sha512(hex), .. } => format!("url-{}", short(hex)),
            Image::Build(recipe) => format!("{}-{}", recipe.release, short(&build::key(recipe, Arch::HERE))),
        };
        let cached = match image {
            Image::Build(recipe) => format!("{name}-{}", short(&build::recipe(recipe, Arch::HERE))),
            _ => name.clone(),
        };
        Ok(Self { name, cached, image: image.clone() })
    }

    pub(super) fn id(&self) -> ResourceId {
        ResourceId::new(IMAGE, &self.name)
    }

    fn source(&self) -> String {
        match &self.image {
            Image::Catalogue(name) => format!("{name} of the catalogue"),
            Image::Path(path) => path.display().to_string(),
            Image::Url { url, .. } => without_tokens(url).into_owned(),
            Image::Build(recipe) => format!("built from {} packages", recipe.release),
        }
    }

    /// The image from the cache, made or downloaded if need be.
    pub(super) async fn obtain(&self, setup: &Setup, cx: &Context) -> Result<Stored, Failure> {
        if let Some(stored) = store::find(setup, &self.name, &self.cached)? {
            return Ok(stored);
        }
        let workshop = Workshop::enter(&setup.dirs, &self.cached, cx).await?;
        // Another process may have made it while we waited.
        if let Some(stored) = store::find(setup, &self.name, &self.cached)? {
            return Ok(stored);
        }
        let digest = match &self.image {
            Image::Catalogue(name) => Some(self.download_listed(name, &workshop, cx).await?),
            Image::Url { url, digest } => Some(fetch(url, digest, &workshop, cx).await?),
            Image::Path(path) => {
                cx.progress.say(format!("copying {}", path.display()));
                convert(path, &workshop, &[]).await?;
                None
            }
            Image::Build(recipe) => {
                build::build(recipe, Arch::HERE, &workshop.folder, cx).await?;
                None
            }
        };
        let kernel = matches!(self.image, Image::Build(_));
        workshop.finish(Meta { name: self.name.clone(), source: self.source(), digest, kernel })
    }

    async fn download_listed(&self, name: &str, workshop: &Workshop, cx: &Context) -> Result<String, Failure> {
        let entry = catalogue::find(name, Arch::HERE).map_err(Failure::new)?;
        let file = entry.url.rsplit('/').next().expect("an address has a last part");
        let list = text(&http()?, &entry.digests).await?;
        let hex = catalogue::digest_in(&list, file)
            .ok_or_else(|| Failure::new(format!("{} does not list {file}", entry.digests)))?
            .to_lowercase();
        let digest = if hex.len() == 64 { Digest::Sha256(hex) } else { Digest::Sha512(hex) };
        // What was begun before the vendor published another build cannot be resumed.
        let begun = workshop.folder.join("digest");
        if fs::read_to_string(&begun).is_ok_and(|known| known != digest.to_string()) {
            remove_file(&workshop.folder.join(PART))?;
        }
        fs::write(&begun, digest.to_string()).map_err(problem(&begun))?;
        fetch(&entry.url, &digest, workshop, cx).await
    }
}

const PART: &str = "download.part";

async fn fetch(url: &str, digest: &Digest, workshop: &Workshop, cx: &Context) -> Result<String, Failure> {
    let part = workshop.folder.join(PART);
    download(&http()?, url, &part, digest, cx).await?;
    let unusable = |why: &str| Failure::new(format!("{url} {why}")).hint("use a qcow2 or raw disk image");
    if is_packed(&part).map_err(problem(&part))? {
        remove_file(&part)?;
        return Err(unusable("is a compressed file"));
    }
    let target = workshop.folder.join(DISK);
    match qcow2::header(&part).map_err(problem(&part))? {
        // Opened as a disk, it would show the guest any file of ours that it names.
        Some(header) if header.needs_another_file => {
            remove_file(&part)?;
            return Err(unusable("needs another file beside it"));
        }
        Some(_) => fs::rename(&part, &target).map_err(problem(&target))?,
        None => {
            convert(&part, workshop, &["-f", "raw"]).await?;
            remove_file(&part)?;
        }
    }
    Ok(digest.to_string())
}

async fn convert(from: &std::path::Path, workshop: &Workshop, format: &[&str]) -> Result<(), Failure> {
    fs::metadata(from).map_err(problem(from))?;
    let files = [from.display().to_string(), workshop.folder.join(DISK).display().to_string()];
    let words = ["qemu-img", "convert", "-O", "qcow2"].into_iter().chain(format.iter().copied());
    tool(words.map(str::to_owned).chain(files), CONVERT).await.map(drop)
}

fn http() -> Result<Http, Failure> {
    Http::new().map_err(|error| Failure::new(error.to_string()))
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn short(hex: &str) -> &str {
    &hex[..hex.len().min(10)]
}

#[derive(Debug)]
pub(super) struct ImageResource {
    id: ResourceId,
    setup: Arc<Setup>,
    recipe: Recipe,
    desired: Attributes,
}

impl ImageResource {
    pub(super) fn new(setup: &Arc<Setup>, recipe: Recipe) -> Self {
        let desired = attributes! { "source": recipe.source() };
        Self { id: recipe.id(), setup: setup.clone(), recipe, desired }
    }

    /// The name stands for the content; from where the same content came earlier does not matter.
    fn observed(&self, stored: &Stored) -> Attributes {
        attributes! { "source": self.recipe.source(), "digest": stored.meta.digest }
    }
}

#[async_trait]
impl Resource for ImageResource {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    /// Another source has another name, so nothing ever differs.
    fn outputs(&self) -> &'static [&'static str] {
        &["digest"]
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    /// The cache serves every project.
    fn shared(&self) -> bool {
        true
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match store::find(&self.setup, &self.recipe.name, &self.recipe.cached) {
            Ok(Some(stored)) => Observation::Present(self.observed(&stored)),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.recipe.obtain(&self.setup, cx).await.map(|stored| self.observed(&stored))
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}
