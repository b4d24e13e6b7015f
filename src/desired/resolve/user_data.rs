//! The user's part of a machine's user-data.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path as FilePath;

use super::Scope;
use crate::cloud_init::{self, MAX_BYTES, Piece};
use crate::config::file::{UserData, is_address};
use crate::note::Note;
use crate::value::Path;

/// The pieces in the order in which they are written. Scripts among them run in the order of their names.
pub(super) fn user_data(scope: &mut Scope<'_>, written: &UserData, at: &Path) -> Vec<Piece> {
    let texts: Vec<_> = written.texts().collect();
    let mut pieces = Vec::new();
    for (number, (index, text)) in texts.iter().enumerate() {
        let at = index.map_or_else(|| at.clone(), |index| at.join(index));
        let Some((name, bytes)) = content(scope, text, &at) else { continue };
        let name = if texts.len() == 1 { "user-data".to_owned() } else { format!("{:02}-{name}", number + 1) };
        match cloud_init::outgoing(&name, &bytes) {
            Ok(found) => pieces.extend(found),
            Err(error) => {
                let note = Note::error(at, error.to_string());
                scope.note(error.hint().into_iter().fold(note, Note::hint));
            }
        }
    }
    pieces
}

/// The text itself when it can be no path, else what the address or the file holds; with a file's name.
fn content(scope: &mut Scope<'_>, text: &str, at: &Path) -> Option<(String, Vec<u8>)> {
    if text.starts_with('#') || text.contains('\n') {
        return Some(("inline".to_owned(), text.as_bytes().to_vec()));
    }
    if is_address(text) {
        let last = text.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        // What is not there was told of when it was looked for.
        return scope.surroundings.downloads.get(text).map(|bytes| (file_name(last), bytes.clone()));
    }
    let path = scope.path(text, at);
    match read(&path) {
        Ok(bytes) => Some((file_name(&path.file_name().unwrap_or_default().to_string_lossy()), bytes)),
        Err(error) => {
            let why = match error.kind() {
                ErrorKind::NotFound => format!("no file `{}`", path.display()),
                _ => format!("cannot read `{}`: {error}", path.display()),
            };
            let hint = "name a text file, or write the user-data here below `cloud-init: |`";
            scope.note(Note::error(at.clone(), why).hint(hint));
            None
        }
    }
}

fn read(path: &FilePath) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What may stand in a header and in a folder of scripts.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(64).collect();
    if name.trim_matches(['.', '-']).is_empty() { "text".to_owned() } else { name }
}
