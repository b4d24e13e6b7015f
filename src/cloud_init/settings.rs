//! The texts of a user-data that settings of ours are read from.

use super::decode::{Part, decode};
use super::error::Error;
use super::format::Format;

/// A cloud-config text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As [`super::Part::name`].
    pub part: String,
    /// As it is written, so that lines count from its own first one.
    pub text: String,
}

/// The cloud-config texts of a user-data, in order: later ones win. Scripts and the like hold none and are passed over;
/// settings in what only a machine can evaluate are an error, and so is a text of no known format.
pub fn settings(bytes: &[u8]) -> Result<Vec<Settings>, Error> {
    let mut found = Vec::new();
    for part in decode(bytes)? {
        found.extend(read(part)?);
    }
    Ok(found)
}

/// What of a part holds settings.
pub(super) fn read(part: Part) -> Result<Option<Settings>, Error> {
    match part.format {
        Format::CloudConfig => {
            let text = String::from_utf8(part.body)
                .map_err(|error| Error::NotUtf8 { part: part.name.clone(), at: error.utf8_error().valid_up_to() })?;
            return Ok(Some(Settings { part: part.name, text }));
        }
        Format::Include | Format::IncludeOnce => return Err(Error::Include { part: part.name }),
        Format::Jinja if mentions(&part.body, "\ncloud-machine:") => {
            return Err(Error::Unknowable { part: part.name, what: "a template" });
        }
        Format::Patch if mentions(&part.body, "/cloud-machine") => {
            return Err(Error::Unknowable { part: part.name, what: "a patch" });
        }
        Format::Other if part.name == Part::ALONE => {
            return Err(Error::Unknown { part: part.name, header: header(&part.body) });
        }
        _ => {}
    }
    Ok(None)
}

fn mentions(body: &[u8], word: &str) -> bool {
    body.windows(word.len()).any(|at| at == word.as_bytes())
}

/// Enough of the first line to know it by.
fn header(body: &[u8]) -> String {
    let line = body.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(120)]).chars().filter(|c| !c.is_control()).take(40).collect()
}
