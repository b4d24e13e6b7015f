//! `docker.image/<name>`: an image of the engine that containers are made from.
//!
//! Projects share it: deleting the resource leaves it there.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ImportImageOptionsBuilder, ListImagesOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio_util::io::ReaderStream;

use crate::attributes;
use crate::desired::{Build, Image};
use crate::id::ResourceId;
use crate::note::Note;
use crate::provider::docker::engine::{Engine, failure, present};
use crate::provider::docker::{Docker, IMAGE, Setup, build, label};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::value::{self, Attributes};

/// Names of the catalogue: built here.
const CATALOGUE: [&str; 2] = ["debian-12", "debian-13"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Built(Build),
    /// Present at the engine, or in a registry.
    Named(String),
    /// A root file system, or images as `docker save` writes them.
    File(PathBuf),
}

/// An image and the name that only it has.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) name: String,
    /// What it is called at the engine.
    tag: String,
    origin: Origin,
}

/// An image that this driver cannot take.
#[derive(Debug)]
pub(super) struct Unfit {
    message: String,
    hint: &'static str,
}

impl Unfit {
    pub(super) fn at(self, path: value::Path) -> Note {
        Note::error(path, self.message).hint(self.hint)
    }
}

impl Recipe {
    pub(super) fn of(image: &Image) -> Result<Self, Unfit> {
        Ok(match image {
            Image::Catalogue(name) if CATALOGUE.contains(&name.as_str()) => {
                Self::built(&Build { release: name.clone(), packages: Vec::new(), mirror: None })
            }
            Image::Catalogue(name) => {
                Self { name: name.clone(), tag: tagged(name), origin: Origin::Named(tagged(name)) }
            }
            Image::Build(build) => Self::built(build),
            Image::Path(path) => {
                let hash = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
                let (name, tag) = (format!("file-{}", short(&hash)), format!("machine/file:{}", short(&hash)));
                Self { name, tag, origin: Origin::File(path.clone()) }
            }
            Image::Url { url, .. } => {
                return Err(Unfit {
                    message: format!("the docker driver does not download {url}"),
                    hint: "name an image of a registry, or a file with `path`",
                });
            }
        })
    }

    fn built(build: &Build) -> Self {
        let is_plain = build.packages.is_empty() && build.mirror.is_none();
        let declared = if is_plain { String::new() } else { format!("-{}", short(&build::key(build))) };
        let name = format!("{}{declared}", build.release);
        Self {
            tag: format!("machine/{name}:{}", short(&build::recipe(build))),
            name,
            origin: Origin::Built(build.clone()),
        }
    }

    pub(super) fn id(&self) -> ResourceId {
        ResourceId::new(IMAGE, &self.name)
    }

    fn source(&self) -> String {
        match &self.origin {
            Origin::Built(build) => format!("built from {} packages", build.release),
            Origin::Named(name) => name.clone(),
            Origin::File(path) => path.display().to_string(),
        }
    }

    /// The id of the image at the engine; it is built, pulled or imported if need be.
    pub(super) async fn obtain(&self, setup: &Setup, engine: &Engine, cx: &Context) -> Result<String, Failure> {
        if let Some(id) = self.find(engine).await? {
            return Ok(id);
        }
        match &self.origin {
            Origin::Built(build) => {
                let file = build::obtain(setup, build, &self.name, cx).await?;
                cx.progress.say(format!("handing {} to the engine", self.name));
                import(engine, &file, &self.tag, Some(&self.name)).await?;
            }
            Origin::Named(name) => pull(engine, name, cx).await?,
            Origin::File(path) => {
                cx.progress.say(format!("handing {} to the engine", path.display()));
                let file = path.clone();
                let saved = tokio::task::spawn_blocking(move || is_saved(&file)).await;
                let saved = saved.map_err(|error| Failure::new(error.to_string()))?.map_err(unreadable(path))?;
                if saved {
                    load(engine, path, &self.tag).await?;
                } else {
                    import(engine, path, &self.tag, None).await?;
                }
            }
        }
        self.find(engine).await?.ok_or_else(|| Failure::new(format!("the engine has no image {} now", self.tag)))
    }

    async fn find(&self, engine: &Engine) -> Result<Option<String>, Failure> {
        Ok(present(engine.inspect_image(&self.tag).await)?.and_then(|image| image.id))
    }

    /// Whether the image is there, be it built by another recipe: that is no reason to build it again.
    async fn exists(&self, engine: &Engine) -> Result<bool, Failure> {
        if self.find(engine).await?.is_some() {
            return Ok(true);
        }
        let Origin::Built(_) = self.origin else { return Ok(false) };
        let filter = std::collections::HashMap::from([("label", vec![format!("{}={}", label::IMAGE, self.name)])]);
        let options = ListImagesOptionsBuilder::default().filters(&filter).build();
        engine.list_images(Some(options)).await.map(|images| !images.is_empty()).map_err(failure)
    }
}

/// Without a tag, the engine would pull all there are.
fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

