//! User-data to its parts, in the order in which cloud-init handles them.

use std::borrow::Cow;
use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;
use mail_parser::{Encoding, HeaderName, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};
use serde::Deserialize;

use super::error::Error;
use super::format::Format;

/// Bytes of all parts together, unpacked.
pub const MAX_BYTES: usize = 4 << 20;
const MAX_PARTS: usize = 256;
const MAX_DEPTH: usize = 8;
/// How far into a text `MIME-Version:` makes it MIME.
const MIME_WINDOW: usize = 4096;

/// One text of a user-data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What messages call it: `user-data` when it is the only one, else `part 2 (nginx.cfg)`.
    pub name: String,
    pub format: Format,
    /// How cloud-init merges it into the cloud-config before it; its `Merge-Type` header.
    pub merge: Option<String>,
    pub body: Vec<u8>,
}

impl Part {
    /// The name of a part that is the whole.
    pub(super) const ALONE: &str = "user-data";
}

/// Takes a user-data apart. An empty one has no parts.
pub fn decode(bytes: &[u8]) -> Result<Vec<Part>, Error> {
    let mut decoder = Decoder { parts: Vec::new(), left: MAX_BYTES };
    decoder.whole(&Place::root(), Cow::Borrowed(bytes))?;
    Ok(decoder.parts)
}

/// Whether cloud-init takes a whole text for MIME.
pub(super) fn is_mime(text: &[u8]) -> bool {
    text[..text.len().min(MIME_WINDOW)].windows(13).any(|at| at.eq_ignore_ascii_case(b"mime-version:"))
}

/// Where a part lies in the whole.
#[derive(Clone, Debug)]
struct Place {
    path: String,
    file: Option<String>,
    depth: usize,
}

impl Place {
    fn root() -> Self {
        Self { path: String::new(), file: None, depth: 0 }
    }

    fn part(&self, number: usize, file: Option<&str>) -> Self {
        let path = if self.path.is_empty() { number.to_string() } else { format!("{}.{number}", self.path) };
        let file = file.map(|file| file.chars().filter(|c| !c.is_control()).take(80).collect());
        Self { path, file, depth: self.depth + 1 }
    }

    fn name(&self) -> String {
        match (self.path.as_str(), &self.file) {
            ("", _) => Part::ALONE.to_owned(),
            (path, None) => format!("part {path}"),
            (path, Some(file)) => format!("part {path} ({file})"),
        }
    }
}

/// What is said about a part beside its text.
#[derive(Clone, Debug, Default)]
struct Label {
    format: Option<Format>,
    merge: Option<String>,
}

struct Decoder {
    parts: Vec<Part>,
    /// Bytes that may still come.
    left: usize,
}

impl Decoder {
    /// A text that may be MIME: the whole, or what an archive holds.
    fn whole(&mut self, place: &Place, bytes: Cow<'_, [u8]>) -> Result<(), Error> {
        let bytes = self.unpacked(place, bytes)?;
        if is_mime(&bytes) { self.mime(place, &bytes) } else { self.text(place, bytes, Label::default()) }
    }

    fn text(&mut self, place: &Place, bytes: Cow<'_, [u8]>, label: Label) -> Result<(), Error> {
        let bytes = self.unpacked(place, bytes)?;
        if place.depth > MAX_DEPTH {
            return Err(Error::TooDeep { part: place.name(), limit: MAX_DEPTH });
        }
        let format = label.format.or_else(|| Format::of_text(&bytes)).unwrap_or(Format::Other);
        if format == Format::Archive {
            return self.archive(place, &bytes);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| too_large(place))?;
        if self.parts.len() == MAX_PARTS {
            return Err(Error::TooMany { part: Part::ALONE.to_owned(), limit: MAX_PARTS });
        }
        self.parts.push(Part { name: place.name(), format, merge: label.merge, body: bytes.into_owned() });
        Ok(())
    }

