//! What changes in the files of a project: the lines here, and those on the machine.

use std::collections::BTreeSet;
use std::path::Path as FilePath;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::cover;
use crate::desired;
use crate::host::compose::bundle::Bundle;
use crate::host::compose::reference;
use crate::host::reach::Reach;
use crate::resource::{Change, Context, LARGEST, Text};
use crate::transport::Command;
use crate::value::{Path, Value};

const SCRIPT: &str = include_str!("texts.sh");

/// Of so many files the content is read.
const FILES: usize = 16;

const LIMIT: Duration = Duration::from_secs(30);

/// A file that is there and changes.
struct File<'a> {
    name: &'a str,
    path: &'a Path,
    /// Its digest on the machine.
    digest: &'a str,
}

impl<'a> File<'a> {
    fn of(change: &'a Change) -> Option<Self> {
        let [files, name] = change.path.keys() else { return None };
        let digest = |side: &'a Option<Value>| {
            side.as_ref()?.as_str()?.split(' ').next().filter(|digest| digest.starts_with("sha256:"))
        };
        let (before, after) = (digest(&change.before)?, digest(&change.after)?);
        (files == "files" && before != after).then_some(Self { name, path: &change.path, digest: before })
    }
}

/// Reads on the machine no file that is certainly secret, and of the others no more than is shown.
pub(super) async fn texts(
    project: &str,
    bundle: &Bundle,
    changes: &[Change],
    reach: &Reach,
    cx: &Context,
) -> Vec<Text> {
    let is_covered = |name: &str| bundle.covered.contains(name) || cover::is_secret_file(name);
    let (covered, mut open): (Vec<_>, Vec<_>) =
        changes.iter().filter_map(File::of).partition(|file| is_covered(file.name));
    let mut texts: Vec<_> = covered.iter().map(|file| Text::covered(file.path.clone())).collect();
    // What compose reads says what is secret among the others.
    open.sort_by_key(|file| !bundle.compose.contains(file.name));
    open.truncate(FILES);
    if open.is_empty() {
        return texts;
    }
    let seen = match seen(project, &open, reach, cx).await {
        Ok(seen) => seen,
        Err(why) => {
            let hidden = |file: &File<'_>| Text::hidden(file.path.clone(), format!("it cannot be read: {why}"));
            texts.extend(open.iter().map(hidden));
            return texts;
        }
    };
    let once = Once::of(bundle, &open, &seen);
    for (file, before) in open.iter().zip(&seen) {
        let path = || file.path.clone();
        texts.push(match (before, bundle.content(file.name)) {
            _ if once.holds(file.name) && !bundle.compose.contains(file.name) => Text::covered(path()),
            (Err(why), _) => Text::hidden(path(), why),
            (_, Err(why)) => Text::hidden(path(), why),
            (Ok(before), Ok(after)) => Text::between(path(), before, &after),
        });
    }
    texts
}

type Content = Result<Vec<u8>, String>;

async fn seen(project: &str, files: &[File<'_>], reach: &Reach, cx: &Context) -> Result<Vec<Content>, String> {
    let words = [project.to_owned(), (LARGEST + 1).to_string()];
    let names = files.iter().map(|file| file.name.to_owned());
    let command = Command::script(SCRIPT, words.into_iter().chain(names)).timeout(LIMIT);
    let output = reach.look(cx, command).await.map_err(|failure| failure.message)?;
    if !output.success() {
        return Err(output.stderr.trim().to_owned());
    }
    let mut lines = output.stdout.lines();
    Ok(files.iter().map(|file| content(lines.next().unwrap_or_default(), file.digest)).collect())
}

/// What of a file there is in a line, if it is the file that was looked at.
fn content(line: &str, digest: &str) -> Content {
    let content = STANDARD.decode(line).map_err(|error| error.to_string())?;
    let is_whole = content.len() <= LARGEST;
    if is_whole && format!("sha256:{}", hex::encode(Sha256::digest(&content))) != digest {
        return Err("it has changed since it was looked at".to_owned());
    }
    Ok(content)
}

/// What the compose files on the machine call secret, which those here may no longer do.
enum Once {
    Files(BTreeSet<String>),
    /// They cannot tell.
    All,
}

impl Once {
    fn of(bundle: &Bundle, files: &[File<'_>], seen: &[Content]) -> Self {
        let mut found = BTreeSet::new();
        for (file, text) in files.iter().zip(seen).filter(|(file, _)| bundle.compose.contains(file.name)) {
            let text = text.as_ref().ok().filter(|text| text.len() <= LARGEST);
            let covered = text.and_then(|text| reference::covered(std::str::from_utf8(text).ok()?));
            let Some(covered) = covered.filter(|paths| !paths.iter().any(|path| path.contains('$'))) else {
                return Self::All;
            };
            let beside = FilePath::new(file.name).parent().unwrap_or(FilePath::new(""));
            for path in covered {
                // Paths start from the project's folder, or from the file's own where another includes it.
                let places = [FilePath::new(&bundle.directory).join(&path), beside.join(&path)];
                found.extend(places.iter().filter_map(|place| desired::normal(place).to_str().map(str::to_owned)));
            }
        }
        Self::Files(found)
    }

    fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            // A folder may be called secret as a whole.
            Self::Files(files) => files.iter().any(|file| FilePath::new(name).starts_with(file)),
        }
    }
}
