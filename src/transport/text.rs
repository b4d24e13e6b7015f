//! Small texts from addresses that users write: bounded in time, size and redirects, kept for when their server is away.
//!
//! An address may end in `#sha256=` and a digest: then only that text is accepted, and a copy that fits is not asked for
//! again.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::http::{Http, chain};
use crate::cover::without_tokens;

/// Bytes of one text.
pub const MAX_BYTES: usize = 1 << 20;
/// For one text with all its redirects, from the first packet to the last byte.
const LIMIT: Duration = Duration::from_secs(30);
const PIN: &str = "sha256=";

/// Where a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: Url,
    digest: Option<String>,
}

/// Why a text could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is no address: {why}")]
    Address { text: String, why: String },
    #[error("{address} does not answer: {why}")]
    Away { address: String, why: String },
    #[error("{address} had not given everything after {:?}", .limit)]
    Slow { address: String, limit: Duration },
    #[error("{address} answers {status}")]
    Status { address: String, status: StatusCode },
    #[error("{address} cannot be followed: {why}")]
    Redirect { address: String, why: String },
    #[error("{address} is larger than {MAX_BYTES} bytes")]
    TooLarge { address: String },
    #[error("{address} is not the text that is expected: its digest is {found}")]
    Digest { address: String, found: String },
    #[error("cannot read `{}`", .path.display())]
    File {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("there is no copy of {address} yet, and nothing is contacted now")]
    Offline { address: String },
    #[error(transparent)]
    Http(#[from] super::http::Error),
}

impl Error {
    /// What to do about it, apart from the message.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => Some("write `https://…`, `http://…` or `file:///…`"),
            Self::Digest { .. } => Some("look at what changed there; then put the new digest behind `#sha256=`"),
            Self::Offline { .. } => Some("run `machine plan` once"),
            Self::TooLarge { .. } => Some("settings are written by hand: is this the text you meant?"),
            _ => None,
        }
    }

    /// Whether the server is at fault rather than the text: then an older copy is better than nothing.
    fn is_passing(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Slow { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            _ => false,
        }
    }
}

impl Address {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::Address { text: shown(text), why: why.to_owned() };
        let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        let digest = match url.fragment().map(str::to_ascii_lowercase) {
            None => None,
            Some(fragment) => match fragment.strip_prefix(PIN) {
                Some(hex) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => Some(hex.to_owned()),
                Some(_) => return Err(bad("a SHA-256 digest has 64 hexadecimal digits")),
                None => return Err(bad("only `#sha256=` and a digest may follow it")),
            },
        };
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https" | "file") {
            return Err(bad("only http, https and file are known"));
        }
        if url.scheme() == "file" && url.to_file_path().is_err() {
            return Err(bad("a file's path is absolute"));
        }
        Ok(Self { url, digest })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.url.as_str()))
    }
}

/// An address as it may be shown.
fn shown(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        // What is no address may have been meant to be one.
        (Some((scheme, _)), Some((_, host))) if Url::parse(text).is_err() => format!("{scheme}://***@{host}"),
        _ => without_tokens(text).into_owned(),
    }
}

/// A text that was had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub bytes: Vec<u8>,
    /// Why this is an older copy, when it is.
    pub stale: Option<String>,
}

/// A way to get texts.
#[derive(Clone, Debug)]
pub struct Texts {
    http: Http,
    /// Where copies are kept; it may be deleted at any time.
    folder: PathBuf,
    /// Contact nobody: copies and files only.
    offline: bool,
    limit: Duration,
}

/// What is known of a copy beside its bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    address: String,
    etag: Option<String>,
    last_modified: Option<String>,
    sha256: String,
}

struct Copy {
    record: Record,
    bytes: Vec<u8>,
}

impl Texts {
    /// `folder` keeps the copies.
    pub fn new(folder: PathBuf, offline: bool) -> Result<Self, Error> {
        Ok(Self { http: Http::careful()?, folder, offline, limit: LIMIT })
    }

