//! User-data for a machine: the user's parts as they are, then ours.
//!
//! It is MIME, which every version of cloud-init reads as a text in UTF-8. A part that is plain ASCII stands in it as
//! it is. Python's parser takes other characters of an unencoded part for Latin-1, and a carriage return at its end for a
//! half of the line break behind it, so parts that have some go in base64: only then do they arrive byte for byte.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::decode::{self, MAX_BYTES, decode, is_mime};
use super::error::Error;
use super::format::Format;
use super::strip::strip;

/// How cloud-init merges our part into what came before it: lists are added to, what is set stays.
const MERGE: &str = "list(append)+dict(no_replace,recurse_list)+str()";
/// The name of our part.
pub(super) const OURS: &str = "machine.cfg";
/// Characters in a line of base64.
const LINE: usize = 76;

/// A part of the user's, ready for a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// A file name in the machine: scripts run in its order.
    pub name: String,
    /// `None` for MIME, which brings its own headers.
    pub format: Option<Format>,
    merge: Option<String>,
    pub body: Vec<u8>,
}

/// What of one text of the user's goes to a machine: all of it as it is, but for our own keys, and unpacked where it is
/// gzip. Nothing for a text without content.
pub fn outgoing(name: &str, text: &[u8]) -> Result<Vec<Piece>, Error> {
    let text = unpacked(name, text)?;
    // cloud-init fails at parts in other encodings, and at ours with them.
    std::str::from_utf8(&text).map_err(|error| Error::NotUtf8 { part: name.to_owned(), at: error.valid_up_to() })?;
    let format = Format::of_text(&text);
    let is_mime = format.is_none() && is_mime(&text);
    let whole = |format| vec![Piece { name: name.to_owned(), format, merge: None, body: text.clone() }];
    match format {
        _ if text.is_empty() => Ok(Vec::new()),
        Some(Format::CloudConfig) => stripped(name, name, &text, None),
        Some(Format::Jinja) if mentions_own(&text) => {
            Err(Error::Entangled { part: name.to_owned(), key: super::OWN_KEYS[0].to_owned() })
        }
        Some(Format::Archive) => parts_or(name, &text, whole(Some(Format::Archive))),
        None if is_mime => parts_or(name, &text, whole(None)),
        _ => Ok(whole(Some(format.unwrap_or(Format::Other)))),
    }
}

/// The whole, unless one of its parts holds keys of ours: then each part by itself.
fn parts_or(name: &str, text: &[u8], whole: Vec<Piece>) -> Result<Vec<Piece>, Error> {
    let parts = decode(text)?;
    let own = |part: &decode::Part| part.format == Format::CloudConfig && mentions_own(&part.body);
    if !parts.iter().any(own) {
        return Ok(whole);
    }
    let mut pieces = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let file = format!("{name}-{}", index + 1);
        if part.format == Format::CloudConfig {
            pieces.extend(stripped(&part.name, &file, &part.body, part.merge)?);
        } else {
            pieces.push(Piece { name: file, format: Some(part.format), merge: part.merge, body: part.body });
        }
    }
    Ok(pieces)
}

/// A cloud-config without our keys; nothing when it held nothing else.
fn stripped(part: &str, name: &str, text: &[u8], merge: Option<String>) -> Result<Vec<Piece>, Error> {
    let text =
        std::str::from_utf8(text).map_err(|error| Error::NotUtf8 { part: part.to_owned(), at: error.valid_up_to() })?;
    let rest = strip(text).map_err(|key| Error::Entangled { part: part.to_owned(), key })?;
    if rest.len() < text.len() && says_nothing(&rest) {
        return Ok(Vec::new());
    }
    let body = rest.into_owned().into_bytes();
    Ok(vec![Piece { name: name.to_owned(), format: Some(Format::CloudConfig), merge, body }])
}

fn says_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "..." || line == "---")
}

fn mentions_own(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    super::OWN_KEYS.iter().any(|key| text.contains(&format!("{key}:")) || text.contains(&format!("{key}\"")))
}

fn unpacked(name: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
    if !text.starts_with(&[0x1f, 0x8b]) {
        return Ok(text.to_vec());
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(text)
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| Error::Gzip { part: name.to_owned(), why: error.to_string() })?;
    if unpacked.len() > MAX_BYTES {
        return Err(Error::TooLarge { part: name.to_owned(), limit: MAX_BYTES });
    }
    Ok(unpacked)
}

/// The user-data of a machine: the same bytes for the same parts. `ours` is a cloud-config that adds to what the user's
/// parts say and overrides nothing of it.
#[must_use]
pub fn encode(pieces: &[Piece], ours: &str) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for text in pieces.iter().map(|piece| piece.body.as_slice()).chain([ours.as_bytes()]) {
        hasher.update(text.len().to_le_bytes());
        hasher.update(text);
    }
    // A boundary that cannot occur in what it bounds, and that is the same on every run.
    let boundary = format!("machine-{}", &hex::encode(hasher.finalize())[..32]);
    let mut out = format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\n\n").into_bytes();
    let mut part = |piece: &Piece| {
        out.extend_from_slice(format!("--{boundary}\n").as_bytes());
        append(&mut out, piece);
        out.push(b'\n');
    };
    pieces.iter().for_each(&mut part);
    part(&Piece {
        name: OURS.to_owned(),
        format: Some(Format::CloudConfig),
        merge: Some(MERGE.to_owned()),
        body: ours.as_bytes().to_vec(),
    });
    out.extend_from_slice(format!("--{boundary}--\n").as_bytes());
    out
}

fn append(out: &mut Vec<u8>, piece: &Piece) {
    let Some(format) = piece.format else { return out.extend_from_slice(&piece.body) };
    let plain = piece.body.is_ascii() && !piece.body.contains(&b'\r');
    let encoding = if plain { "8bit" } else { "base64" };
    let merge = piece.merge.as_ref().map(|merge| format!("Merge-Type: {merge}\n")).unwrap_or_default();
    let header = format!(
        "Content-Type: {}; charset=\"utf-8\"\nContent-Transfer-Encoding: {encoding}\n\
         Content-Disposition: attachment; filename=\"{}\"\n{merge}\n",
        format.content_type(),
        piece.name,
    );
    out.extend_from_slice(header.as_bytes());
    if plain {
        return out.extend_from_slice(&piece.body);
    }
    for line in STANDARD.encode(&piece.body).as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}