fn short(hex: &str) -> &str {
    &hex[..hex.len().min(10)]
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}

async fn pull(engine: &Engine, name: &str, cx: &Context) -> Result<(), Failure> {
    cx.progress.say(format!("pulling {name}"));
    let options = CreateImageOptionsBuilder::default().from_image(name).build();
    let mut stream = Box::pin(engine.create_image(Some(options), None, None));
    while let Some(step) = stream.next().await {
        let step = step.map_err(|error| {
            failure(error).hint(format!(
                "name an image that the engine has or can pull and that holds systemd, an SSH server and cloud-init, \
                 or one that is built here: {}",
                CATALOGUE.join(", ")
            ))
        })?;
        if let Some(status) = step.status {
            cx.progress.say(format!("pulling {name}: {}", status.to_lowercase()));
        }
        if cx.cancel.is_cancelled() {
            return Err(Failure::new(format!("stopped while pulling {name}")));
        }
    }
    Ok(())
}

/// Makes an image of a root file system. `name` is kept as its label.
async fn import(engine: &Engine, file: &Path, tag: &str, name: Option<&str>) -> Result<(), Failure> {
    let (repository, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
    let changes = name.map(|name| format!("LABEL {}={name}", label::IMAGE));
    let options = CreateImageOptionsBuilder::default().from_src("-").repo(repository).tag(version);
    let options = options.changes(changes.into_iter().collect()).build();
    let content = tokio::fs::File::open(file).await.map_err(unreadable(file))?;
    let body = bollard::body_try_stream(ReaderStream::with_capacity(content, 1 << 20));
    let mut stream = Box::pin(engine.create_image(Some(options), Some(body), None));
    while let Some(step) = stream.next().await {
        step.map_err(failure)?;
    }
    Ok(())
}

async fn load(engine: &Engine, file: &Path, tag: &str) -> Result<(), Failure> {
    let content = tokio::fs::File::open(file).await.map_err(unreadable(file))?;
    let stream = ReaderStream::with_capacity(content, 1 << 20);
    let options = ImportImageOptionsBuilder::default().build();
    let mut steps = Box::pin(engine.import_image_stream(options, stream, None));
    let mut loaded = None;
    while let Some(step) = steps.next().await {
        let said = step.map_err(failure)?.stream.unwrap_or_default();
        let name = said.trim().strip_prefix("Loaded image: ").or_else(|| said.trim().strip_prefix("Loaded image ID: "));
        loaded = name.map(str::to_owned).or(loaded);
    }
    let loaded = loaded.ok_or_else(|| Failure::new(format!("{} holds no image", file.display())))?;
    let (repository, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
    let options = TagImageOptionsBuilder::default().repo(repository).tag(version).build();
    engine.tag_image(&loaded, Some(options)).await.map_err(failure)
}

/// Whether a file is what `docker save` writes.
fn is_saved(path: &Path) -> std::io::Result<bool> {
    let mut archive = tar::Archive::new(std::fs::File::open(path)?);
    for entry in archive.entries_with_seek()? {
        // What is compressed is no archive to us, and a root file system to the engine.
        let Ok(entry) = entry else { return Ok(false) };
        if entry.path_bytes().as_ref() == b"manifest.json" {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(Debug)]
pub(super) struct ImageResource {
    id: ResourceId,
    place: Docker,
    recipe: Recipe,
    desired: Attributes,
}

impl ImageResource {
    pub(super) fn new(place: &Docker, recipe: Recipe) -> Self {
        let desired = attributes! { "source": recipe.source() };
        Self { id: recipe.id(), place: place.clone(), recipe, desired }
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
    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    /// The engine serves every project.
    fn shared(&self) -> bool {
        true
    }

    async fn read(&self, _cx: &Context) -> Observation {
        let look = async { self.recipe.exists(self.place.setup.engine().await?).await };
        match look.await {
            Ok(true) => Observation::Present(self.desired.clone()),
            Ok(false) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        let engine = self.place.setup.engine().await?;
        self.recipe.obtain(&self.place.setup, engine, cx).await.map(|_| self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_catalogue_is_built_and_any_other_is_the_engines() {
        let origin = |name: &str| Recipe::of(&Image::Catalogue(name.into())).unwrap().origin;
        assert!(matches!(origin("debian-13"), Origin::Built(build) if build.release == "debian-13"));
        assert_eq!(origin("ghcr.io/acme/machine"), Origin::Named("ghcr.io/acme/machine:latest".into()));
        assert_eq!(origin("localhost:5000/machine:2"), Origin::Named("localhost:5000/machine:2".into()));
    }

    #[test]
    fn what_docker_save_writes_is_told_from_a_root_file_system() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |name: &str| {
            let mut builder = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(2);
            builder.append_data(&mut header, name, b"[]".as_slice()).unwrap();
            let path = folder.path().join("archive.tar");
            std::fs::write(&path, builder.into_inner().unwrap()).unwrap();
            is_saved(&path).unwrap()
        };
        assert!(write("manifest.json"));
        assert!(!write("etc/manifest.json"));
    }
}