    /// Without its gzip. What it unpacks to counts against the limit while it is unpacked.
    fn unpacked<'a>(&self, place: &Place, bytes: Cow<'a, [u8]>) -> Result<Cow<'a, [u8]>, Error> {
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return if bytes.len() > self.left { Err(too_large(place)) } else { Ok(bytes) };
        }
        let mut unpacked = Vec::new();
        let mut packed = MultiGzDecoder::new(bytes.as_ref()).take(self.left as u64 + 1);
        packed
            .read_to_end(&mut unpacked)
            .map_err(|error| Error::Gzip { part: place.name(), why: error.to_string() })?;
        if unpacked.len() > self.left { Err(too_large(place)) } else { Ok(Cow::Owned(unpacked)) }
    }

    fn mime(&mut self, place: &Place, bytes: &[u8]) -> Result<(), Error> {
        let broken = |why| Error::Mime { part: place.name(), why };
        let message = MessageParser::new()
            .with_mime_headers()
            .header_text(HeaderName::Other("Merge-Type".into()))
            .header_text(HeaderName::Other("X-Merge-Type".into()))
            .parse(bytes)
            .ok_or_else(|| broken("it has no headers"))?;
        if message.parts.len() > MAX_PARTS {
            return Err(Error::TooMany { part: place.name(), limit: MAX_PARTS });
        }
        let root = message.parts.first().ok_or_else(|| broken("it has no parts"))?;
        match &root.body {
            PartType::Multipart(_) => self.multipart(place, &message, root),
            _ if content_type(root).is_some_and(|name| name.starts_with("multipart/")) => {
                Err(broken("its boundary does not occur"))
            }
            _ => self.leaf(place, bytes, root),
        }
    }

    fn multipart(&mut self, place: &Place, message: &Message<'_>, root: &MessagePart<'_>) -> Result<(), Error> {
        let PartType::Multipart(children) = &root.body else { return Ok(()) };
        if place.depth >= MAX_DEPTH {
            return Err(Error::TooDeep { part: place.name(), limit: MAX_DEPTH });
        }
        for (index, id) in children.iter().enumerate() {
            let Some(part) = message.part(*id) else { continue };
            let place = place.part(index + 1, part.attachment_name());
            match &part.body {
                PartType::Multipart(_) => self.multipart(&place, message, part)?,
                _ => self.leaf(&place, &message.raw_message, part)?,
            }
        }
        Ok(())
    }

    fn leaf(&mut self, place: &Place, raw: &[u8], part: &MessagePart<'_>) -> Result<(), Error> {
        let damaged = || Error::Mime { part: place.name(), why: "its transfer encoding is damaged" };
        if part.is_encoding_problem {
            return Err(damaged());
        }
        let as_written = raw.get(part.offset_body as usize..part.offset_end as usize);
        let body = match (&part.body, part.encoding, as_written) {
            // Not through the declared character set: cloud-init takes the bytes too.
            (_, Encoding::None, Some(written)) => Cow::Borrowed(written),
            (_, Encoding::Base64, Some(written)) => Cow::Owned(base64(written).ok_or_else(damaged)?),
            (PartType::Text(text) | PartType::Html(text), ..) => Cow::Borrowed(text.as_bytes()),
            (PartType::Binary(bytes) | PartType::InlineBinary(bytes), ..) => Cow::Borrowed(bytes.as_ref()),
            (PartType::Message(message), ..) => Cow::Borrowed(message.raw_message.as_ref()),
            (PartType::Multipart(_), ..) => return Ok(()),
        };
        let header = |name: &'static str| part.headers.iter().find(|h| h.name().eq_ignore_ascii_case(name));
        let merge = header("Merge-Type").or_else(|| header("X-Merge-Type")).and_then(|h| h.value().as_text());
        let declared = content_type(part);
        // The types that say nothing, and those that cloud-init does not know: then the text itself says what it is.
        let format = declared.as_deref().and_then(Format::of_type);
        let vague = matches!(
            declared.as_deref(),
            None | Some("text/plain" | "text/x-not-multipart" | "application/octet-stream")
        ) || declared.as_deref().is_some_and(|name| name.contains("gzip"));
        let format = if vague { None } else { Some(format.unwrap_or(Format::Other)) };
        self.text(place, body, Label { format, merge: merge.map(str::to_owned) })
    }

    fn archive(&mut self, place: &Place, bytes: &[u8]) -> Result<(), Error> {
        if place.depth >= MAX_DEPTH {
            return Err(Error::TooDeep { part: place.name(), limit: MAX_DEPTH });
        }
        let broken = |why: String| Error::Archive { part: place.name(), why };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error::NotUtf8 { part: place.name(), at: error.valid_up_to() })?;
        let entries: Vec<Entry> = yaml_serde::from_str(text).map_err(|error| broken(error.to_string()))?;
        if entries.len() > MAX_PARTS {
            return Err(Error::TooMany { part: place.name(), limit: MAX_PARTS });
        }
        for (index, entry) in entries.into_iter().enumerate() {
            let entry = match entry {
                Entry::Bare(content) => Described { content, ..Described::default() },
                Entry::Described(entry) => entry,
            };
            let place = place.part(index + 1, entry.filename.as_deref());
            let format = match &entry.kind {
                Some(kind) => Some(Format::of_type(&kind.to_ascii_lowercase()).unwrap_or(Format::Other)),
                // Without a type or a header that is known, an archive's part is cloud-config.
                None => Format::of_text(entry.content.as_bytes()).or(Some(Format::CloudConfig)),
            };
            let label = Label { format, merge: entry.merge };
            self.text(&place, Cow::Owned(entry.content.into_bytes()), label)?;
        }
        Ok(())
    }
}

/// One of an archive's parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Bare(String),
    Described(Described),
}

#[derive(Default, Deserialize)]
struct Described {
    #[serde(default)]
    content: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    filename: Option<String>,
    #[serde(rename = "Merge-Type", alias = "merge-type", alias = "X-Merge-Type")]
    merge: Option<String>,
}

fn too_large(place: &Place) -> Error {
    Error::TooLarge { part: place.name(), limit: MAX_BYTES }
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: Vec<_> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    GeneralPurpose::new(&STANDARD, padding).decode(text).ok()
}

/// In lower case, without parameters.
fn content_type(part: &MessagePart<'_>) -> Option<String> {
    let declared = part.content_type()?;
    Some(format!("{}/{}", declared.ctype(), declared.subtype().unwrap_or_default()).to_ascii_lowercase())
}