    /// With another limit of time for one text.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub async fn get(&self, address: &Address) -> Result<Text, Error> {
        let fresh = |bytes| Text { bytes, stale: None };
        if let Ok(path) = address.url.to_file_path() {
            return Ok(fresh(expected(address, file(&path)?)?));
        }
        let copy = self.copy(address);
        let fits = |copy: &Copy| address.digest.as_ref().is_some_and(|digest| *digest == copy.record.sha256);
        if let Some(copy) = &copy
            && (fits(copy) || self.offline && address.digest.is_none())
        {
            return Ok(fresh(copy.bytes.clone()));
        }
        if self.offline {
            return Err(Error::Offline { address: address.to_string() });
        }
        let asked = tokio::time::timeout(self.limit, self.ask(address, copy.as_ref())).await;
        match asked.unwrap_or_else(|_| Err(Error::Slow { address: address.to_string(), limit: self.limit })) {
            Ok(bytes) => Ok(fresh(bytes)),
            Err(error) if error.is_passing() && address.digest.is_none() => match copy {
                Some(copy) => Ok(Text { bytes: copy.bytes, stale: Some(error.to_string()) }),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What the server gives, or the copy when the server says that it still holds.
    async fn ask(&self, address: &Address, copy: Option<&Copy>) -> Result<Vec<u8>, Error> {
        let mut request = self.http.text(address.url.as_str())?;
        for (header, value) in copy.into_iter().flat_map(|copy| copy.record.conditions()) {
            request = request.header(header, value);
        }
        let answer = request.send().await.map_err(|error| refused(address, &error))?;
        if let (StatusCode::NOT_MODIFIED, Some(copy)) = (answer.status(), copy) {
            return Ok(copy.bytes.clone());
        }
        if !answer.status().is_success() {
            return Err(Error::Status { address: address.to_string(), status: answer.status() });
        }
        let too_large = || Error::TooLarge { address: address.to_string() };
        if answer.content_length().is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(too_large());
        }
        let headers = answer.headers().clone();
        let (mut bytes, mut stream) = (Vec::new(), answer.bytes_stream());
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| refused(address, &error))?);
            if bytes.len() > MAX_BYTES {
                return Err(too_large());
            }
        }
        let bytes = expected(address, bytes)?;
        // A copy that cannot be kept is no reason to fail: the text is here.
        _ = self.keep(address, &headers, &bytes);
        Ok(bytes)
    }

    fn place(&self, address: &Address) -> PathBuf {
        self.folder.join(sha256(address.url.as_str().as_bytes()))
    }

    fn copy(&self, address: &Address) -> Option<Copy> {
        let place = self.place(address);
        let record: Record = serde_json::from_slice(&fs::read(place.with_extension("json")).ok()?).ok()?;
        let bytes = fs::read(place).ok()?;
        // One that was cut short, or belongs to another address, is none.
        (record.sha256 == sha256(&bytes) && record.address == address.to_string()).then_some(Copy { record, bytes })
    }

    fn keep(&self, address: &Address, headers: &HeaderMap, bytes: &[u8]) -> io::Result<()> {
        let said = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
        let record = Record {
            address: address.to_string(),
            etag: said(ETAG),
            last_modified: said(LAST_MODIFIED),
            sha256: sha256(bytes),
        };
        let place = self.place(address);
        write(&place, bytes)?;
        write(&place.with_extension("json"), &serde_json::to_vec(&record)?)
    }
}

impl Record {
    fn conditions(&self) -> Vec<(reqwest::header::HeaderName, &str)> {
        let etag = self.etag.iter().map(|value| (IF_NONE_MATCH, value.as_str()));
        let date = self.last_modified.iter().map(|value| (IF_MODIFIED_SINCE, value.as_str()));
        etag.chain(date).collect()
    }
}

/// Beside its place and renamed over it, for its owner alone: an address may be a secret, and what it holds too.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn file(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |cause| Error::File { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_BYTES { Err(Error::TooLarge { address: path.display().to_string() }) } else { Ok(bytes) }
}

fn expected(address: &Address, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let found = sha256(&bytes);
    match &address.digest {
        Some(digest) if *digest != found => Err(Error::Digest { address: address.to_string(), found }),
        _ => Ok(bytes),
    }
}

fn refused(address: &Address, error: &reqwest::Error) -> Error {
    let (address, why) = (address.to_string(), without_url(error));
    if error.is_redirect() { Error::Redirect { address, why } } else { Error::Away { address, why } }
}

/// The causes alone: the outermost text repeats the address, with its password.
fn without_url(error: &reqwest::Error) -> String {
    std::error::Error::source(error).map_or_else(|| "the connection failed".to_owned(), chain)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
