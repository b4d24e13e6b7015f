//! Which image a machine starts from.

use super::Scope;
use crate::config::file::{self, ImageSource};
use crate::desired::{Build, Digest, Image};
use crate::note::Note;
use crate::value::Path;

const CATALOGUE_NAME: &str = "debian-13";

/// The image, or a note that says why there is none.
pub(super) fn image(scope: &mut Scope<'_>, written: Option<file::Image>, at: &Path) -> Option<Image> {
    let source = match written {
        None => return Some(Image::Catalogue(CATALOGUE_NAME.to_owned())),
        Some(file::Image::Name(name)) => return Some(Image::Catalogue(name)),
        Some(file::Image::Source(source)) => source,
    };
    let given = [("path", source.path.is_some()), ("url", source.url.is_some()), ("build", source.build.is_some())];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    match given.as_slice() {
        [only] => {
            strays(scope, &source, only, at);
            match *only {
                "path" => path(scope, &source.path?, &at.join("path")),
                "url" => url(scope, source, at),
                _ => Some(Image::Build(Build {
                    release: source.build?,
                    packages: source.packages.unwrap_or_default(),
                    mirror: source.mirror,
                })),
            }
        }
        [] => {
            scope.note(Note::error(at.clone(), "an image is a `path`, a `url` or a `build`").at_key());
            None
        }
        [first, second, ..] => {
            let note = Note::error(at.join(second), format!("an image is either a `{first}` or a `{second}`"));
            scope.note(note.at_key().hint("keep one of them"));
            None
        }
    }
}

/// Keys that say nothing about this kind of image.
fn strays(scope: &mut Scope<'_>, source: &ImageSource, kind: &str, at: &Path) {
    let keys = [
        ("sha256", "url", source.sha256.is_some()),
        ("sha512", "url", source.sha512.is_some()),
        ("packages", "build", source.packages.is_some()),
        ("mirror", "build", source.mirror.is_some()),
    ];
    for (key, of, _) in keys.into_iter().filter(|(_, of, given)| *given && *of != kind) {
        let note =
            Note::error(at.join(key), format!("`{key}` belongs to an image by `{of}`, and this is one by `{kind}`"));
        scope.note(note.at_key().hint("remove it"));
    }
}

fn path(scope: &mut Scope<'_>, written: &str, at: &Path) -> Option<Image> {
    let path = scope.path(written, at);
    if !path.is_file() {
        scope.note(Note::error(at.clone(), format!("no file `{}`", path.display())).hint("name a disk image"));
        return None;
    }
    Some(Image::Path(path))
}

fn url(scope: &mut Scope<'_>, source: ImageSource, at: &Path) -> Option<Image> {
    let digest = match (source.sha256, source.sha512) {
        (Some(hex), None) => Digest::Sha256(hex.to_lowercase()),
        (None, Some(hex)) => Digest::Sha512(hex.to_lowercase()),
        (None, None) => {
            let note = Note::error(at.join("url"), "a downloaded image needs its digest");
            scope.note(note.hint("add `sha256:` or `sha512:` as the image's publisher states it"));
            return None;
        }
        (Some(_), Some(_)) => {
            let note = Note::error(at.join("sha512"), "one digest is enough").at_key();
            scope.note(note.hint("keep `sha512` or `sha256`"));
            return None;
        }
    };
    Some(Image::Url { url: source.url?, digest })
}
